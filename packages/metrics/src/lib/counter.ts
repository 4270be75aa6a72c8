import { define } from './define.ts'
import { Family, type FamilyOptions, type Series } from './family.ts'
import type { Labels } from './labels.ts'
import { callable } from './options.ts'
import type { MetricValues } from './register.ts'

/** One counter of one label set, looked up once: `orders.bind({ status: 'paid' }).inc()`. */
export interface BoundCounter {
  /** Adds; what is negative or no number is dropped and counted in `shop_metrics_dropped_total`. @default 1 */
  inc(value?: number): void
}

export type { CounterSeries }
class CounterSeries implements Series, BoundCounter {
  readonly values: readonly string[]
  readonly #drop: (value: number) => void
  value = 0
  writes = 0
  pinned = false
  lastWrites = 0
  lastChange = 0
  lines: readonly string[] | undefined = undefined

  constructor(values: readonly string[], drop: (value: number) => void) {
    this.values = values
    this.#drop = drop
  }

  inc(value = 1): void {
    if (typeof value === 'number' && value >= 0 && value < Infinity) {
      this.value += value
      this.writes++
    } else this.#drop(value)
  }
}

/** `inc(labels)`, `inc(labels, 2)`; without labels `inc()`, `inc(2)`. */
type Inc<L extends string> = [L] extends [never] ? [value?: number] : [labels: Labels<L>, value?: number]

/** A number that only rises: requests served, orders placed. Made by {@link counter}. */
export class Counter<L extends string = never> extends Family<L, CounterSeries> {
  override readonly type = 'counter'
  override readonly aggregator = 'sum'
  override readonly collect: (() => void | Promise<void>) | undefined
  protected override readonly writers: readonly string[] = ['inc']
  readonly #dropValue = (value: number): void => this.drop(value < 0 ? 'negative' : 'not_a_number')

  constructor(options: CounterOptions<L>) {
    super('counter', options, ['collect'])
    this.collect = callable(`${options.name}: collect`, options.collect)
    this.begin()
  }

  inc(...args: Inc<L>): void
  inc(labels?: Labels<L> | number, value?: number): void {
    if (this.only) this.only.inc(labels as number | undefined)
    else this.series(labels as Labels<L>).inc(value)
  }

  /** The counter of these labels, to keep and use again; it is never forgotten as idle. */
  bind(labels: Labels<L>): BoundCounter {
    const series = this.only ?? this.series(labels)
    series.pinned = true
    return series
  }

  /** Adds to the series of these label texts, in the order of `labelNames`: a cluster's worker speaks so. */
  add(values: readonly string[] | null, value: number): void {
    this.seriesOf(values).inc(value)
  }

  protected override create(values: readonly string[]): CounterSeries {
    return new CounterSeries(values, this.#dropValue)
  }

  protected override clear(series: CounterSeries): void {
    series.value = 0
  }

  override async get(): Promise<MetricValues> {
    await this.collect?.()
    const values = [...this.all()].map((series) => ({ value: series.value, labels: this.labelsOf(series) }))
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }
}

/** What {@link counter} takes. */
export interface CounterOptions<L extends string> extends FamilyOptions<L> {
  /** Called before each scrape. */
  readonly collect?: () => void | Promise<void>
}

/**
 * Defines a counter in a registry. The same definition twice gives the same counter.
 * @throws ERR_SHOP_METRICS_NAME, _LABEL, _OPTION, _NAME_TAKEN
 * @example
 * const orders = counter({ name: 'shop_orders_total', help: 'Orders placed', labelNames: ['status'] })
 * orders.inc({ status: 'paid' })
 */
export function counter<const L extends string = never>(options: CounterOptions<L>): Counter<L> {
  return define(new Counter(options) as Counter<never>) as unknown as Counter<L>
}
