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

/**
 * Refuses a transaction pooler, behind which a session's lock would stay with a connection that somebody else gets next: its
 * statements run in other backends, or another connection's in its own.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_OPTION`
 */
export async function refusePooler(client: Client, connect: Connect): Promise<void> {
  const backend = async (of: Client): Promise<number> =>
    (await row<{ pid: number }>(of, 'select pg_backend_pid() as pid')).pid
  const before = [await backend(client), await backend(client)]
  const other = await connect()
  try {
    await other.query('begin')
    const theirs = await backend(other)
    const after = await backend(client)
    await other.query('rollback')
    if (before.every((pid) => pid === after) && theirs !== after) return
  } finally {
    await other.end().catch(() => {})
  }
  throw new PgOptimizationsError(
    'ERR_SHOP_PG_OPTION',
    'connect: this is a transaction pooler, which keeps no session; connect to the server itself',
  )
}

/** A transaction, for a message: process, role, application and how long it has been open; never its query. */
const PROCESS = `format('process %s (%s, %s, transaction open for %s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name'),
  date_trunc('second', now() - a.xact_start), a.state)`
const PREPARED = `format('prepared transaction %L (%s, prepared %s ago)', x.gid, x.owner, date_trunc('second', now() - x.prepared))`
/** Its locks, which no process holds, bear the number of the virtual transaction that it was. */
const OF_PREPARED = `(pg_prepared_xacts x join pg_locks v on v.pid is null and v.transactionid = x.transaction) on l.pid is null and l.virtualtransaction = v.virtualtransaction`

/** Who holds up a backend. */
export async function blockersOf(connection: Connection, pid: number): Promise<string> {
  const { who } = await row<{ who: string | null }>(
    connection,
    `select string_agg(who, '; ') as who from (
       select ${PROCESS} as who from pg_stat_activity a
       where a.pid = any (pg_blocking_pids($1))
          or a.pid in (select l.pid from pg_locks w join pg_locks l on l.locktype = 'virtualxid' and l.virtualxid = w.virtualxid and l.granted
                       where w.pid = $1 and not w.granted and l.pid <> $1)
       union
       select ${PREPARED} from pg_locks w
       join pg_locks l on l.granted and (l.transactionid = w.transactionid or (l.database, l.relation) = (w.database, w.relation)) join ${OF_PREPARED}
       where w.pid = $1 and not w.granted) blocking`,
    [pid],
  )
  return who ?? 'nobody that can be seen'
}

/** Who has tables of a schema open just now, those that only read them if they matter. */
export async function holdersIn(connection: Connection, schema: string, readers: boolean): Promise<string> {
  const { who } = await row<{ who: string | null }>(
    connection,
    `select string_agg(distinct case when a.pid is null then ${PREPARED} else ${PROCESS} end, '; ') as who
     from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
     left join pg_stat_activity a on a.pid = l.pid left join ${OF_PREPARED}
     where l.granted and l.pid is distinct from pg_backend_pid() and c.relkind = 'r' and n.nspname = $1 and ($2 or l.mode <> 'AccessShareLock')
       and coalesce(a.pid::text, x.gid) is not null`,
    [schema, readers],
  )
  return who ?? 'somebody who has gone meanwhile'
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
