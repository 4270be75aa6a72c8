import { performance } from 'node:perf_hooks'

import { Counter } from './counter.ts'
import { type OwnFamily, readyFamilies } from './families.ts'
import { Histogram, type HistogramSeries } from './histogram.ts'
import { onlyKnown } from './options.ts'
import { attributes, type OtlpOptions, sending } from './otlp-post.ts'
import { nanoseconds } from './otlp-traces.ts'
import { type MetricValues, type Register, registerOf } from './register.ts'

/** What {@link otlpMetrics} takes. */
export interface OtlpMetricsOptions extends OtlpOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
}

const CUMULATIVE = 2

/**
 * Pushes a registry by OTLP/HTTP, for backends that do not scrape. Of metrics that are not ours, counters and gauges
 * are sent. Dispose of it at the end, so that the last numbers leave.
 * @throws ERR_SHOP_METRICS_OPTION, _UNKNOWN_OPTION, _DURATION, _REGISTER
 */
export function otlpMetrics(options: OtlpMetricsOptions): AsyncDisposable & { flush(): Promise<boolean> } {
  onlyKnown('otlpMetrics()', options, ['url', 'serviceName', 'headers', 'interval', 'timeout', 'register'])
  const register = registerOf('otlpMetrics()', options.register)
  return sending('otlpMetrics()', options, async () => {
    const times = { startTimeUnixNano: nanoseconds(performance.timeOrigin), timeUnixNano: nanoseconds(Date.now()) }
    const metrics: object[] = []
    for await (const ready of readyFamilies(register)) {
      const metric = 'own' in ready ? ownMetric(ready.own, times) : foreignMetric(ready.foreign, times)
      if (metric) metrics.push(metric)
    }
    const resource = { attributes: attributes({ 'service.name': options.serviceName ?? 'shop' }) }
    return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: '@shop/metrics' }, metrics }] }] }
  })
}

type Times = { readonly startTimeUnixNano: string; readonly timeUnixNano: string }

function ownMetric(family: OwnFamily, times: Times): object {
  const { metric: name, help: description } = family
  if (family instanceof Histogram) {
    const dataPoints = [...family.all()].map((series) => histogramPoint(family, series, times))
    return { name, description, histogram: { aggregationTemporality: CUMULATIVE, dataPoints } }
  }
  const dataPoints = [...family.all()].map((series) => ({
    ...times,
    attributes: attributes(family.labelsOf(series as never)),
    asDouble: (series as { value: number }).value,
  }))
  return family instanceof Counter
    ? { name, description, sum: { isMonotonic: true, aggregationTemporality: CUMULATIVE, dataPoints } }
    : { name, description, gauge: { dataPoints } }
}

function histogramPoint(family: Histogram<string>, series: HistogramSeries, times: Times): object {
  const count = series.counts.reduce((sum, each) => sum + each, 0)
  const exemplars = (series.exemplars ?? []).flatMap((exemplar) =>
    exemplar
      ? [
          {
            timeUnixNano: nanoseconds(exemplar.at),
            asDouble: exemplar.value,
            traceId: exemplar.traceId,
            spanId: exemplar.spanId,
          },
        ]
      : [],
  )
  return {
    ...times,
    attributes: attributes(family.labelsOf(series)),
    count: String(count),
    sum: series.sum,
    explicitBounds: [...family.bounds],
    bucketCounts: [...series.counts].map(String),
    ...(exemplars.length > 0 && { exemplars }),
  }
}

function foreignMetric({ name, help: description, type, values }: MetricValues, times: Times): object | undefined {
  const dataPoints = values
    .filter(({ metricName }) => metricName === undefined || metricName === name)
    .map(({ labels = {}, value }) => ({ ...times, attributes: attributes(labels), asDouble: value }))
  if (type === 'counter')
    return { name, description, sum: { isMonotonic: true, aggregationTemporality: CUMULATIVE, dataPoints } }
  return type === 'gauge' ? { name, description, gauge: { dataPoints } } : undefined
}
