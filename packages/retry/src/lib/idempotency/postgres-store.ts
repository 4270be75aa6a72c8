import { randomUUID } from 'node:crypto'

import type { Duration } from '../duration.ts'
import { RetryError } from '../errors.ts'
import { duration, readOptions } from '../options.ts'
import type { Claim, ClaimOptions, IdempotencyStore } from './store.ts'

/** What is used of a `pg` pool or client. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount?: number | null }>
}

/** How {@link postgresStore} keeps keys. */
export interface PostgresStoreOptions {
  /** How long a completed key is remembered. @default '24h' */
  readonly ttl?: Duration
}

/** An idempotency store in PostgreSQL. */
export interface PostgresStore extends IdempotencyStore {
  /** Creates the table when it is not there (`sql/idempotency.sql`). */
  install(): Promise<void>
  /** Deletes what is no longer remembered, at most `limit` rows; returns how many. */
  sweep(limit?: number): Promise<number>
}

/** The content of `sql/idempotency.sql`, for bundles. */
export const IDEMPOTENCY_SQL: string = `create table if not exists shop_idempotency (
  key text primary key,
  fingerprint text not null,
  token uuid not null unique,
  until timestamptz not null,
  done boolean not null default false,
  result jsonb
);
create index if not exists shop_idempotency_until on shop_idempotency (until);
`

const CLAIM = `insert into shop_idempotency as known (key, fingerprint, token, until)
values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')
on conflict (key) do update set fingerprint = excluded.fingerprint, token = excluded.token, until = excluded.until,
  done = false, result = null
where known.until <= clock_timestamp()
returning token`
const LOOK = `select fingerprint, done, result from shop_idempotency where key = $1`
const COMPLETE = `update shop_idempotency set done = true, result = $2, until = clock_timestamp() + $3 * interval '1 millisecond'
where token = $1 and not done`
const RELEASE = `delete from shop_idempotency where token = $1 and not done`
const SWEEP = `delete from shop_idempotency where key in
  (select key from shop_idempotency where until <= clock_timestamp() limit $1 for update skip locked)`
const LOCK = `select pg_try_advisory_xact_lock(hashtextextended($1, 20251124)) as locked`

/**
 * Keeps keys in PostgreSQL. With `tx` the claim is part of the caller's transaction: what was done and that it was done are
 * committed together or not at all, so a process killed between the two leaves neither, and the work happens exactly once.
 * Without it the store is at least once, like the others. Time is the database's.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function postgresStore(pool: Queryable, options?: PostgresStoreOptions): PostgresStore {
  const { ttl } = readOptions('postgresStore', options, { ttl: duration(1, '8760h', '24h') })
  const via = (tx: unknown): Queryable => (tx as Queryable | undefined) ?? pool
  return {
    async install() {
      await pool.query(IDEMPOTENCY_SQL)
    },
    async claim(key: string, { fingerprint, lease, tx }: ClaimOptions): Promise<Claim> {
      const db = via(tx)
      // a rival transaction holds this lock until it ends; waiting for it on the unique index would hold a connection each
      if (tx && !(await first<{ locked: boolean }>(db, LOCK, [key]))?.locked) return { state: 'in-flight' }
      const token = randomUUID()
      const claimed = await first(db, CLAIM, [key, fingerprint, token, lease])
      if (claimed) return { state: 'claimed', token }
      const known = await first<{ fingerprint: string; done: boolean; result: unknown }>(db, LOOK, [key])
      // released between the two statements: the caller will come again
      if (!known) return { state: 'in-flight' }
      if (known.fingerprint !== fingerprint) return { state: 'mismatch' }
      return known.done ? { state: 'completed', result: known.result ?? undefined } : { state: 'in-flight' }
    },
    async complete(token: string, result?: unknown, tx?: unknown): Promise<void> {
      const { rowCount } = await via(tx).query(COMPLETE, [
        token,
        result === undefined ? null : JSON.stringify(result),
        ttl,
      ])
      if (tx && rowCount !== 1)
        throw new RetryError('ERR_SHOP_RETRY_STORE', 'the claim of this transaction is not its own any more')
    },
    async release(token: string, tx?: unknown): Promise<void> {
      await via(tx).query(RELEASE, [token])
    },
    async sweep(limit = 1000): Promise<number> {
      return (await pool.query(SWEEP, [limit])).rowCount ?? 0
    },
  }
}

async function first<T>(db: Queryable, text: string, values: unknown[]): Promise<T | undefined> {
  return (await db.query(text, values)).rows[0] as T | undefined
}
