/** Families made ready for any format: what is ours as it lies, what is foreign by its JSON form. */
import { Counter } from './counter.ts'
import { collectorFailed } from './events.ts'
import { checkValues } from './foreign-values.ts'
import { Gauge } from './gauge.ts'
import { healthOf } from './health.ts'
import { Histogram } from './histogram.ts'
import { type MetricValues, type Register, type RegisteredMetric, wrongDefaultsOf } from './register.ts'
import { Slice } from './slice.ts'

export type OwnFamily = Counter<string> | Gauge<string> | Histogram<string>
export type ReadyFamily = { readonly own: OwnFamily } | { readonly foreign: MetricValues }

const COLLECT_TIMEOUT = 1000

/**
 * Runs the collect functions of a registry, all at the same time, and yields each metric. One that throws, rejects,
 * takes over a second, or gives what is no metric is reported in `shop_metrics_collector_errors_total`; ours then
 * shows its last values, a foreign one is left out. So are default labels that are none.
 */
export async function* readyFamilies(register: Register): AsyncGenerator<ReadyFamily> {
  const health = healthOf(register)
  const failed = (metric: string, error: unknown): void => {
    health.failed(metric)
    if (collectorFailed.hasSubscribers) collectorFailed.publish({ metric, error })
  }
  for (const error of wrongDefaultsOf(register)) failed('default_labels', error)
  const collect = async (metric: OwnFamily): Promise<void> => {
    try {
      await bounded(metric, metric.metric, () => metric.collect!())
    } catch (error) {
      failed(metric.metric, error)
    }
  }
  const read = async (metric: RegisteredMetric): Promise<MetricValues | undefined> => {
    try {
      return checkValues(await bounded(metric, metric.name, () => metric.get()))
    } catch (error) {
      failed(metric.name, error)
      return undefined
    }
  }
  const own = listed(register).filter(isOwn)
  await Promise.all(own.filter((metric) => metric.collect).map(collect))
  // listed again: a collect function may have defined more
  const metrics = listed(register)
  const reading = new Map<RegisteredMetric, Promise<MetricValues | undefined>>()
  const slice = new Slice()
  for (const metric of metrics) {
    if (isOwn(metric) || isLate(metric)) continue
    reading.set(metric, read(metric))
    if (slice.over(true)) await slice.next()
  }
  for (const metric of metrics) {
    if (isOwn(metric)) {
      yield { own: metric }
      continue
    }
    const values = await (reading.get(metric) ?? read(metric))
    if (values) yield { foreign: values }
  }
}

/** The health metrics come last, so that they tell of this very scrape. */
function listed(register: Register): readonly (OwnFamily | RegisteredMetric)[] {
  const all = register.getMetricsAsArray() as readonly (OwnFamily | RegisteredMetric)[]
  return [...all.filter((metric) => !isLate(metric)), ...all.filter(isLate)]
}

function isLate(metric: RegisteredMetric): boolean {
  return metric.name.startsWith('shop_metrics_')
}

export function isOwn(metric: unknown): metric is OwnFamily {
  return metric instanceof Counter || metric instanceof Gauge || metric instanceof Histogram
}

const running = new WeakMap<object, Promise<unknown>>()

/** Starts a metric's work, or waits for what an earlier scrape has started: what hangs is not started again. */
function bounded<T>(metric: object, name: string, start: () => T | Promise<T>): T | Promise<T> {
  const known = running.get(metric) as Promise<T> | undefined
  if (known) return known
  const work = start()
  if (!isPromise(work)) return work
  const waiting = within(work, name)
  const ended = (): unknown => running.delete(metric)
  running.set(metric, waiting)
  work.then(ended, ended)
  return waiting
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === 'function'
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
