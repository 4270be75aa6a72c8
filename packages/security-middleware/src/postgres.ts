export { postgresStore, type PostgresStore, type PostgresStoreOptions, type Queryable } from './lib/postgres-store.ts'
