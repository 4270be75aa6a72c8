import type { FamilyDefinition } from './cluster-message.ts'
import type { MetricValues, Register, RegisteredMetric } from './register.ts'

interface Line {
  readonly labels: Readonly<Record<string, string>>
  readonly metricName: string | undefined
  value: number
  /** Gauges and quantiles: each worker's own value. */
  readonly workers: Map<number, number>
}

/** A metric of prom-client's own in several workers: counts are summed, values joined by the metric's aggregator. */
export class JoinedForeign implements RegisteredMetric {
  readonly name: string
  readonly help: string
  readonly #type: string
  readonly #aggregator: string
  readonly #base: RegisteredMetric | undefined
  readonly #lines = new Map<string, Line>()

  /** Takes the place of what the primary's registry has by this name, whose values it goes on showing. */
  static into(register: Register, definition: FamilyDefinition): JoinedForeign {
    const base = register.getSingleMetric(definition.name) as RegisteredMetric | undefined
    if (base) register.removeSingleMetric(definition.name)
    const joined = new JoinedForeign(definition, base)
    register.registerMetric(joined as never)
    return joined
  }

  private constructor({ name, help, type, aggregator }: FamilyDefinition, base: RegisteredMetric | undefined) {
    this.name = name
    this.help = help
    this.#type = type
    this.#aggregator = aggregator
    this.#base = base
  }

  /** The key of a line, made when new. */
  series(labels: Readonly<Record<string, string>>, metricName: string | undefined): string {
    const key = `${metricName ?? ''} ${JSON.stringify(labels)}`
    if (!this.#lines.has(key)) this.#lines.set(key, { labels, metricName, value: 0, workers: new Map() })
    return key
  }

  add(worker: number, key: string, value: number): void {
    const line = this.#lines.get(key)
    if (!line) return
    if (this.#rises(line)) line.value += value
    else line.workers.set(worker, value)
  }

  forget(worker: number): void {
    for (const [key, line] of this.#lines) {
      line.workers.delete(worker)
      if (!this.#rises(line) && line.workers.size === 0) this.#lines.delete(key)
    }
  }

  async get(): Promise<MetricValues> {
    const base = await this.#base?.get()
    const values = [...this.#lines.values()].map((line) => ({
      labels: line.labels,
      value: this.#rises(line) ? line.value : this.#join([...line.workers.values()]),
      ...(line.metricName !== undefined && { metricName: line.metricName }),
    }))
    const shown = this.#aggregator === 'omit' ? [] : values
    return {
      name: this.name,
      help: this.help,
      type: this.#type,
      aggregator: this.#aggregator,
      values: [...(base?.values ?? []), ...shown],
    }
  }

  reset(): void {
    this.#lines.clear()
  }

  #rises(line: Line): boolean {
    return this.#type !== 'gauge' && line.labels['quantile'] === undefined
  }

  #join(values: readonly number[]): number {
    if (this.#aggregator === 'max') return Math.max(...values)
    if (this.#aggregator === 'min') return Math.min(...values)
    if (this.#aggregator === 'first') return values[0] ?? Number.NaN
    const sum = values.reduce((total, value) => total + value, 0)
    return this.#aggregator === 'average' ? sum / values.length : sum
  }
}
