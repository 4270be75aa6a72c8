import type { Pipeline } from '@shop/retry'
import pg from 'pg'

import { BootError } from './boot-error.ts'
import { Refusal } from './refusal.ts'

/** What the domain asks of PostgreSQL: rows, and a transaction around several statements. */
export interface Database {
  rows<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** The first row, when there is one. */
  row<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row | undefined>
  /** Commits what `work` did when it returns, rolls back when it throws. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

/** A database inside a transaction; `client` is for packages that write in the caller's own transaction. */
export interface Transaction extends Omit<Database, 'transaction'> {
  readonly client: pg.PoolClient
}

// int8 (counts, sums, order ids) fits a double in this shop by a wide margin
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/** A pool whose waits are bounded: a database that is gone is an error in seconds, never a hang. */
export function createPool(url: string, size = 10): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    query_timeout: 10_000,
    application_name: 'shop',
  })
  // an idle connection that breaks is replaced by the pool; without a listener it would end the process
  pool.on('error', () => {})
  return pool
}

/** @throws {BootError} when PostgreSQL cannot be reached within three seconds, or refuses us */
export async function requireDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  try {
    await client.connect()
  } catch (error) {
    const { host, port, database } = client
    throw new BootError(`PostgreSQL at ${host}:${port}/${database} refuses: ${reason(error)}`, { cause: error })
  } finally {
    await client.end()
  }
}

const reason = (error: unknown): string =>
  error instanceof AggregateError
    ? error.errors.map(reason).join(', ')
    : error instanceof Error
      ? error.message
      : String(error)

/**
 * The database behind its pipeline: a statement that certainly was not executed is sent again, a transaction that was
 * rolled back by a deadlock runs again from the start, so `work` may be called more than once.
 */
export function createDatabase(pool: pg.Pool, guard: Pipeline): Database {
  const once = queries(pool)
  return {
    rows: (sql, values) => guard.run(() => once.rows(sql, values)),
    row: (sql, values) => guard.run(() => once.row(sql, values)),
    async transaction(work) {
      // a refusal is a decision of the shop, not a failure of the database
      const outcome = await guard.run(() => inTransaction(pool, work).then(accepted, refused))
      if (outcome instanceof Refusal) throw outcome
      return outcome.value
    },
  }
}

const accepted = <T>(value: T): { readonly value: T } => ({ value })

function refused(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  throw error
}

async function inTransaction<T>(pool: pg.Pool, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work({ ...queries(client), client })
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    await client.query('rollback').then(
      () => client.release(),
      (broken: Error) => client.release(broken),
    )
    throw error
  }
}

function queries(on: pg.Pool | pg.PoolClient): Omit<Database, 'transaction'> {
  return {
    rows: async (sql, values = []) => (await on.query(sql, [...values])).rows,
    row: async (sql, values = []) => (await on.query(sql, [...values])).rows[0],
  }
}
