import type { FamilyDefinition } from './cluster-message.ts'
import { MetricsError } from './errors.ts'
import { OVERFLOW_LABEL } from './family.ts'
import { healthOf } from './health.ts'
import type { MetricValues, Register, RegisteredMetric } from './register.ts'

/** One line of a metric: what it is called by, and the key that equal ones share. */
export interface ForeignSeries {
  readonly key: string
  readonly labels: Readonly<Record<string, string>>
  readonly metricName: string | undefined
}

interface Line extends ForeignSeries {
  value: number
  /** Gauges and quantiles: each worker's own value. */
  readonly workers: Map<number, number>
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const TYPE = /^[a-z]+$/

/**
 * A metric joined by its lines, because prom-client made it, in the workers or in the primary: counts are summed,
 * values joined by the metric's aggregator, and the primary's own is one more of them.
 */
export class JoinedForeign implements RegisteredMetric {
  readonly name: string
  readonly help: string
  readonly #labelNames: readonly string[]
  readonly #type: string
  readonly #aggregator: string
  readonly #register: Register
  readonly #base: RegisteredMetric | undefined
  readonly #lines = new Map<string, Line>()

  /** Takes the place of what the primary's registry has by this name. */
  static into(register: Register, definition: FamilyDefinition): JoinedForeign {
    const base = register.getSingleMetric(definition.name) as RegisteredMetric | undefined
    const joined = new JoinedForeign(register, definition, base)
    if (base) register.removeSingleMetric(definition.name)
    register.registerMetric(joined as never)
    return joined
  }

  private constructor(
    register: Register,
    { name, help, type, aggregator, labelNames }: FamilyDefinition,
    base: RegisteredMetric | undefined,
  ) {
    if (!NAME.test(name) || typeof help !== 'string' || !TYPE.test(type))
      throw new MetricsError(
        'ERR_SHOP_METRICS_NAME',
        `${JSON.stringify(name)} of type ${JSON.stringify(type)}: no metric`,
      )
    this.name = name
    this.help = help
    this.#labelNames = labelNames
    this.#type = type
    this.#aggregator = aggregator
    this.#register = register
    this.#base = base
  }

  /** A line, which shows from now on; undefined when no scrape could carry its names. */
  series(labels: Readonly<Record<string, string>>, metricName: string | undefined): ForeignSeries | undefined {
    const name = metricName ?? this.name
    const texts = [name, ...Object.values(labels)].every((text) => typeof text === 'string')
    if (!texts || !NAME.test(name) || !Object.keys(labels).every((label) => LABEL.test(label))) return undefined
    const series = { key: keyOf(labels, metricName), labels, metricName }
    this.#line(series)
    return series
  }

  /** The labels of a series that is not foreign to its worker. */
  labelsOf(values: readonly string[] | null): Readonly<Record<string, string>> {
    if (values === null) return { [OVERFLOW_LABEL]: 'true' }
    return Object.fromEntries(this.#labelNames.map((name, i) => [name, values[i]!]))
  }

  add(worker: number, series: ForeignSeries, value: number): void {
    const line = this.#line(series)
    if (!this.#rises(line)) line.workers.set(worker, value)
    else if (Number.isFinite(line.value + value)) line.value += value
    else healthOf(this.#register).dropped(this.name, 'not_a_number')
  }

  forget(worker: number): void {
    for (const [key, line] of this.#lines) {
      line.workers.delete(worker)
      if (!this.#rises(line) && line.workers.size === 0) this.#lines.delete(key)
    }
  }

  async get(): Promise<MetricValues> {
    const { name, help } = this
    const base = await this.#base?.get()
    if (base && base.type !== this.#type) {
      healthOf(this.#register).failed(name)
      return base
    }
    const own = new Map(
      base?.values.map(
        (value) => [keyOf({ ...value.sharedLabels, ...value.labels }, value.metricName), value] as const,
      ),
    )
    const joined: MetricValues['values'][number][] = []
    for (const line of this.#aggregator === 'omit' ? [] : this.#lines.values()) {
      const primary = own.get(line.key)
      own.delete(line.key)
      const { labels, metricName } = line
      const value = this.#rises(line)
        ? line.value + (primary?.value ?? 0)
        : this.#join([...(primary ? [primary.value] : []), ...line.workers.values()])
      joined.push({ labels, value, ...(metricName !== undefined && { metricName }) })
    }
    return { name, help, type: this.#type, aggregator: this.#aggregator, values: [...own.values(), ...joined] }
  }

  reset(): void {
    this.#lines.clear()
  }

  /** Made anew where it went with the last worker that had it, or by a reset. */
  #line(series: ForeignSeries): Line {
    let line = this.#lines.get(series.key)
    if (!line) this.#lines.set(series.key, (line = { ...series, value: 0, workers: new Map() }))
    return line
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

/** The same for equal labels, in whatever order; an empty one is none. */
function keyOf(labels: Readonly<Record<string, string | number>>, metricName: string | undefined): string {
  const texts = Object.entries(labels).flatMap(([name, text]) => (text === '' ? [] : [[name, String(text)]]))
  return JSON.stringify([metricName ?? '', texts.toSorted(([a], [b]) => (a! < b! ? -1 : 1))])
}
