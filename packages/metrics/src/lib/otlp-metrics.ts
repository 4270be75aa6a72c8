import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'

import { Counter } from './counter.ts'
import type { BucketRun } from './exponential.ts'
import { type OwnFamily, readyFamilies } from './families.ts'
import { Histogram, type HistogramSeries } from './histogram.ts'
import { onlyKnown } from './options.ts'
import { attributes, type OtlpOptions, sending } from './otlp-post.ts'
import { nanoseconds } from './otlp-traces.ts'
import { defaultLabelsOf, type MetricValues, type Register, registerOf } from './register.ts'

/** What {@link otlpMetrics} takes. */
export interface OtlpMetricsOptions extends OtlpOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
}

const CUMULATIVE = 2

/**
 * Pushes a registry by OTLP/HTTP, for backends that do not scrape; a native histogram goes as an exponential one. Of
 * metrics that are not ours, counters and gauges are sent. Each exporter is an instance of the service by a random
 * `service.instance.id`. Dispose of it at the end, so that the last numbers leave.
 * @throws ERR_SHOP_METRICS_OPTION, _UNKNOWN_OPTION, _DURATION, _REGISTER
 */
export function otlpMetrics(options: OtlpMetricsOptions): AsyncDisposable & { flush(): Promise<boolean> } {
  onlyKnown('otlpMetrics()', options, ['url', 'serviceName', 'headers', 'interval', 'timeout', 'register'])
  const register = registerOf('otlpMetrics()', options.register)
  const resource = {
    attributes: attributes({
      'service.name': options.serviceName ?? 'shop',
      'service.instance.id': randomUUID(),
    }),
  }
  return sending('otlpMetrics()', options, async () => {
    const now = Date.now()
    const point: Point = (labels, value) => ({
      startTimeUnixNano: nanoseconds(performance.timeOrigin),
      timeUnixNano: nanoseconds(now),
      attributes: attributes({ ...defaultLabelsOf(register), ...labels }),
      ...value,
    })
    const metrics: object[] = []
    for await (const ready of readyFamilies(register)) {
      if ('own' in ready) ready.own.expire(now)
      const metric = 'own' in ready ? ownMetric(ready.own, point) : foreignMetric(ready.foreign, point)
      if (metric) metrics.push(metric)
    }
    return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: '@shop/metrics' }, metrics }] }] }
  })
}

/** A data point of some labels. */
type Point = (labels: Readonly<Record<string, string>>, value: object) => object

function ownMetric(family: OwnFamily, point: Point): object {
  const { metric: name, help: description } = family
  if (family instanceof Histogram) {
    const { native } = family
    const dataPoints = [...family.all()].map((series) =>
      point(family.labelsOf(series), {
        count: String(series.counts.reduce((sum, each) => sum + each, 0)),
        sum: double(series.sum),
        ...(native ? exponentialBuckets(series, native.zeroThreshold) : fixedBuckets(family, series)),
        ...exemplarsOf(series),
      }),
    )
    const data = { aggregationTemporality: CUMULATIVE, dataPoints }
    return { name, description, [native ? 'exponentialHistogram' : 'histogram']: data }
  }
  const dataPoints = [...family.all()].map((series) =>
    point(family.labelsOf(series as never), { asDouble: double((series as { value: number }).value) }),
  )
  return { name, description, ...numbers(family instanceof Counter, dataPoints) }
}

function numbers(rising: boolean, dataPoints: readonly object[]): object {
  return rising
    ? { sum: { isMonotonic: true, aggregationTemporality: CUMULATIVE, dataPoints } }
    : { gauge: { dataPoints } }
}

function fixedBuckets(family: Histogram<string>, { counts }: HistogramSeries): object {
  return { explicitBounds: [...family.bounds], bucketCounts: [...counts].map(String) }
}

function exponentialBuckets({ native }: HistogramSeries, zeroThreshold: number): object {
  const { positive, negative, zero } = native!
  return {
    scale: positive.schema,
    zeroCount: String(zero),
    zeroThreshold,
    positive: buckets(positive.run()),
    negative: buckets(negative.run()),
  }
}

// Prometheus numbers a bucket by its upper bound, OTLP by its lower
function buckets({ start, counts }: BucketRun): object {
  return { offset: start - 1, bucketCounts: counts.map(String) }
}

function exemplarsOf(series: HistogramSeries): object {
  const exemplars = series.exemplars?.flatMap((exemplar) =>
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
  return exemplars ? { exemplars } : {}
}

function foreignMetric({ name, help: description, type, values }: MetricValues, point: Point): object | undefined {
  if (type !== 'counter' && type !== 'gauge') return undefined
  const dataPoints = values
    .filter(({ metricName }) => metricName === undefined || metricName === name)
    .map(({ labels, value }) => point(texts(labels ?? {}), { asDouble: double(value) }))
  return { name, description, ...numbers(type === 'counter', dataPoints) }
}

// a label is a text to Prometheus, also where prom-client was given a number
function texts(labels: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]))
}

/** JSON has no word for what is no number or not finite; protobuf's JSON has a text. */
function double(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}
