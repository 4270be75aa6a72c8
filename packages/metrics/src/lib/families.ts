/** Families made ready for any format: what is ours as it lies, what is foreign by its JSON form. */
import { Counter } from './counter.ts'
import { collectorFailed } from './events.ts'
import { Gauge } from './gauge.ts'
import { healthOf } from './health.ts'
import { Histogram } from './histogram.ts'
import type { MetricValues, Register, RegisteredMetric } from './register.ts'

export type OwnFamily = Counter<string> | Gauge<string> | Histogram<string>
export type ReadyFamily = { readonly own: OwnFamily } | { readonly foreign: MetricValues }

const COLLECT_TIMEOUT = 1000

/**
 * Runs the collect functions of a registry and yields each metric. One that throws, rejects, or takes over a second
 * is reported in `shop_metrics_collector_errors_total`; ours then shows its last values, a foreign one is left out.
 */
export async function* readyFamilies(register: Register): AsyncGenerator<ReadyFamily> {
  const health = healthOf(register)
  const failed = (metric: string, error: unknown): void => {
    health.failed(metric)
    if (collectorFailed.hasSubscribers) collectorFailed.publish({ metric, error })
  }
  for (const metric of listed(register)) {
    if (!isOwn(metric) || !metric.collect) continue
    try {
      const waiting = metric.collect()
      if (waiting) await within(waiting, metric.metric)
    } catch (error) {
      failed(metric.metric, error)
    }
  }
  // listed again: a collect function may have defined more
  for (const metric of listed(register)) {
    if (isOwn(metric)) {
      yield { own: metric }
      continue
    }
    try {
      const values = metric.get()
      yield { foreign: isPromise(values) ? await within(values, metric.name) : values }
    } catch (error) {
      failed(metric.name, error)
    }
  }
}

/** The health metrics come last, so that they tell of this very scrape. */
function listed(register: Register): readonly (OwnFamily | RegisteredMetric)[] {
  const all = register.getMetricsAsArray() as readonly (OwnFamily | RegisteredMetric)[]
  const late = (metric: RegisteredMetric): boolean => metric.name.startsWith('shop_metrics_')
  return [...all.filter((metric) => !late(metric)), ...all.filter(late)]
}

export function isOwn(metric: unknown): metric is OwnFamily {
  return metric instanceof Counter || metric instanceof Gauge || metric instanceof Histogram
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown }).then === 'function'
}

async function within<T>(work: Promise<T>, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${name}: its collect function took over ${COLLECT_TIMEOUT} ms`)),
      COLLECT_TIMEOUT,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
