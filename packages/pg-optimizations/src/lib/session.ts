import type { Client } from 'pg'

import { PgOptimizationsError } from './errors.ts'
import { type Connection, row, sqlState } from './sql.ts'

/** Opens connections to one database; each is closed by whoever opened it. */
export type Connect = () => Promise<Client>

/**
 * Runs `work` while no other run applies anything to this database. The lock is asked for again and again rather than
 * waited for: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY of the run we wait for would wait for us.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_BUSY` after `patience` milliseconds
 */
export async function exclusively<T>(
  client: Client,
  schema: string,
  patience: number,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const key = `hashtextextended('shop-pg apply ' || current_database() || $1, 0)`
  const until = performance.now() + patience
  for (;;) {
    signal?.throwIfAborted()
    const { mine } = await row<{ mine: boolean }>(client, `select pg_try_advisory_lock(${key}) as mine`, [schema])
    if (mine) break
    if (performance.now() > until)
      throw new PgOptimizationsError(
        'ERR_SHOP_PG_BUSY',
        `another run is applying assets to schema ${schema}; waited ${patience} ms`,
      )
    await pause(50 + Math.random() * 100, signal)
  }
  try {
    return await work()
  } finally {
    await client.query(`select pg_advisory_unlock(${key})`, [schema]).catch(() => {}) // a broken connection has released it
  }
}

/** Who holds up a backend, for a message: process, role, application and how long its transaction has been open; never its query. */
export async function blockersOf(connection: Connection, pid: number): Promise<string> {
  const { who } = await row<{ who: string | null }>(
    connection,
    `select string_agg(format('process %s (%s, %s, transaction open for %s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name'),
              date_trunc('second', now() - a.xact_start), a.state), '; ') as who
     from pg_stat_activity a
     where a.pid = any (pg_blocking_pids($1))
        or a.pid in (select l.pid from pg_locks w join pg_locks l on l.locktype = 'virtualxid' and l.virtualxid = w.virtualxid and l.granted
                     where w.pid = $1 and not w.granted and l.pid <> $1)`,
    [pid],
  )
  return who ?? 'nobody that can be seen'
}

/** Whether trying again later may help: a lock not had in time, a deadlock, a serialization failure. */
export function isTransient(error: unknown): boolean {
  return ['55P03', '40P01', '40001'].includes(sqlState(error) ?? '')
}

/** Waits, and rejects when `signal` is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const aborted = (): void => {
      clearTimeout(timer)
      reject(signal!.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted)
      resolve()
    }, ms)
    signal?.addEventListener('abort', aborted, { once: true })
  })
}
