import type { Changed, FamilyDefinition, NativeDelta, SeriesDefinition } from './cluster-message.ts'
import { Counter, counter } from './counter.ts'
import { MetricsError } from './errors.ts'
import { collectorFailed } from './events.ts'
import type { Exemplar } from './exemplar.ts'
import type { BucketRun } from './exponential.ts'
import { Gauge, gauge, type GaugeAggregator } from './gauge.ts'
import { healthOf } from './health.ts'
import { Histogram, histogram } from './histogram.ts'
import { type ForeignSeries, JoinedForeign } from './joined-foreign.ts'
import { JoinedGauge } from './joined-gauge.ts'
import type { Register } from './register.ts'

const HEX = /^[\da-f]+$/

/** The metric of a cluster's primary that asks the workers, and that is named when one speaks nonsense. */
export const CLUSTER_WORKERS = 'shop_cluster_workers'

type Family = Counter<string> | Histogram<string> | JoinedGauge | JoinedForeign

type Target =
  | { readonly kind: 'counter'; readonly family: Counter<string>; readonly values: readonly string[] | null }
  | { readonly kind: 'histogram'; readonly family: Histogram<string>; readonly values: readonly string[] | null }
  | { readonly kind: 'gauge'; readonly family: JoinedGauge; readonly values: readonly string[] | null }
  | { readonly kind: 'foreign'; readonly family: JoinedForeign; readonly series: ForeignSeries }

interface WorkerState {
  /** In the worker's numbering: what was refused keeps its place. */
  readonly families: (Family | undefined)[]
  readonly series: (Target | undefined)[]
  /** Metrics that are not taken from this worker, and why. */
  readonly refused: Map<string, unknown>
}

interface Held {
  readonly family: Family
  /** What all workers' definitions have to agree in. */
  readonly shape: string
  /** What the registry held by this name before. */
  readonly base: unknown
}

/** The families of all workers in one registry. */
export class Joined {
  readonly #register: Register
  readonly #workers = new Map<number, WorkerState>()
  readonly #families = new Map<string, Held>()

  constructor(register: Register) {
    this.#register = register
  }

  /**
   * Takes in an answer. A metric that others define otherwise is refused by itself; a worker whose message is none is
   * not listened to again, for its numbering is lost. Both are reported at each scrape, as a failing collector is.
   */
  take(worker: number, told: Changed): void {
    const state = this.#workers.get(worker) ?? { families: [], series: [], refused: new Map<string, unknown>() }
    this.#workers.set(worker, state)
    if (state.refused.has(CLUSTER_WORKERS)) return
    try {
      this.#take(worker, state, told)
    } catch (error) {
      state.refused.set(CLUSTER_WORKERS, error)
      this.#forgetGauges(worker)
    }
  }

  /** A worker is gone: its gauges go, its counts stay. */
  forget(worker: number): void {
    this.#workers.delete(worker)
    this.#forgetGauges(worker)
  }

  /** Joins the gauges and reports what was refused, once all have answered. */
  settle(): void {
    for (const { family } of this.#families.values()) if (family instanceof JoinedGauge) family.settle()
    for (const { refused } of this.#workers.values()) {
      for (const [metric, error] of refused) {
        healthOf(this.#register).failed(metric)
        if (collectorFailed.hasSubscribers) collectorFailed.publish({ metric, error })
      }
    }
  }

  /** Leaves the registry as it was. */
  [Symbol.dispose](): void {
    for (const [name, { base }] of this.#families) {
      this.#register.removeSingleMetric(name)
      if (base) this.#register.registerMetric(base as never)
    }
    this.#families.clear()
    this.#workers.clear()
  }

  #take(worker: number, state: WorkerState, told: Changed): void {
    for (const definition of told.families) state.families.push(this.#family(state, definition))
    for (const definition of told.series) state.series.push(target(state, definition))
    const { rows } = told
    for (let at = 0; at < rows.length;) {
      const size = rows[at + 1] as number
      if (!isCount(size) || size === 0 || at + 2 + size > rows.length) throw broken('the size of a row')
      const series = numbered(state.series, rows[at])
      if (series) add(worker, series, rows, at + 2, size)
      at += 2 + size
    }
    for (const [id, delta] of told.natives) addNative(numbered(state.series, id), delta)
    for (const [id, bucket, exemplar] of told.exemplars) remember(numbered(state.series, id), bucket, exemplar)
  }

  #family(state: WorkerState, definition: FamilyDefinition): Family | undefined {
    const { kind, name, type, aggregator, labelNames, bounds, native } = definition
    if (![name, type, ...labelNames].every(isText)) throw broken('the names of a metric')
    try {
      const shape = JSON.stringify([kind, type, aggregator, labelNames, bounds, native !== undefined])
      let held = this.#families.get(name)
      if (!held) {
        const base = this.#register.getSingleMetric(name)
        this.#families.set(name, (held = { family: this.#define(definition, base), shape, base }))
      }
      if (held.shape === shape) return held.family
      throw new MetricsError('ERR_SHOP_METRICS_NAME_TAKEN', `${name}: another worker defines it otherwise`)
    } catch (error) {
      state.refused.set(name, error)
      return undefined
    }
  }

  #define(definition: FamilyDefinition, base: unknown): Family {
    const { kind, name, help, labelNames, maxSeries, bounds, aggregator } = definition
    const shape = { name, help, labelNames, maxSeries, register: this.#register }
    const own = (base instanceof Counter || base instanceof Histogram) && base.labelNames.join() === labelNames.join()
    if (kind === 'histogram') {
      // the primary's own takes the workers' counts, whatever else it was defined with
      if (own && base instanceof Histogram && base.bounds.join() === bounds?.join()) return base
      return histogram<string>({ ...shape, buckets: bounds ?? [], exemplars: true, ...nativeOf(definition) })
    }
    if (kind === 'counter' && own && base instanceof Counter) return base
    if (kind === 'counter' && !base) return counter<string>(shape) as Counter<string>
    if (kind === 'gauge' && !base)
      return new JoinedGauge(gauge<string>({ ...shape, aggregator: aggregator as GaugeAggregator }) as Gauge<string>)
    return JoinedForeign.into(this.#register, definition)
  }

  #forgetGauges(worker: number): void {
    for (const { family } of this.#families.values())
      if (family instanceof JoinedGauge || family instanceof JoinedForeign) family.forget(worker)
  }
}

function nativeOf({ native }: FamilyDefinition): {
  native?: { factor: number; maxBuckets: number; zeroThreshold: number }
} {
  if (!native) return {}
  const { schema, maxBuckets, zeroThreshold } = native
  // a hair more, so that no rounding makes the next finer schema of it
  const factor = Math.min(2 ** (2 ** -schema) * (1 + 1e-9), 65_536)
  return { native: { factor, maxBuckets, zeroThreshold } }
}

function target(state: WorkerState, [index, told, metricName]: SeriesDefinition): Target | undefined {
  const family = numbered(state.families, index)
  if (!family) return undefined
  const values = told as readonly string[] | null
  if (family instanceof JoinedForeign) {
    const own = told === null || Array.isArray(told)
    const series = family.series(own ? family.labelsOf(values) : (told as Record<string, string>), metricName)
    return series && { kind: 'foreign', family, series }
  }
  if (values !== null && !(Array.isArray(values) && values.length === family.labelNames.length && values.every(isText)))
    throw broken('the labels of a series')
  if (family instanceof Counter) return { kind: 'counter', family, values }
  if (family instanceof Histogram) return { kind: 'histogram', family, values }
  return { kind: 'gauge', family, values }
}

function add(worker: number, series: Target, rows: readonly (number | string)[], at: number, size: number): void {
  const first = Number(rows[at])
  if (series.kind === 'histogram') addCounts(series.family, series.values, rows, at + 1, size - 1, first)
  else if (series.kind === 'counter') series.family.add(series.values, first)
  else if (series.kind === 'gauge') series.family.set(worker, series.values, first)
  else series.family.add(worker, series.series, first)
}

function addCounts(
  family: Histogram<string>,
  values: readonly string[] | null,
  rows: readonly (number | string)[],
  at: number,
  size: number,
  sum: number,
): void {
  if (size !== family.bounds.length + 1) throw broken(`${size} buckets of ${family.metric}`)
  for (let i = at; i < at + size; i++) if (!isCount(rows[i])) throw broken(`a count of ${family.metric}`)
  if (Number.isFinite(sum)) family.add(values, rows as readonly number[], at, size, sum)
  else family.dropValue()
}

function addNative(series: Target | undefined, delta: NativeDelta): void {
  if (series?.kind !== 'histogram') return
  const { schema, zero, positive, negative } = delta
  if (Number.isInteger(schema) && schema >= -4 && schema <= 8 && isCount(zero) && isRun(positive) && isRun(negative))
    series.family.addNative(series.values, delta)
  else series.family.dropValue()
}

function remember(series: Target | undefined, bucket: number, exemplar: Exemplar): void {
  if (series?.kind !== 'histogram') return
  const { traceId, spanId, requestId = '', value, at } = exemplar
  const named = [traceId, spanId, requestId].every(isText) && HEX.test(traceId + spanId)
  if (named && isCount(bucket) && isCount(at) && Number.isFinite(value))
    series.family.remember(series.values, bucket, exemplar)
  else series.family.dropValue()
}

/** What a worker knows by this number; undefined when it was refused. */
function numbered<T>(known: readonly (T | undefined)[], number: unknown): T | undefined {
  if (!isCount(number) || number >= known.length) throw broken(`number ${String(number)} of ${known.length}`)
  return known[number]
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isRun({ start, counts }: BucketRun): boolean {
  return Number.isSafeInteger(start) && counts.every(isCount)
}

function broken(what: string): MetricsError {
  return new MetricsError('ERR_SHOP_METRICS_CLUSTER', `a worker's message makes no sense at ${what}`)
}
