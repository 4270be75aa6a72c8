import { MetricsError } from './errors.ts'
import type { Family, Series } from './family.ts'
import { healthOf } from './health.ts'

/**
 * Puts a new metric into its registry, or hands out the one that is already there when both are defined alike, so
 * that two parts of a program may define the same metric.
 * @throws ERR_SHOP_METRICS_NAME_TAKEN when the registry holds something else by this name
 */
export function define<F extends Family<string, Series>>(made: F, same: (held: F) => boolean): F {
  const held = made.register.getSingleMetric(made.metric)
  if (held !== undefined && held !== null) {
    if (held.constructor === made.constructor && sameLabels(held as F, made) && same(held as F)) return held as F
    throw new MetricsError(
      'ERR_SHOP_METRICS_NAME_TAKEN',
      `${made.metric}: the registry holds another metric of this name`,
    )
  }
  made.register.registerMetric(made as never)
  if (made.labelNames.length > 0) {
    const size = () => ({ series: made.size, limit: made.maxSeries })
    healthOf(made.register).sizes.set(made.metric, size)
  }
  return made
}

function sameLabels(a: Family<string, Series>, b: Family<string, Series>): boolean {
  return a.labelNames.join() === b.labelNames.join()
}
