import { define } from './define.ts'
import { Family, type FamilyOptions, type Series } from './family.ts'
import type { Labels } from './labels.ts'
import { callable, oneOf } from './options.ts'
import type { MetricValues } from './register.ts'

/** One gauge of one label set, looked up once. What is no number, or a step that is not finite, is dropped and counted. */
export interface BoundGauge {
  set(value: number): void
  inc(value?: number): void
  dec(value?: number): void
}

export type { GaugeSeries }
class GaugeSeries implements Series, BoundGauge {
  readonly values: readonly string[]
  readonly #drop: () => void
  value = 0
  writes = 0
  pinned = false
  lastWrites = 0
  lastChange = 0
  lines: readonly string[] | undefined = undefined

  constructor(values: readonly string[], drop: () => void) {
    this.values = values
    this.#drop = drop
  }

  set(value: number): void {
    if (typeof value === 'number') {
      this.value = value
      this.writes++
    } else this.#drop()
  }

  inc(value = 1): void {
    // a step that is no finite number would stay in the value until the next set()
    if (typeof value === 'number' && value - value === 0) {
      this.value += value
      this.writes++
    } else this.#drop()
  }

  dec(value = 1): void {
    if (typeof value === 'number' && value - value === 0) {
      this.value -= value
      this.writes++
    } else this.#drop()
  }
}

/** How the primary of a cluster joins the gauges of its workers. */
export type GaugeAggregator = 'sum' | 'first' | 'min' | 'max' | 'average' | 'omit'

/** What {@link gauge} takes. */
export interface GaugeOptions<L extends string> extends FamilyOptions<L> {
  /** @default 'sum' */
  readonly aggregator?: GaugeAggregator
  /** Called before each scrape, to set what is only known by looking. One that throws or takes over a second is reported in `shop_metrics_collector_errors_total`. */
  readonly collect?: () => void | Promise<void>
}

type Set<L extends string> = [L] extends [never] ? [value: number] : [labels: Labels<L>, value: number]
type Step<L extends string> = [L] extends [never] ? [value?: number] : [labels: Labels<L>, value?: number]

/** A number that rises and falls: queue length, pool size. Made by {@link gauge}. NaN and infinities are values of a gauge. */
export class Gauge<L extends string = never> extends Family<L, GaugeSeries> {
  override readonly type = 'gauge'
  override readonly aggregator: GaugeAggregator
  override readonly collect: (() => void | Promise<void>) | undefined
  protected override readonly writers: readonly string[] = ['set', 'inc', 'dec']
  readonly #dropValue = (): void => this.drop('not_a_number')

  constructor(options: GaugeOptions<L>) {
    super('gauge', options, ['aggregator', 'collect'])
    const allowed = ['sum', 'first', 'min', 'max', 'average', 'omit'] as const
    this.aggregator = oneOf<GaugeAggregator>(`${options.name}: aggregator`, options.aggregator, 'sum', allowed)
    this.collect = callable(`${options.name}: collect`, options.collect)
    this.begin()
  }

  set(...args: Set<L>): void
  set(labels: Labels<L> | number, value?: number): void {
    if (this.only) this.only.set(labels as number)
    else this.series(labels as Labels<L>).set(value!)
  }

  inc(...args: Step<L>): void
  inc(labels?: Labels<L> | number, value?: number): void {
    if (this.only) this.only.inc(labels as number | undefined)
    else this.series(labels as Labels<L>).inc(value)
  }

  dec(...args: Step<L>): void
  dec(labels?: Labels<L> | number, value?: number): void {
    if (this.only) this.only.dec(labels as number | undefined)
    else this.series(labels as Labels<L>).dec(value)
  }

  /** The gauge of these labels, to keep and use again. */
  bind(labels: Labels<L>): BoundGauge {
    const series = this.only ?? this.series(labels)
    series.pinned = true
    return series
  }

  /** Sets the series of these label texts, in the order of `labelNames`: a cluster's primary speaks so. */
  put(values: readonly string[], value: number): void {
    this.seriesOf(values).set(value)
  }

  protected override create(values: readonly string[]): GaugeSeries {
    return new GaugeSeries(values, this.#dropValue)
  }

  protected override clear(series: GaugeSeries): void {
    series.value = 0
  }

  override async get(): Promise<MetricValues> {
    await this.collect?.()
    const values = [...this.all()].map((series) => ({ value: series.value, labels: this.labelsOf(series) }))
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }
}

/**
 * Defines a gauge in a registry. The same definition twice gives the same gauge.
 * @throws ERR_SHOP_METRICS_NAME, _LABEL, _OPTION, _NAME_TAKEN
 */
export function gauge<const L extends string = never>(options: GaugeOptions<L>): Gauge<L> {
  return define(new Gauge(options) as Gauge<never>) as unknown as Gauge<L>
}
