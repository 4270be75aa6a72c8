import type { MetricValues, Register, RegisteredMetric } from './register.ts'

type Values = MetricValues['values']

/**
 * What this package says about itself in the registry it writes to: measurements it could not take as given,
 * collectors that failed, and how near each metric is to its cap. Made of nothing the metrics themselves need,
 * so that reporting on a metric never touches one.
 */
export class Health {
  readonly #dropped = new Map<string, Map<string, number>>()
  readonly #failed = new Map<string, number>()
  /** Labelled metrics of ours in this registry, with their number of series. */
  readonly sizes: Map<string, () => { readonly series: number; readonly limit: number }> = new Map()
  readonly #register: Register
  readonly #own: readonly RegisteredMetric[]

  constructor(register: Register) {
    this.#register = register
    this.#own = [
      reading('shop_metrics_dropped_total', 'counter', 'Measurements not taken as given, by reason', () =>
        this.#droppedValues(),
      ),
      reading(
        'shop_metrics_collector_errors_total',
        'counter',
        'Collect functions that threw, rejected or took too long',
        () => [...this.#failed].map(([metric, value]) => ({ labels: { metric }, value })),
      ),
      reading('shop_metrics_series', 'gauge', 'Label sets kept by a metric', () => this.#sizeValues('series')),
      reading('shop_metrics_series_limit', 'gauge', 'Label sets a metric keeps at most', () =>
        this.#sizeValues('limit'),
      ),
    ]
  }

  /** Puts what is missing into the registry: the first time all, and again after its `clear()`. */
  begin(): this {
    const register = this.#register
    for (const metric of this.#own) if (!register.getSingleMetric(metric.name)) register.registerMetric(metric as never)
    return this
  }

  dropped(metric: string, reason: string): void {
    const reasons = this.#dropped.get(metric) ?? new Map<string, number>()
    this.#dropped.set(metric, reasons.set(reason, (reasons.get(reason) ?? 0) + 1))
  }

  failed(metric: string): void {
    this.#failed.set(metric, (this.#failed.get(metric) ?? 0) + 1)
  }

  #droppedValues(): Values {
    return [...this.#dropped].flatMap(([metric, reasons]) =>
      [...reasons].map(([reason, value]) => ({ labels: { metric, reason }, value })),
    )
  }

  #sizeValues(what: 'series' | 'limit'): Values {
    const there = [...this.sizes].filter(([metric]) => this.#register.getSingleMetric(metric))
    return there.map(([metric, size]) => ({ labels: { metric }, value: size()[what] }))
  }
}

function reading(name: string, type: string, help: string, values: () => Values): RegisteredMetric & { reset(): void } {
  const aggregator = type === 'counter' ? 'sum' : 'max'
  return { name, help, get: () => ({ name, help, type, aggregator, values: values() }), reset: () => undefined }
}

const healths = new WeakMap<Register, Health>()

/** The registry's health metrics, registered when they are needed and not there. */
export function healthOf(register: Register): Health {
  let health = healths.get(register)
  if (!health) healths.set(register, (health = new Health(register)))
  return health.begin()
}
