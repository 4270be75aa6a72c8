import { counter } from './counter.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'
import { MetricsError } from './errors.ts'
import { onlyKnown } from './options.ts'
import type { Register } from './register.ts'
import { errorCodeLabel, operationLabel } from './sql-labels.ts'

/** What of a `pg` pool is looked at. */
export interface PgPool {
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
  readonly options: { readonly max?: number | undefined; readonly database?: string | undefined }
  on(event: 'connect', listener: (client: never) => void): unknown
}

/** What {@link pgMetrics} takes beside the pool. */
export interface PgMetricsOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
  /** The pool's name in labels. @default 'default' */
  readonly poolName?: string
  /** The database's name in labels. @default the pool's `database` */
  readonly namespace?: string
  /** Upper bounds of the durations, in seconds. @default {@link DB_BUCKETS} */
  readonly buckets?: readonly number[]
}

/** The bounds OpenTelemetry recommends for `db.client.operation.duration`, in seconds. */
export const DB_BUCKETS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

type Query = (...args: unknown[]) => unknown
interface Client {
  query: Query
}
interface Connecting {
  connect: Query
}

/**
 * Measures a `pg` pool: `db_client_operation_duration_seconds` of every statement by operation and SQLSTATE, how long
 * clients wait for a connection, and the pool's connections as gauges. Statements are never in a label. Call it when
 * the pool is made, before its first connection.
 * @returns what takes the wrapping of the pool back
 * @throws ERR_SHOP_METRICS_OPTION, _UNKNOWN_OPTION, _BUCKETS
 */
export function pgMetrics(pool: PgPool, options: PgMetricsOptions = {}): Disposable {
  onlyKnown('pgMetrics()', options, ['register', 'poolName', 'namespace', 'buckets'])
  if (typeof pool?.on !== 'function' || typeof (pool as unknown as Partial<Connecting>).connect !== 'function') {
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', 'pgMetrics(): the first argument is not a pg Pool')
  }
  const { poolName = 'default', namespace = pool.options.database ?? '', buckets = DB_BUCKETS } = options
  const place = options.register && { register: options.register }
  const duration = histogram({
    ...place,
    buckets,
    exemplars: true,
    name: 'db_client_operation_duration_seconds',
    help: 'Duration of database statements, as the client sees it',
    labelNames: ['db_system_name', 'db_namespace', 'db_operation_name', 'error_type'],
  })
  const wait = histogram({
    ...place,
    buckets,
    name: 'db_client_connection_wait_time_seconds',
    help: 'Time to get a connection from the pool',
    labelNames: ['db_client_connection_pool_name'],
  }).bind({ db_client_connection_pool_name: poolName })
  const errors = counter({
    ...place,
    name: 'db_client_connection_errors_total',
    help: 'Connections that could not be had from the pool, by SQLSTATE or error code',
    labelNames: ['db_client_connection_pool_name', 'error_type'],
  })
  poolGauges(pool, poolName, place)

  const done = (sql: string, started: number, error: unknown): void => {
    const labels = {
      db_system_name: 'postgresql',
      db_namespace: namespace,
      db_operation_name: operationLabel(sql),
      error_type: errorCodeLabel(error),
    }
    duration.observe(labels, (performance.now() - started) / 1000)
  }
  pool.on('connect', (client: Client) => {
    client.query = measuredQuery(client.query.bind(client), done)
  })
  return measureWait(pool as unknown as Connecting, (seconds, error) => {
    wait.observe(seconds)
    if (error) errors.inc({ db_client_connection_pool_name: poolName, error_type: errorCodeLabel(error) })
  })
}

function poolGauges(pool: PgPool, poolName: string, place: { readonly register: Register } | undefined): void {
  const pools = gauge({
    ...place,
    name: 'db_client_connection_count',
    help: 'Connections of the pool, by state',
    labelNames: ['db_client_connection_pool_name', 'db_client_connection_state'],
    collect: readAll,
  })
  const shape = { ...place, labelNames: ['db_client_connection_pool_name'] } as const
  const pending = gauge({
    ...shape,
    name: 'db_client_connection_pending_requests',
    help: 'Requests waiting for a connection',
  })
  const most = gauge({ ...shape, name: 'db_client_connection_max', help: 'Connections the pool may open' })
  const read = (): void => {
    const label = { db_client_connection_pool_name: poolName }
    pools.set({ ...label, db_client_connection_state: 'idle' }, pool.idleCount)
    pools.set({ ...label, db_client_connection_state: 'used' }, pool.totalCount - pool.idleCount)
    pending.set(label, pool.waitingCount)
    most.set(label, pool.options.max ?? 10)
  }
  readers.set(pools, [...(readers.get(pools) ?? []), read])

  function readAll(): void {
    for (const each of readers.get(pools) ?? []) each()
  }
}

// several pools share the gauges of one registry, and one scrape reads them all
const readers = new WeakMap<object, (() => void)[]>()

/** `query` in its three forms: with a callback, as a promise, and with an object that submits itself. */
function measuredQuery(query: Query, done: (sql: string, started: number, error: unknown) => void): Query {
  return (...args) => {
    const started = performance.now()
    const [first] = args as [string | { readonly text?: string; readonly submit?: unknown } | undefined]
    const sql = typeof first === 'string' ? first : (first?.text ?? '')
    const last = args.at(-1)
    if (typeof last === 'function') {
      const callback = last as (error: unknown, ...rest: unknown[]) => void
      return query(...args.slice(0, -1), (error: unknown, ...rest: unknown[]) => {
        done(sql, started, error)
        callback(error, ...rest)
      })
    }
    const result = query(...args)
    if (typeof (result as Promise<unknown> | undefined)?.then === 'function') {
      return (result as Promise<unknown>).then(
        (rows) => {
          done(sql, started, undefined)
          return rows
        },
        (error: unknown) => {
          done(sql, started, error)
          throw error
        },
      )
    }
    const stream = result as { once?: (event: string, listener: () => void) => unknown } | undefined
    if (typeof first === 'object' && typeof stream?.once === 'function')
      stream.once('end', () => done(sql, started, undefined))
    return result
  }
}

function measureWait(pool: Connecting, waited: (seconds: number, error: unknown) => void): Disposable {
  const { connect } = pool
  pool.connect = function measuredConnect(...args) {
    const started = performance.now()
    const since = (): number => (performance.now() - started) / 1000
    const [callback] = args
    if (typeof callback === 'function') {
      return connect.call(pool, (error: unknown, ...results: unknown[]) => {
        waited(since(), error)
        return (callback as Query)(error, ...results)
      })
    }
    return (connect.call(pool) as Promise<unknown>).then(
      (client) => {
        waited(since(), undefined)
        return client
      },
      (error: unknown) => {
        waited(since(), error)
        throw error
      },
    )
  }
  return {
    [Symbol.dispose]() {
      pool.connect = connect
    },
  }
}
