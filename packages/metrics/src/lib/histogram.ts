import type { NativeDelta } from './cluster-message.ts'
import { define } from './define.ts'
import { MetricsError } from './errors.ts'
import { type Exemplar, type ExemplarTrace, hasIds } from './exemplar.ts'
import { ExponentialBuckets, schemaOf } from './exponential.ts'
import { Family, type FamilyOptions, type Series } from './family.ts'
import type { Labels } from './labels.ts'
import { flag, onlyKnown, whole } from './options.ts'
import type { MetricValues } from './register.ts'
import { currentTrace } from './trace-context.ts'

/** One histogram of one label set, looked up once. */
export interface BoundHistogram {
  /** Counts one value; what is no number is dropped and counted in `shop_metrics_dropped_total`. */
  observe(value: number, trace?: ExemplarTrace): void
}

/** Exponential buckets beside, or instead of, the fixed ones; scraped by protobuf only. */
export interface NativeOptions {
  /** Growth from bucket to bucket, over 1 up to 65536. @default 1.1 */
  readonly factor?: number
  /** Buckets kept at most, per sign; beyond it the resolution halves. @default 160 */
  readonly maxBuckets?: number
  /** What is nearer to zero than this counts as zero. @default 2 ** -128 */
  readonly zeroThreshold?: number
}

/** What {@link histogram} takes. */
export interface HistogramOptions<L extends string> extends FamilyOptions<L> {
  /** Upper bounds, rising; `+Inf` is implied. @default {@link DEFAULT_BUCKETS} */
  readonly buckets?: readonly number[]
  /** `true` for the defaults of {@link NativeOptions}. @default false */
  readonly native?: boolean | NativeOptions
  /** Keep, for each bucket, the last sampled trace that fell into it. @default false */
  readonly exemplars?: boolean
}

/** prom-client's default bounds, in seconds. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface NativeState {
  readonly positive: ExponentialBuckets
  readonly negative: ExponentialBuckets
  zero: number
}

interface NativeShape {
  readonly schema: number
  readonly maxBuckets: number
  readonly zeroThreshold: number
}

export type { HistogramSeries }
class HistogramSeries implements Series, BoundHistogram {
  readonly values: readonly string[]
  readonly #bounds: Float64Array
  readonly #family: Histogram<never>
  /** One count a bucket, not cumulative; the last is +Inf's. */
  readonly counts: Float64Array
  readonly native: NativeState | undefined
  exemplars: (Exemplar | undefined)[] | undefined
  sum = 0
  writes = 0
  pinned = false
  lastWrites = 0
  lastChange = 0
  lines: readonly string[] | undefined = undefined

  constructor(values: readonly string[], family: Histogram<never>) {
    this.values = values
    this.#family = family
    this.#bounds = family.bounds
    this.counts = new Float64Array(family.bounds.length + 1)
    this.exemplars = undefined
    const shape = family.native
    this.native = shape && {
      positive: new ExponentialBuckets(shape.schema, shape.maxBuckets),
      negative: new ExponentialBuckets(shape.schema, shape.maxBuckets),
      zero: 0,
    }
  }

  observe(value: number, trace?: ExemplarTrace): void {
    // NaN is the one number that is not itself; an infinity would spoil the sum for ever
    if (typeof value !== 'number' || !(value - value === 0)) {
      this.#family.dropValue()
      return
    }
    const bounds = this.#bounds
    let bucket = 0
    const last = bounds.length
    while (bucket < last && value > bounds[bucket]!) bucket++
    this.counts[bucket]!++
    this.sum += value
    this.writes++
    if (this.#family.plain) return
    if (this.native) this.#observeNative(this.native, value)
    if (this.#family.exemplars) this.#remember(bucket, value, trace ?? currentTrace())
  }

  #observeNative(native: NativeState, value: number): void {
    if (Math.abs(value) <= this.#family.native!.zeroThreshold) native.zero++
    else if (value > 0) native.positive.add(value)
    else native.negative.add(-value)
    const schema = Math.min(native.positive.schema, native.negative.schema)
    if (native.positive.schema !== native.negative.schema) {
      native.positive.coarsen(schema)
      native.negative.coarsen(schema)
    }
  }

  #remember(bucket: number, value: number, trace: ExemplarTrace | undefined): void {
    if (!trace?.sampled) return
    if (!hasIds(trace)) return this.#family.dropExemplar()
    this.exemplars ??= Array.from({ length: this.counts.length }, () => undefined)
    const { traceId, spanId, requestId } = trace
    this.exemplars[bucket] = { traceId, spanId, ...(requestId !== undefined && { requestId }), value, at: Date.now() }
  }
}

type Observe<L extends string> = [L] extends [never]
  ? [value: number, trace?: ExemplarTrace]
  : [labels: Labels<L>, value: number, trace?: ExemplarTrace]

/** Counts values by how large they are: durations, sizes. Made by {@link histogram}. */
export class Histogram<L extends string = never> extends Family<L, HistogramSeries> {
  override readonly type = 'histogram'
  override readonly aggregator = 'sum'
  override readonly collect: undefined = undefined
  protected override readonly writers: readonly string[] = ['observe']
  /** Upper bounds without +Inf. */
  readonly bounds: Float64Array
  readonly native: NativeShape | undefined
  readonly exemplars: boolean
  /** Neither native nor with exemplars: the shortest path. */
  readonly plain: boolean

  constructor(options: HistogramOptions<L>) {
    super('histogram', options, ['buckets', 'native', 'exemplars'])
    this.bounds = checkBounds(
      options.name,
      options.buckets === undefined ? DEFAULT_BUCKETS : options.buckets,
      options.native !== undefined && options.native !== false,
    )
    this.native = checkNative(options.name, options.native)
    this.exemplars = flag(`${options.name}: exemplars`, options.exemplars, false)
    this.plain = !this.native && !this.exemplars
    this.begin()
  }

  observe(...args: Observe<L>): void
  observe(labels: Labels<L> | number, value?: number | ExemplarTrace, trace?: ExemplarTrace): void {
    if (this.only) this.only.observe(labels as number, value as ExemplarTrace | undefined)
    else this.series(labels as Labels<L>).observe(value as number, trace)
  }

  /** The histogram of these labels, to keep and use again; it is never forgotten as idle. */
  bind(labels: Labels<L>): BoundHistogram {
    const series = this.only ?? this.series(labels)
    series.pinned = true
    return series
  }

  /** Adds `size` counts that stand in `counts` from `at`: a cluster's worker speaks so, by label texts in the order of `labelNames`. */
  add(values: readonly string[] | null, counts: readonly number[], at: number, size: number, sum: number): void {
    const series = this.seriesOf(values)
    for (let i = 0; i < size; i++) {
      const count = counts[at + i]!
      series.counts[i]! += count
      series.writes += count
    }
    series.sum += sum
  }

  /** Adds what a native histogram elsewhere saw. */
  addNative(values: readonly string[] | null, delta: NativeDelta): void {
    const { native } = this.seriesOf(values)
    if (!native) return
    native.zero += delta.zero
    native.positive.merge(delta.schema, delta.positive)
    native.negative.merge(delta.schema, delta.negative)
    native.positive.coarsen(native.negative.schema)
    native.negative.coarsen(native.positive.schema)
  }

  /** Keeps the exemplar of a histogram elsewhere. */
  remember(values: readonly string[] | null, bucket: number, exemplar: Exemplar): void {
    if (!hasIds(exemplar)) return this.dropExemplar()
    const series = this.seriesOf(values)
    series.exemplars ??= Array.from({ length: series.counts.length }, () => undefined)
    if (bucket < series.counts.length) series.exemplars[bucket] = exemplar
  }

  override get shape(): Readonly<Record<string, string>> {
    const { bounds, native, exemplars } = this
    return {
      ...super.shape,
      buckets: bounds.join(),
      native: JSON.stringify(native) ?? 'false',
      exemplars: `${exemplars}`,
    }
  }

  dropValue(): void {
    this.drop('not_a_number')
  }

  dropExemplar(): void {
    this.drop('exemplar')
  }

  protected override create(values: readonly string[]): HistogramSeries {
    return new HistogramSeries(values, this as unknown as Histogram<never>)
  }

  protected override clear(series: HistogramSeries): void {
    series.counts.fill(0)
    series.sum = 0
    series.exemplars = undefined
    series.native?.positive.clear()
    series.native?.negative.clear()
    if (series.native) series.native.zero = 0
  }

  override async get(): Promise<MetricValues> {
    const values: MetricValues['values'][number][] = []
    for (const series of this.all()) {
      const labels = this.labelsOf(series)
      let seen = 0
      for (const [i, count] of series.counts.entries()) {
        seen += count
        values.push({
          metricName: `${this.metric}_bucket`,
          labels: { le: this.bounds[i] ?? '+Inf', ...labels },
          value: seen,
        })
      }
      values.push({ metricName: `${this.metric}_sum`, labels, value: series.sum })
      values.push({ metricName: `${this.metric}_count`, labels, value: seen })
    }
    return { name: this.metric, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }
}

function checkBounds(name: string, bounds: readonly number[], native: boolean): Float64Array {
  if (!Array.isArray(bounds))
    throw new MetricsError('ERR_SHOP_METRICS_BUCKETS', `${name}: buckets ${JSON.stringify(bounds)} are not a list`)
  for (const [i, bound] of bounds.entries()) {
    if (typeof bound === 'number' && Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]!)) continue
    throw new MetricsError(
      'ERR_SHOP_METRICS_BUCKETS',
      `${name}: bucket ${String(bound)} at ${i} is not a finite number above the one before`,
    )
  }
  if (bounds.length === 0 && !native)
    throw new MetricsError('ERR_SHOP_METRICS_BUCKETS', `${name}: there are no buckets`)
  if (bounds.length > 1000)
    throw new MetricsError('ERR_SHOP_METRICS_BUCKETS', `${name}: ${bounds.length} buckets are more than 1000`)
  return Float64Array.from(bounds)
}

function checkNative(name: string, given: boolean | NativeOptions | undefined): NativeShape | undefined {
  if (given === undefined || given === false) return undefined
  const options = given === true ? {} : given
  onlyKnown(`${name}: native`, options, ['factor', 'maxBuckets', 'zeroThreshold'])
  const { factor = 1.1, zeroThreshold = 2 ** -128 } = options
  if (!(factor > 1 && factor <= 65536)) {
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      `${name}: native.factor ${String(factor)} is not above 1 and at most 65536`,
    )
  }
  if (!(zeroThreshold >= 0 && zeroThreshold < Infinity)) {
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      `${name}: native.zeroThreshold ${String(zeroThreshold)} is not a number from 0`,
    )
  }
  return {
    schema: schemaOf(factor),
    maxBuckets: whole(`${name}: native.maxBuckets`, options.maxBuckets, 160, 20, 1000),
    zeroThreshold,
  }
}

/**
 * Defines a histogram in a registry. The same definition twice gives the same histogram.
 * @throws ERR_SHOP_METRICS_NAME, _LABEL, _BUCKETS, _OPTION, _NAME_TAKEN
 */
export function histogram<const L extends string = never>(options: HistogramOptions<L>): Histogram<L> {
  return define(new Histogram(options) as Histogram<never>) as unknown as Histogram<L>
}
