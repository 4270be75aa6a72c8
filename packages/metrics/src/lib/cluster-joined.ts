import type { FamilyDefinition, NativeDelta, SeriesDefinition, Told } from './cluster-message.ts'
import { Counter, counter } from './counter.ts'
import { Gauge, gauge, type GaugeAggregator } from './gauge.ts'
import { Histogram, histogram } from './histogram.ts'
import { JoinedForeign } from './joined-foreign.ts'
import { JoinedGauge } from './joined-gauge.ts'
import type { Register } from './register.ts'

type Target =
  | { readonly kind: 'counter'; readonly family: Counter<string>; readonly values: readonly string[] | null }
  | { readonly kind: 'histogram'; readonly family: Histogram<string>; readonly values: readonly string[] | null }
  | { readonly kind: 'gauge'; readonly family: JoinedGauge; readonly values: readonly string[] | null }
  | { readonly kind: 'foreign'; readonly family: JoinedForeign; readonly key: string }

interface WorkerState {
  readonly families: (Counter<string> | Histogram<string> | JoinedGauge | JoinedForeign)[]
  readonly series: Target[]
}

/** The families of all workers in one registry. */
export class Joined {
  readonly #register: Register
  readonly #workers = new Map<number, WorkerState>()
  readonly #gauges = new Map<string, JoinedGauge>()
  readonly #foreign = new Map<string, JoinedForeign>()

  constructor(register: Register) {
    this.#register = register
  }

  /** Takes in an answer. */
  take(worker: number, told: Told): void {
    const state = this.#workers.get(worker) ?? { families: [], series: [] }
    this.#workers.set(worker, state)
    for (const definition of told.families) state.families.push(this.#family(definition))
    for (const definition of told.series) state.series.push(target(state, definition))
    const { rows } = told
    for (let at = 0; at < rows.length;) {
      const series = state.series[rows[at] as number]
      const size = rows[at + 1] as number
      if (series) add(worker, series, rows, at + 2, size)
      at += 2 + size
    }
    for (const [id, delta] of told.natives) addNative(state.series[id], delta)
    for (const [id, bucket, exemplar] of told.exemplars) {
      const series = state.series[id]
      if (series?.kind === 'histogram') series.family.remember(series.values, bucket, exemplar)
    }
  }

  /** A worker is gone: its gauges go, its counts stay. */
  forget(worker: number): void {
    this.#workers.delete(worker)
    for (const joined of [...this.#gauges.values(), ...this.#foreign.values()]) joined.forget(worker)
  }

  /** Joins the gauges, once all have answered. */
  settle(): void {
    for (const joined of this.#gauges.values()) joined.settle()
  }

  #family(definition: FamilyDefinition): WorkerState['families'][number] {
    const { kind, name, help, labelNames, maxSeries } = definition
    const shape = { name, help, labelNames, maxSeries, register: this.#register }
    if (kind === 'counter') return counter<string>(shape) as Counter<string>
    if (kind === 'histogram')
      return histogram<string>({ ...shape, buckets: definition.bounds ?? [], exemplars: true, ...nativeOf(definition) })
    if (kind === 'gauge') {
      const aggregator = definition.aggregator as GaugeAggregator
      return known(this.#gauges, name, () => new JoinedGauge(gauge<string>({ ...shape, aggregator }) as Gauge<string>))
    }
    return known(this.#foreign, name, () => JoinedForeign.into(this.#register, definition))
  }
}

function known<T>(map: Map<string, T>, name: string, make: () => T): T {
  let value = map.get(name)
  if (!value) map.set(name, (value = make()))
  return value
}

function nativeOf({ native }: FamilyDefinition): {
  native?: { factor: number; maxBuckets: number; zeroThreshold: number }
} {
  if (!native) return {}
  const { schema, maxBuckets, zeroThreshold } = native
  // a hair more, so that no rounding makes the next finer schema of it
  return { native: { factor: 2 ** (2 ** -schema) * (1 + 1e-9), maxBuckets, zeroThreshold } }
}

function target(state: WorkerState, definition: SeriesDefinition): Target {
  const family = state.families[definition[0]]
  if (family instanceof JoinedForeign) {
    const [, labels, metricName] = definition as readonly [number, Readonly<Record<string, string>>, string | undefined]
    return { kind: 'foreign', family, key: family.series(labels, metricName) }
  }
  const values = definition[1] as readonly string[] | null
  if (family instanceof Counter) return { kind: 'counter', family, values }
  if (family instanceof Histogram) return { kind: 'histogram', family, values }
  return { kind: 'gauge', family: family as JoinedGauge, values }
}

function add(worker: number, series: Target, rows: readonly (number | string)[], at: number, size: number): void {
  const first = Number(rows[at])
  if (series.kind === 'counter') series.family.add(series.values, first)
  else if (series.kind === 'gauge') series.family.set(worker, series.values, first)
  else if (series.kind === 'foreign') series.family.add(worker, series.key, first)
  else series.family.add(series.values, rows as readonly number[], at + 1, size - 1, first)
}

function addNative(series: Target | undefined, delta: NativeDelta): void {
  if (series?.kind === 'histogram') series.family.addNative(series.values, delta)
}
