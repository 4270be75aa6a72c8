import { type Duration, milliseconds } from './duration.ts'
import { MetricsError } from './errors.ts'
import { dropped } from './events.ts'
import { healthOf } from './health.ts'
import { LabelTree } from './label-tree.ts'
import { checkLabelNames, type Labels } from './labels.ts'
import { onlyKnown, texts, whole } from './options.ts'
import { type MetricValues, type Register, registerOf } from './register.ts'

/** What every metric of this package is defined with. */
export interface FamilyOptions<L extends string> {
  /** As it will be scraped, unit and all: `shop_order_value_euros`. A counter ends in `_total`. */
  readonly name: string
  /** One sentence for the reader of a dashboard. */
  readonly help: string
  /** @default [] */
  readonly labelNames?: readonly L[]
  /** A registry of prom-client or its successor. @default prom-client's global one */
  readonly register?: Register
  /** Label sets kept at most; what comes after is counted in one series labelled `otel_metric_overflow`. @default 2000 */
  readonly maxSeries?: number
  /** A labelled series nothing was written to for this long is forgotten; 0 keeps all. Bound series stay. @default '1d' */
  readonly idle?: Duration
}

/** Why a measurement was not taken. */
export type DropReason = 'not_a_number' | 'negative' | 'unreadable_labels' | 'exemplar'

/** One label set of a metric. */
export interface Series {
  readonly values: readonly string[]
  /** Rises with every write; the scrape compares it to tell idle series. */
  readonly writes: number
  /** Held by a `bind()`: never forgotten. */
  pinned: boolean
  lastWrites: number
  lastChange: number
  /** Line beginnings, made at the first scrape. */
  lines: readonly string[] | undefined
}

export const OVERFLOW_LABEL = 'otel_metric_overflow'
const COMMON = ['name', 'help', 'labelNames', 'register', 'maxSeries', 'idle'] as const
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
/** Between two looks for idle series of a metric that is full. */
const LOOK_EVERY = 1000

/** The part counters, gauges and histograms share: their series, the cap on them, and the registry's duck type. */
export abstract class Family<L extends string, S extends Series> {
  abstract readonly type: 'counter' | 'gauge' | 'histogram'
  /** Writable, because prom-client's OpenMetrics mode renames counters in place; {@link metric} is the truth. */
  name: string
  readonly metric: string
  readonly help: string
  readonly labelNames: readonly L[]
  readonly register: Register
  readonly maxSeries: number
  /** How a cluster joins workers, in prom-client's words. */
  abstract readonly aggregator: string
  /** What writes to a series: a handle that outlives its series leads them to the one that is there now. */
  protected abstract readonly writers: readonly string[]
  readonly #idle: number
  readonly #tree: LabelTree<S>
  readonly #all = new Set<S>()
  #overflow: S | undefined
  #looked = 0
  /** The one series of a metric without labels. */
  protected only: S | undefined
  /** The registry's default labels the cached lines were made with. */
  linesFor: object | undefined

  protected constructor(kind: string, options: FamilyOptions<L>, extra: readonly string[]) {
    onlyKnown(`${kind}()`, options, [...COMMON, ...extra])
    const { name, help } = options
    if (typeof name !== 'string' || !METRIC_NAME.test(name)) {
      throw new MetricsError(
        'ERR_SHOP_METRICS_NAME',
        `${kind}(): name ${JSON.stringify(name)} is not [a-zA-Z_:][a-zA-Z0-9_:]*`,
      )
    }
    if ((kind === 'counter') !== /._total$/.test(name)) {
      const wrong = kind === 'counter' ? 'does not end in _total, as counters do' : 'ends in _total, which says counter'
      throw new MetricsError('ERR_SHOP_METRICS_NAME', `${kind}(): name ${JSON.stringify(name)} ${wrong}`)
    }
    if (typeof help !== 'string' || help === '') {
      throw new MetricsError('ERR_SHOP_METRICS_OPTION', `${name}: help ${JSON.stringify(help)} is not a sentence`)
    }
    const labelNames = texts(`${name}: labelNames`, options.labelNames, [])
    checkLabelNames(name, labelNames)
    this.name = name
    this.metric = name
    this.help = help
    this.labelNames = [...labelNames]
    this.register = registerOf(name, options.register)
    this.maxSeries = whole(`${name}: maxSeries`, options.maxSeries, 2000, 1, 1_000_000)
    this.#idle = milliseconds(`${name}: idle`, options.idle, '1d')
    this.#tree = new LabelTree(this.labelNames)
  }

  /** What a second definition of this metric must agree with, by the option's name. */
  get shape(): Readonly<Record<string, string>> {
    const { help, labelNames, maxSeries, aggregator } = this
    return { help, labelNames: labelNames.join(), maxSeries: `${maxSeries}`, idle: `${this.#idle} ms`, aggregator }
  }

  /** Called once a subclass is whole: makes the one series of a metric without labels. */
  protected begin(): void {
    if (this.labelNames.length > 0) return
    this.only = this.create([])
    this.#all.add(this.only)
  }

  protected abstract create(values: readonly string[]): S

  /** The series of these labels, made when new; the overflow series once the cap is reached; one that nobody reads where they are no labels. */
  protected series(labels: Labels<L>): S {
    try {
      return this.#tree.find(labels) ?? this.#grow(labels)
    } catch {
      this.drop('unreadable_labels')
      return this.create([])
    }
  }

  /** The series of these label texts, in the order of `labelNames`; `null` means the overflow series. */
  protected seriesOf(values: readonly string[] | null): S {
    if (values === null) return (this.#overflow ??= this.create([]))
    return this.only ?? this.#tree.findByText(values) ?? this.#make([...values])
  }

  #grow(labels: Labels<L>): S {
    const values = this.#tree.texts(labels)
    const known = this.#tree.findByText(values)
    if (!known && this.#all.size >= this.maxSeries && Date.now() - this.#looked >= LOOK_EVERY)
      this.expire((this.#looked = Date.now()))
    const series = known ?? this.#make(values)
    if (series !== this.#overflow) this.#tree.alias(labels)
    return series
  }

  #make(values: string[]): S {
    if (this.#all.size >= this.maxSeries) {
      healthOf(this.register).dropped(this.metric, 'cardinality')
      if (dropped.hasSubscribers) dropped.publish({ metric: this.metric, reason: 'cardinality' })
      return (this.#overflow ??= this.create([]))
    }
    const series = this.create(values)
    series.lastChange = Date.now()
    this.#tree.add(values, series)
    this.#all.add(series)
    return series
  }

  protected drop(reason: DropReason): void {
    healthOf(this.register).dropped(this.metric, reason)
    if (dropped.hasSubscribers) dropped.publish({ metric: this.metric, reason })
  }

  /** Every series, the overflow one last. */
  *all(): Generator<S> {
    yield* this.#all
    if (this.#overflow) yield this.#overflow
  }

  isOverflow(series: S): boolean {
    return series === this.#overflow
  }

  /** How many label sets are kept. */
  get size(): number {
    return this.#all.size
  }

  /** Forgets series that were not written to since `idle` before `now`. */
  expire(now: number): void {
    for (const series of this.#all) this.#idled(series, now)
  }

  /** As {@link all}, and forgets idle series on the way: a scrape does both in slices. */
  *live(now: number): Generator<S> {
    for (const series of this.#all) if (!this.#idled(series, now)) yield series
    if (this.#overflow) yield this.#overflow
  }

  #idled(series: S, now: number): boolean {
    if (series.writes !== series.lastWrites) {
      series.lastWrites = series.writes
      series.lastChange = now
      return false
    }
    if (series.pinned || !this.#forgets || now - series.lastChange < this.#idle) return false
    this.#tree.remove(series.values)
    this.#all.delete(series)
    return true
  }

  get #forgets(): boolean {
    return this.#idle > 0 && this.type !== 'gauge' && !this.only
  }

  /** Forgets the series of these labels. */
  remove(labels: Labels<L>): void {
    this.removeText(this.#tree.texts(labels))
  }

  /** Forgets the series of these label texts, in the order of `labelNames`. */
  removeText(values: readonly string[]): void {
    const series = this.#tree.findByText(values)
    if (!series || this.only) return
    this.#tree.remove(values)
    this.#all.delete(series)
    if (!series.pinned) return
    for (const name of this.writers) {
      const forward = (...given: unknown[]): void => {
        const now = this.seriesOf(values) as S & Record<string, (...given: unknown[]) => void>
        now.pinned = true
        now[name]!(...given)
      }
      Object.defineProperty(series, name, { value: forward })
    }
  }

  /** Sets everything back to nothing, as prom-client's `reset()`; what is bound stays, at nothing. */
  reset(): void {
    for (const series of this.all()) this.clear(series)
    if (this.only) return
    for (const series of this.#all) {
      if (series.pinned) continue
      this.#tree.remove(series.values)
      this.#all.delete(series)
    }
    if (!this.#overflow?.pinned) this.#overflow = undefined
  }

  protected abstract clear(series: S): void

  /** The labels of a series as an object, without empty ones. */
  labelsOf(series: S): Record<string, string> {
    if (series === this.#overflow) return { [OVERFLOW_LABEL]: 'true' }
    const labels: Record<string, string> = {}
    for (const [i, name] of this.labelNames.entries()) if (series.values[i]) labels[name] = series.values[i]
    return labels
  }

  /** What a scrape runs first; async work is waited for, within bounds. */
  abstract readonly collect: (() => void | Promise<void>) | undefined

  /** The JSON form prom-client's registries ask for, so that their own `metrics()` works on ours too. */
  abstract get(): Promise<MetricValues>
}
