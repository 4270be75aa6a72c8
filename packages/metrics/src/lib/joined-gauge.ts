import type { Gauge, GaugeAggregator } from './gauge.ts'

const JOIN: Readonly<Record<GaugeAggregator, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  average: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  first: (values) => values[0]!,
  omit: () => Number.NaN,
}

/** A gauge of several workers: each one's value by series, joined when the scrape has them all. */
export class JoinedGauge {
  readonly #gauge: Gauge<string>
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly workers: Map<number, number> }>()

  constructor(gauge: Gauge<string>) {
    this.#gauge = gauge
  }

  get labelNames(): readonly string[] {
    return this.#gauge.labelNames
  }

  set(worker: number, values: readonly string[] | null, value: number): void {
    // the overflow of several workers has no meaning as one value
    if (values === null) return
    const key = JSON.stringify(values)
    const series = this.#series.get(key) ?? { values, workers: new Map<number, number>() }
    series.workers.set(worker, value)
    this.#series.set(key, series)
  }

  forget(worker: number): void {
    for (const { workers } of this.#series.values()) workers.delete(worker)
  }

  settle(): void {
    for (const [key, { values, workers }] of this.#series) {
      if (workers.size > 0 && this.#gauge.aggregator !== 'omit')
        this.#gauge.put(values, JOIN[this.#gauge.aggregator]([...workers.values()]))
      else {
        this.#gauge.removeText(values)
        this.#series.delete(key)
      }
    }
    this.#show()
  }

  /** In the registry only while a worker has it: without labels it could not be empty there, and would show what is gone. */
  #show(): void {
    const { register, metric } = this.#gauge
    const held = register.getSingleMetric(metric)
    if (this.#series.size === 0 && held === this.#gauge) register.removeSingleMetric(metric)
    else if (this.#series.size > 0 && !held) register.registerMetric(this.#gauge as never)
  }
}
