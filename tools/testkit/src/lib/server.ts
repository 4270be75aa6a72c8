import { startPostgres, type Postgres, type PostgresOptions } from '../postgres.ts'
import { here } from './needs.ts'

/** A PostgreSQL of the test's own, for whatever must not happen to the shared one; version 15 has pgAudit. */
export async function server(options: PostgresOptions = {}): Promise<Postgres> {
  if (options.version === 15) here('pgaudit')
  return startPostgres(options)
}
