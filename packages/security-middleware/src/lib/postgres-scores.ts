import { type ClientScore, faded, leastScore, type ScoreStore } from './client-score.ts'
import { SecurityError } from './errors.ts'
import { integer, knownOptions } from './options.ts'
import type { Queryable } from './postgres-store.ts'
import { scoresSql } from './scores-sql.ts'

/** Options of {@link postgresScores}. */
export interface PostgresScoresOptions {
  readonly pool: Queryable
  /** The most clients kept; beyond it those longest without an offence are forgotten. @default 100000 */
  readonly size?: number
}

/** Scores in PostgreSQL. */
export interface PostgresScores extends ScoreStore {
  readonly shared: true
  add(...call: Parameters<ScoreStore['add']>): Promise<ClientScore>
  read(...call: Parameters<ScoreStore['read']>): Promise<ClientScore | undefined>
  forgive(client: string): Promise<void>
  /** Makes the table (sql/scores.sql) unless it is there. */
  migrate(): Promise<void>
  /** Removes clients whose scores have faded and those beyond `size`, and gives their number. `add` does so once a minute. */
  prune(): Promise<number>
}

// $1 client, $2 points, $3 now, $4 half-life, $5 jailed at, $6 jailed for: raised() of client-score.ts, in one statement.
// The exponent is bounded because PostgreSQL's power() refuses what a double cannot hold; 60 half-lives leave nothing
const addSql = `
insert into shop_security_scores as held (client, score, at, jailed_until, expires_at)
select $1, score, at, jailed_until, ${expiry()} from (
  select first.score, $3::float8 as at, case when first.score >= $5 then $3 + $6 else 0 end::float8 as jailed_until
  from (select least($2::float8, $5::float8 * 4) as score) first
) fresh
on conflict (client) do update set (score, at, jailed_until, expires_at) = (
  select score, at, jailed_until, ${expiry()} from (
    select raised.score, raised.at,
      case when raised.jailed_until <> 0 then raised.jailed_until when raised.score >= $5 then raised.at + $6 else 0 end as jailed_until
    from (
      select least(case when kept.score < ${leastScore} then 0 else kept.score end + $2, $5 * 4) as score, kept.at, kept.jailed_until
      from (
        select
          case when served then 0 else held.score * power(0.5::float8, least(60, greatest(0, $3 - held.at) / $4::float8)) end as score,
          case when served then $3 else greatest($3, held.at) end as at,
          case when served then 0 else held.jailed_until end as jailed_until
        from (select held.jailed_until <> 0 and held.jailed_until <= $3 as served) sentence
      ) kept
    ) raised
  ) next
)
returning score, at, jailed_until as "jailedUntil"`

/** When a row says nothing more: at the end of the sentence, or once the score has faded. */
function expiry(): string {
  return `clock_timestamp() + interval '1 millisecond' *
    case when jailed_until <> 0 then jailed_until - at else $4 * ln(greatest(score, ${leastScore}) / ${leastScore}) / ln(2::float8) end`
}

const readSql = `select score, at, jailed_until as "jailedUntil" from shop_security_scores where client = $1`

// rows that somebody adds to just now are left; whoever adds waits for this at most as long as it takes
const pruneSql = `
delete from shop_security_scores where client in (
  select client from shop_security_scores where expires_at < clock_timestamp()
    or client in (select client from shop_security_scores order by at desc offset $1)
  limit 50000 for update skip locked)`

const pruneEvery = 60_000

/**
 * Scores in PostgreSQL, for several processes: one statement an offence, which fades, adds and jails at once. A row goes when its
 * score has faded or its sentence is over, and the table holds about `size` clients. Give the processes one `clientKey`.
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION
 * @example inspect({ store: postgresScores({ pool }), clientKey: env.CLIENT_KEY })
 */
export function postgresScores(options: PostgresScoresOptions): PostgresScores {
  knownOptions('postgresScores()', options, ['pool', 'size'])
  const { pool } = options
  if (typeof pool?.query !== 'function')
    throw new SecurityError('ERR_SHOP_SECURITY_OPTION', 'pool must be a pg Pool, or something with its query().')
  const size = integer('size', options.size, 100_000, [1, 100_000_000])
  let pruned = performance.now()

  async function prune(): Promise<number> {
    pruned = performance.now()
    return (await pool.query(pruneSql, [size])).rowCount ?? 0
  }

  return {
    shared: true,
    async add(client, points, now, rules) {
      const values = [client, points, now, rules.halfLife, rules.jailAt, rules.jailFor]
      const { rows } = await pool.query(addSql, values)
      // a failure here is one of the next offence, too, and is told then
      if (performance.now() - pruned > pruneEvery) prune().catch(() => undefined)
      return rows[0] as ClientScore
    },
    async read(client, now, rules) {
      const record = (await pool.query(readSql, [client])).rows[0] as ClientScore | undefined
      return record && faded(record, now, rules)
    },
    async forgive(client) {
      await pool.query('delete from shop_security_scores where client = $1', [client])
    },
    async migrate() {
      // several processes start at once, and "if not exists" does not wait for the other
      await pool.query(
        `do $do$ begin perform pg_advisory_xact_lock(7340172); ${scoresSql.replaceAll(/^--.*\n/gm, '')} end $do$`,
      )
    },
    prune,
  }
}
