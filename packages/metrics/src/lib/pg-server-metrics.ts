import { counter } from './counter.ts'
import { type Duration, milliseconds } from './duration.ts'
import { type Gauge, gauge } from './gauge.ts'
import { MetricsError } from './errors.ts'
import { onlyKnown } from './options.ts'
import { type Register, registerOf } from './register.ts'
import { errorCodeLabel } from './sql-labels.ts'

/** What {@link pgServerMetrics} asks with: a pool or client of `pg`. */
export interface PgQueryable {
  query(question: {
    readonly text: string
    readonly query_timeout: number
  }): Promise<{ readonly rows: readonly unknown[] }>
}

/** What {@link pgServerMetrics} takes beside the pool. */
export interface PgServerMetricsOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
  /** The server is asked at most this often, however often it is scraped. @default '10s' */
  readonly interval?: Duration
}

interface Reading {
  readonly states: Readonly<Record<string, number>>
  readonly [name: string]: number | Readonly<Record<string, number>>
}

/** Below the second after which a scrape goes on without an answer. */
const ANSWER_TIMEOUT = 900
/** An answer that comes later is not waited for; the connection may be lost without a word. */
const QUESTION_TIMEOUT = 10_000
/** SQLSTATE of a server that answers, but has no connection left for this role or at all. */
const TOO_MANY_CONNECTIONS = '53300'

// one statement, so that one scrape is one round trip; what a plain user may not see counts as nothing
const SQL = `
select (select json_object_agg(state, n) from (select coalesce(state, 'other') as state, count(*) as n from pg_stat_activity where backend_type = 'client backend' group by 1) s) as states,
  current_setting('max_connections')::int as max_connections,
  d.xact_commit::float8, d.xact_rollback::float8, d.blks_hit::float8, d.blks_read::float8, d.deadlocks::float8, d.temp_bytes::float8,
  pg_database_size(d.datid)::float8 as size,
  (select age(datfrozenxid)::float8 from pg_database where oid = d.datid) as xid_age,
  (select coalesce(extract(epoch from max(now() - xact_start)), 0)::float8 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend') as longest_transaction,
  (select coalesce(extract(epoch from max(now() - state_change)), 0)::float8 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%') as idle_in_transaction,
  (select count(*)::float8 from pg_locks where not granted) as waiting_locks,
  (select coalesce(sum(n_dead_tup), 0)::float8 from pg_stat_user_tables) as dead_tuples,
  (select coalesce(sum(n_live_tup), 0)::float8 from pg_stat_user_tables) as live_tuples,
  (select coalesce(extract(epoch from max(replay_lag)), 0)::float8 from pg_stat_replication) as replication_lag
from pg_stat_database d where d.datname = current_database()`

/**
 * The PostgreSQL server as its own statistics views show it: connections, transactions, cache, locks, long
 * transactions, dead tuples, transaction ids, replication. `postgresql_up` is 0 while it does not answer; while all
 * of a pool is taken, it is asked by a connection beside it. Needs no exporter and no more rights than `pg_monitor`,
 * without which other users' transactions are not seen. One server a registry, as one exporter tells of one: give
 * another a registry and a `metricsEndpoint()` of its own.
 * @returns what ends the asking and takes its metrics out of the registry; the same for a second call with this pool
 * @throws ERR_SHOP_METRICS_OPTION, _UNKNOWN_OPTION, _DURATION, _NAME_TAKEN
 */
export function pgServerMetrics(pool: PgQueryable, options: PgServerMetricsOptions = {}): Disposable {
  onlyKnown('pgServerMetrics()', options, ['register', 'interval'])
  if (typeof pool?.query !== 'function')
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', 'pgServerMetrics(): the first argument cannot query()')
  const interval = milliseconds('pgServerMetrics(): interval', options.interval, '10s')
  const register = registerOf('pgServerMetrics()', options.register)
  const held = servers.get(register.getSingleMetric('postgresql_up') as object)
  if (held?.pool === pool) return held
  if (held) {
    throw new MetricsError(
      'ERR_SHOP_METRICS_NAME_TAKEN',
      'pgServerMetrics(): the registry tells of another server; give this one a register and a metricsEndpoint() of its own',
    )
  }
  let asked = -Infinity
  let asking = false
  let show: ((reading: Reading) => void) | undefined
  const up = gauge({
    register,
    name: 'postgresql_up',
    help: '1 while the server answers',
    aggregator: 'min',
    async collect() {
      if (asking || performance.now() - asked < interval) return
      asked = performance.now()
      asking = true
      // a server that does not answer in time is not up, whatever becomes of the question
      const late = setTimeout(() => up.set(0), ANSWER_TIMEOUT)
      const answer = await ask(pool).catch((error: unknown) => errorCodeLabel(error))
      clearTimeout(late)
      asking = false
      if (!servers.has(up)) return
      up.set(typeof answer === 'object' || answer === TOO_MANY_CONNECTIONS ? 1 : 0)
      // defined by the first answer, for a gauge that was never read would say 0
      if (typeof answer === 'object') (show ??= showing(register))(answer)
    },
  })
  const server = {
    pool,
    [Symbol.dispose]() {
      if (!servers.delete(up)) return
      for (const name of NAMES) register.removeSingleMetric(name)
    },
  }
  servers.set(up, server)
  return server
}

const servers = new WeakMap<object, Disposable & { readonly pool: PgQueryable }>()

interface Pool extends PgQueryable {
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
  readonly options: { readonly max: number; readonly password?: unknown }
  readonly Client: new (options: object) => Client
}
interface Client extends PgQueryable {
  on(event: 'error', listener: () => void): unknown
  connect(): Promise<unknown>
  end(): Promise<void>
}

/** Never in the queue of a pool: one that is exhausted is no server that is down, and a question there makes it worse. */
async function ask(pool: PgQueryable): Promise<Reading> {
  const question = { text: SQL, query_timeout: QUESTION_TIMEOUT }
  if (!isExhausted(pool)) return (await pool.query(question)).rows[0] as Reading
  const { options, Client } = pool
  // the pool hides its password from whoever copies its options
  const { password } = options
  const client = new Client({ ...options, password, connectionTimeoutMillis: QUESTION_TIMEOUT })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(question)).rows[0] as Reading
  } finally {
    void client.end()
  }
}

function isExhausted(given: PgQueryable): given is Pool {
  const { totalCount, idleCount, waitingCount, options, Client } = given as Partial<Pool>
  if (typeof Client !== 'function' || !options) return false
  return waitingCount! >= idleCount! + options.max - totalCount!
}

function showing(register: Register): (reading: Reading) => void {
  const backends = gauge({
    register,
    name: 'postgresql_backends',
    help: 'Client connections, by state',
    labelNames: ['state'],
    aggregator: 'max',
  })
  const gauges = Object.entries(GAUGES).map(([column, [name, help]]): [string, Gauge] => [
    column,
    gauge({ register, name, help, aggregator: 'max' }),
  ])
  const counters = Object.entries(COUNTERS).map(([column, [name, help]]) => {
    const rising = counter({ register, name, help })
    let before: number | undefined
    return (reading: Reading): void => {
      const now = reading[column] as number
      // the server's own count may begin anew; what it counted before us is not ours to show
      if (before !== undefined) rising.inc(now < before ? now : now - before)
      before = now
    }
  })
  return (reading) => {
    for (const state of new Set(['active', 'idle', 'idle in transaction', ...Object.keys(reading.states)])) {
      backends.set({ state }, reading.states[state] ?? 0)
    }
    for (const [column, shown] of gauges) shown.set(reading[column] as number)
    for (const rise of counters) rise(reading)
  }
}

const GAUGES: Readonly<Record<string, readonly [name: string, help: string]>> = {
  max_connections: ['postgresql_connection_max', 'Connections the server takes'],
  size: ['postgresql_db_size_bytes', 'Size of the database on disk'],
  xid_age: ['postgresql_xid_age', 'Transactions since the oldest row was frozen; the server stops near two billion'],
  longest_transaction: ['postgresql_longest_transaction_seconds', 'Age of the oldest open transaction'],
  idle_in_transaction: [
    'postgresql_idle_in_transaction_seconds',
    'How long the longest idle transaction has been idle',
  ],
  waiting_locks: ['postgresql_waiting_locks', 'Lock requests that wait'],
  dead_tuples: ['postgresql_dead_rows', 'Dead rows that wait for vacuum'],
  live_tuples: ['postgresql_live_rows', 'Live rows'],
  replication_lag: ['postgresql_replication_lag_seconds', 'How far the slowest replica is behind'],
}

const COUNTERS: Readonly<Record<string, readonly [name: string, help: string]>> = {
  xact_commit: ['postgresql_commits_total', 'Transactions committed'],
  xact_rollback: ['postgresql_rollbacks_total', 'Transactions rolled back'],
  blks_hit: ['postgresql_blocks_hit_total', 'Blocks found in the buffer cache'],
  blks_read: ['postgresql_blocks_read_total', 'Blocks read from disk'],
  deadlocks: ['postgresql_deadlocks_total', 'Deadlocks found by the server'],
  temp_bytes: ['postgresql_temp_bytes_total', 'Bytes written to temporary files'],
}

const NAMES = [
  'postgresql_up',
  'postgresql_backends',
  ...[GAUGES, COUNTERS].flatMap(Object.values).map(([name]) => name),
]
