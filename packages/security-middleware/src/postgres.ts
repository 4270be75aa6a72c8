export { postgresScores, type PostgresScores, type PostgresScoresOptions } from './lib/postgres-scores.ts'
export { postgresStore, type PostgresStore, type PostgresStoreOptions, type Queryable } from './lib/postgres-store.ts'
