import { MetricsError } from './errors.ts'
import type { Family, Series } from './family.ts'
import { healthOf } from './health.ts'

/**
 * Puts a new metric into its registry, or hands out the one that is already there when both are defined alike, so
 * that two parts of a program may define the same metric.
 * @throws ERR_SHOP_METRICS_NAME_TAKEN when the registry holds something else by this name
 */
export function define<F extends Family<string, Series>>(made: F): F {
  const held = made.register.getSingleMetric(made.metric)
  if (held !== undefined && held !== null) {
    if (held.constructor !== made.constructor) throw taken(made, 'another metric of this name')
    const shape = (held as F).shape
    const other = Object.entries(made.shape).find(([option, value]) => shape[option] !== value)
    if (other) throw taken(made, `it with another ${other[0]}: ${shape[other[0]]}`)
    if (made.collect && made.collect !== (held as F).collect) throw taken(made, 'it with another collect function')
    return held as F
  }
  for (const name of namesBeside(made)) {
    const other = made.register.getSingleMetric(name) as Family<string, Series> | undefined
    if (other) throw taken(made, `${name}, which writes the same lines`)
  }
  made.register.registerMetric(made as never)
  if (made.labelNames.length > 0) {
    const size = () => ({ series: made.size, limit: made.maxSeries })
    healthOf(made.register).sizes.set(made.metric, size)
  }
  return made
}

function taken(made: Family<string, Series>, what: string): MetricsError {
  return new MetricsError('ERR_SHOP_METRICS_NAME_TAKEN', `${made.metric}: the registry holds ${what}`)
}

const HISTOGRAM_LINES = ['_bucket', '_sum', '_count']

/** Other metrics of ours whose lines could not be told from this one's: OpenMetrics names a counter without its _total. */
function namesBeside({ type, metric, register }: Family<string, Series>): string[] {
  const base = type === 'counter' ? metric.slice(0, -'_total'.length) : metric
  const names = [base, `${base}_total`, ...(type === 'histogram' ? HISTOGRAM_LINES.map((end) => base + end) : [])]
  const suffix = HISTOGRAM_LINES.find((end) => metric.endsWith(end))
  const whole = suffix && metric.slice(0, -suffix.length)
  const held = whole && (register.getSingleMetric(whole) as { readonly type?: unknown } | undefined)
  return [...names.filter((name) => name !== metric), ...(held && held.type === 'histogram' ? [whole] : [])]
}
