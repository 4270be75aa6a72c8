export { type BoundCounter, type Counter, counter, type CounterOptions } from './lib/counter.ts'
export type { Duration } from './lib/duration.ts'
export { errorCodes, MetricsError, type MetricsErrorCode } from './lib/errors.ts'
export { collectorFailed, type CollectorFailed, dropped, type MeasurementDropped } from './lib/events.ts'
export type { ExemplarTrace } from './lib/exemplar.ts'
export { exposition, expositionText } from './lib/exposition.ts'
export type { FamilyOptions } from './lib/family.ts'
export { type BoundGauge, type Gauge, gauge, type GaugeAggregator, type GaugeOptions } from './lib/gauge.ts'
export {
  type BoundHistogram,
  DEFAULT_BUCKETS,
  type Histogram,
  histogram,
  type HistogramOptions,
  type NativeOptions,
} from './lib/histogram.ts'
export { HTTP_BUCKETS, httpMetrics, type HttpMetricsOptions } from './lib/http-metrics.ts'
export type { Labels, LabelValue } from './lib/labels.ts'
export { metricsEndpoint, type MetricsEndpointOptions } from './lib/metrics-endpoint.ts'
export { CONTENT_TYPES, type Format, formatOf } from './lib/negotiate.ts'
export type { MetricValues, Register, RegisteredMetric } from './lib/register.ts'
export type { TextFormat } from './lib/text.ts'
export { currentTrace, type SpanSource, type TraceContext, useOpenTelemetry, withTrace } from './lib/trace-context.ts'
export { newSpanId, newTraceId } from './lib/trace-ids.ts'
export { readTraceparent, toTraceparent, type Traceparent } from './lib/traceparent.ts'
export { traceOf, tracing, type TracingOptions } from './lib/tracing.ts'
export { type BusinessMetrics, businessMetrics, type BusinessMetricsOptions } from './lib/business-metrics.ts'
export { DB_BUCKETS, pgMetrics, type PgMetricsOptions, type PgPool } from './lib/db-metrics.ts'
export { type LogIds, type LogOptions, logOptions, traceMixin } from './lib/log-correlation.ts'
export { observeShop, type ObserveShopOptions } from './lib/observe-shop.ts'
export { type MetricFamily, parseOpenMetrics } from './lib/openmetrics.ts'
export type { Sample, SampleExemplar } from './lib/openmetrics-line.ts'
export { PERSONAL_FIELDS, redactor, type RedactOptions } from './lib/redact.ts'
export { runtimeMetrics, type RuntimeMetricsOptions } from './lib/runtime-metrics.ts'
export { type PgQueryable, pgServerMetrics, type PgServerMetricsOptions } from './lib/pg-server-metrics.ts'
export {
  type AlertNotification,
  type NotifiedAlert,
  type TraceNotification,
  withTraces,
  type WithTracesOptions,
} from './lib/notification-traces.ts'
export { otlpMetrics, type OtlpMetricsOptions } from './lib/otlp-metrics.ts'
export type { OtlpOptions } from './lib/otlp-post.ts'
export { otlpTraces, type OtlpTracesOptions } from './lib/otlp-traces.ts'
