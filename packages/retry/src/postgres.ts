export {
  type ListeningClient,
  postgresTransport,
  type PostgresTransportOptions,
} from './lib/cluster/postgres-transport.ts'
export {
  IDEMPOTENCY_SQL,
  type PostgresStore,
  postgresStore,
  type PostgresStoreOptions,
  type Queryable,
} from './lib/idempotency/postgres-store.ts'
