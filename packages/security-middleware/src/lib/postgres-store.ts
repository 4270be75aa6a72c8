import { randomUUID } from 'node:crypto'

import type { Claim, ClaimOptions, ClaimStore } from './claim-store.ts'
import { claimsSql } from './claims-sql.ts'
import { type Duration, milliseconds } from './duration.ts'
import { SecurityError } from './errors.ts'
import { knownOptions } from './options.ts'

/** What is used of `pg`: a Pool for the store, a client with an open transaction for `tx`. */
export interface Queryable {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: readonly unknown[]; readonly rowCount: number | null }>
}

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /** Where claims without a transaction are made. */
  readonly pool: Queryable
  /** How long `prune()` leaves completed claims. @default '30d', as long as Stripe lets an event be sent again */
  readonly retention?: Duration
}

/** Claims in PostgreSQL. */
export interface PostgresStore extends ClaimStore<Queryable> {
  claim(key: string, options: ClaimOptions<Queryable>): Promise<Claim>
  complete(token: string, result?: unknown): Promise<void>
  release(token: string): Promise<void>
  advance(key: string, position: number, tx?: Queryable): Promise<boolean>
  /** Makes the tables (sql/claims.sql) unless they are there. */
  migrate(): Promise<void>
  /** Removes completed claims beyond their retention, and gives their number. Run it daily. */
  prune(): Promise<number>
}

const claimSql = `
insert into shop_security_claims as held (key, fingerprint, token, lease_until, completed_at)
values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond', case when $5 then now() end)
on conflict (key) do update
  set token = excluded.token, lease_until = excluded.lease_until, completed_at = excluded.completed_at
  where held.completed_at is null and held.lease_until < clock_timestamp() and held.fingerprint = excluded.fingerprint
returning token`

const stateSql = `
select fingerprint = $2 as same, completed_at is not null as completed, result from shop_security_claims where key = $1`

const advanceSql = `
insert into shop_security_positions as held (key, position) values ($1, $2)
on conflict (key) do update set position = excluded.position, advanced_at = now() where held.position <= excluded.position
returning position`

const mostTransactions = 10_000

/**
 * Claims in PostgreSQL. With `tx` a claim is part of the caller's transaction: a second delivery waits for the first
 * one's commit or rollback, and committing is completing, so that what the transaction does happens exactly once,
 * whatever crashes. Without `tx` a lease stands for the crashed process, and the effect happens at least once.
 *
 * In a REPEATABLE READ or SERIALIZABLE transaction a concurrent claim is a serialisation failure (40001): run the
 * transaction again, as always there.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_DURATION
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  knownOptions('postgresStore()', options, ['pool', 'retention'])
  const { pool } = options
  if (typeof pool?.query !== 'function')
    throw new SecurityError('ERR_SHOP_SECURITY_OPTION', 'pool must be a pg Pool, or something with its query().')
  const retention = milliseconds('retention', options.retention ?? '30d')
  // claims in a transaction are complete when they are made: what is kept here only lets complete() add a result
  const transactions = new Map<string, Queryable>()

  async function claim(key: string, { fingerprint, lease, tx }: ClaimOptions<Queryable>): Promise<Claim> {
    const db = tx ?? pool
    // a claim released between the two statements is tried for again
    for (let attempt = 0; attempt < 5; attempt++) {
      const token = randomUUID()
      const made = await db.query(claimSql, [key, fingerprint, token, lease, tx !== undefined])
      if (made.rows.length === 1) {
        if (tx) remember(token, tx)
        return { state: 'claimed', token }
      }
      const found = (await db.query(stateSql, [key, fingerprint])).rows[0] as
        | { same: boolean; completed: boolean; result: unknown }
        | undefined
      if (!found) continue
      if (!found.same) return { state: 'mismatch' }
      return found.completed ? { state: 'completed', result: found.result ?? undefined } : { state: 'in-flight' }
    }
    return { state: 'in-flight' }
  }

  function remember(token: string, tx: Queryable): void {
    if (transactions.size >= mostTransactions) transactions.delete(transactions.keys().next().value!)
    transactions.set(token, tx)
  }

  return {
    claim,
    async complete(token, result) {
      const tx = transactions.get(token)
      transactions.delete(token)
      const open = tx ? '' : ' and completed_at is null'
      const done = await (tx ?? pool).query(
        `update shop_security_claims set completed_at = now(), result = $2::jsonb where token = $1${open}`,
        [token, result === undefined ? null : JSON.stringify(result)],
      )
      if (done.rowCount === 0)
        throw new SecurityError(
          'ERR_SHOP_SECURITY_CLAIM',
          'complete(): this claim’s lease ran out and another took over.',
        )
    },
    async release(token) {
      const tx = transactions.get(token)
      transactions.delete(token)
      await (tx ?? pool).query(
        `delete from shop_security_claims where token = $1${tx ? '' : ' and completed_at is null'}`,
        [token],
      )
    },
    async advance(key, position, tx) {
      return (await (tx ?? pool).query(advanceSql, [key, position])).rows.length === 1
    },
    async migrate() {
      // several processes start at once, and "if not exists" does not wait for the other
      await pool.query(
        `do $do$ begin perform pg_advisory_xact_lock(7340171); ${claimsSql.replace(/^--.*\n/, '')} end $do$`,
      )
    },
    async prune() {
      const claims = await pool.query(
        `delete from shop_security_claims where completed_at < now() - $1 * interval '1 millisecond'`,
        [retention],
      )
      await pool.query(
        `delete from shop_security_positions where advanced_at < now() - $1 * interval '1 millisecond'`,
        [retention],
      )
      return claims.rowCount ?? 0
    },
  }
}
