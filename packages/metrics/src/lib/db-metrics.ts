import { counter } from './counter.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'
import { MetricsError } from './errors.ts'
import { onlyKnown } from './options.ts'
import { type Register, registerOf } from './register.ts'
import { errorCodeLabel, operationLabel } from './sql-labels.ts'

/** What of a `pg` pool is looked at. */
export interface PgPool {
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
  readonly options: { readonly max?: number | undefined }
  on(event: 'connect', listener: (client: unknown) => void): unknown
  off(event: 'connect', listener: (client: unknown) => void): unknown
}

/** What {@link pgMetrics} takes beside the pool. */
export interface PgMetricsOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
  /** The pool's name in labels. @default 'default' */
  readonly poolName?: string
  /** The database's name in labels. @default the one each connection is to */
  readonly namespace?: string
  /** Upper bounds of the durations, in seconds. @default {@link DB_BUCKETS} */
  readonly buckets?: readonly number[]
}

/** The bounds OpenTelemetry recommends for `db.client.operation.duration`, in seconds. */
export const DB_BUCKETS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

type Query = (...args: unknown[]) => unknown
type Callback = (error: unknown, ...rest: unknown[]) => unknown
/** Told when a statement is over, and how. */
type Over = (sql: string, started: number, error: unknown) => void
interface Client {
  query: Query
  readonly database?: string
}
interface Connecting {
  connect: Query
}
/** A pool that is measured: how its gauges are read, and how that ends. */
interface Measured extends Disposable {
  read(): void
}

/**
 * Measures a `pg` pool: `db_client_operation_duration_seconds` of every statement by operation and SQLSTATE, how long
 * clients wait for a connection, and the pool's connections as gauges. Statements are never in a label. Call it when
 * the pool is made, before its first connection.
 * @returns what ends the measuring; the same for a second call on a pool that is measured
 * @throws ERR_SHOP_METRICS_OPTION, _UNKNOWN_OPTION, _BUCKETS
 */
export function pgMetrics(pool: PgPool, options: PgMetricsOptions = {}): Disposable {
  onlyKnown('pgMetrics()', options, ['register', 'poolName', 'namespace', 'buckets'])
  if (typeof pool?.on !== 'function' || typeof (pool as unknown as Partial<Connecting>).connect !== 'function') {
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', 'pgMetrics(): the first argument is not a pg Pool')
  }
  const { poolName = 'default', namespace, buckets = DB_BUCKETS } = options
  const place = options.register && { register: options.register }
  const duration = histogram({
    ...place,
    buckets,
    exemplars: true,
    name: 'db_client_operation_duration_seconds',
    help: 'Duration of database statements, as the client sees it',
    labelNames: ['db_system_name', 'db_namespace', 'db_operation_name', 'error_type'],
  })
  const waiting = histogram({
    ...place,
    buckets,
    name: 'db_client_connection_wait_time_seconds',
    help: 'Time to get a connection from the pool',
    labelNames: ['db_client_connection_pool_name'],
  })
  const errors = counter({
    ...place,
    name: 'db_client_connection_errors_total',
    help: 'Connections that could not be had from the pool, by SQLSTATE or error code',
    labelNames: ['db_client_connection_pool_name', 'error_type'],
  })
  const gauges = poolGauges(place)
  const held = gauges.pools.get(pool)
  if (held) return held

  const label = { db_client_connection_pool_name: poolName }
  const wait = waiting.bind(label)
  let measuring = true
  const opened = (connected: unknown): void => {
    const client = connected as Client
    const { database = '' } = client
    client.query = measuredQuery(client.query.bind(client), (sql, started, error) => {
      if (!measuring) return
      const labels = {
        db_system_name: 'postgresql',
        db_namespace: namespace ?? database,
        db_operation_name: operationLabel(sql),
        error_type: errorCodeLabel(error),
      }
      duration.observe(labels, (performance.now() - started) / 1000)
    })
  }
  pool.on('connect', opened)
  const unwrap = measureWait(pool as unknown as Connecting, (seconds, error) => {
    wait.observe(seconds)
    if (error) errors.inc({ ...label, error_type: errorCodeLabel(error) })
  })
  const measured: Measured = {
    read: () => gauges.show(label, pool),
    [Symbol.dispose]() {
      if (!measuring) return
      measuring = false
      pool.off('connect', opened)
      unwrap()
      gauges.pools.delete(pool)
      gauges.forget(label)
    },
  }
  gauges.pools.set(pool, measured)
  return measured
}

interface PoolLabel {
  readonly db_client_connection_pool_name: string
}

// several pools share the gauges of one registry, and one scrape reads them all
const measuredPools = new WeakMap<object, { readonly pools: Map<PgPool, Measured>; readonly readAll: () => void }>()

function poolGauges(place: { readonly register: Register } | undefined) {
  const name = 'db_client_connection_count'
  const there = registerOf('pgMetrics()', place?.register).getSingleMetric(name) as object
  const known = measuredPools.get(there) ?? readTogether(new Map())
  const { pools, readAll } = known
  const count = gauge({
    ...place,
    name,
    help: 'Connections of the pool, by state',
    labelNames: ['db_client_connection_pool_name', 'db_client_connection_state'],
    collect: readAll,
  })
  measuredPools.set(count, known)
  const shape = { ...place, labelNames: ['db_client_connection_pool_name'] } as const
  const pending = gauge({
    ...shape,
    name: 'db_client_connection_pending_requests',
    help: 'Requests waiting for a connection',
  })
  const most = gauge({ ...shape, name: 'db_client_connection_max', help: 'Connections the pool may open' })
  return {
    pools,
    show(label: PoolLabel, pool: PgPool): void {
      count.set({ ...label, db_client_connection_state: 'idle' }, pool.idleCount)
      count.set({ ...label, db_client_connection_state: 'used' }, pool.totalCount - pool.idleCount)
      pending.set(label, pool.waitingCount)
      most.set(label, pool.options.max ?? 10)
    },
    forget(label: PoolLabel): void {
      for (const state of ['idle', 'used']) count.remove({ ...label, db_client_connection_state: state })
      pending.remove(label)
      most.remove(label)
    },
  }
}

function readTogether(pools: Map<PgPool, Measured>) {
  return {
    pools,
    readAll(): void {
      for (const { read } of pools.values()) read()
    },
  }
}

/** What `pg` lets a statement be given as, beside a text. */
interface Statement {
  readonly text?: string
  readonly callback?: unknown
  /** A `QueryStream` keeps its text here. */
  readonly cursor?: { readonly text?: string }
  readonly submit?: unknown
}

/** `query` in its three forms: with a callback, as a promise, and with an object that submits itself. */
function measuredQuery(query: Query, over: Over): Query {
  return (...args) => {
    const started = performance.now()
    const [first] = args as [string | Statement | undefined]
    const sql = typeof first === 'string' ? first : (first?.text ?? first?.cursor?.text ?? '')
    const told = (callback: Callback): Callback => {
      return (error, ...rest) => {
        over(sql, started, error)
        return callback(error, ...rest)
      }
    }
    if (typeof first === 'object' && typeof first?.submit === 'function') {
      whenSubmitted(first as Submitted, (error) => over(sql, started, error))
      return query(...args)
    }
    const last = args.at(-1)
    if (typeof last === 'function') return query(...args.slice(0, -1), told(last as Callback))
    if (typeof first === 'object' && typeof first?.callback === 'function') {
      // an object of our own, so that one that is used again is not measured in the measured
      const own = Object.create(first, { callback: { value: told(first.callback as Callback) } })
      return query(own, ...args.slice(1))
    }
    return (query(...args) as Promise<unknown>).then(
      (rows) => {
        over(sql, started, undefined)
        return rows
      },
      (error: unknown) => {
        over(sql, started, error)
        throw error
      },
    )
  }
}

/** How `pg` tells an object that submitted itself of its end: the one way that queries, cursors and streams share. */
interface Submitted {
  handleError: Callback
  handleReadyForQuery: Query
}

function whenSubmitted(query: Submitted, over: (error: unknown) => void): void {
  const { handleError, handleReadyForQuery } = query
  let running = true
  const ended = (error?: unknown): void => {
    if (running) over(error)
    running = false
  }
  query.handleError = (error, ...rest) => {
    ended(error)
    return handleError.call(query, error, ...rest)
  }
  // it may still turn out to have failed, when its rows could not be read
  query.handleReadyForQuery = (...rest) => {
    handleReadyForQuery.apply(query, rest)
    ended()
  }
}

function measureWait(pool: Connecting, waited: (seconds: number, error: unknown) => void): () => void {
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
  return () => {
    pool.connect = connect
  }
}
