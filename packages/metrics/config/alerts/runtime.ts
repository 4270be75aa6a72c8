import { type Alert, series, TARGET } from '../alert.ts'

const { job, instance } = TARGET
const labels = { job, instance }

/** Node itself: event loop, memory, descriptors, workers, and the metrics of the metrics. */
export const runtime: readonly Alert[] = [
  {
    name: 'ShopEventLoopBlocked',
    expr: 'nodejs_eventloop_delay_max_seconds > 1',
    for: '2m',
    severity: 'critical',
    team: 'platform',
    summary: 'Something blocks the event loop of {{ $labels.instance }} for over a second',
    action:
      'While it lasts nobody is answered. Take a CPU profile (node --cpu-prof, or the inspector): look for synchronous parsing, hashing, or regular expressions on long input.',
    fires: { series: [series('nodejs_eventloop_delay_max_seconds', {}, '0.01x5 1.5x20')], labels },
    quiet: { series: [series('nodejs_eventloop_delay_max_seconds', {}, '0.01x5 1.5x1 0.02x20')] },
  },
  {
    name: 'ShopEventLoopSlow',
    expr: 'nodejs_eventloop_delay_p99_seconds > 0.1 and nodejs_eventloop_delay_max_seconds <= 1',
    for: '10m',
    severity: 'warning',
    team: 'platform',
    summary: 'The event loop of {{ $labels.instance }} is late by over 0.1 s',
    action: 'More work than one process does: add instances, or move the heaviest synchronous work to a worker thread.',
    fires: {
      series: [
        series('nodejs_eventloop_delay_p99_seconds', {}, '0.2x30'),
        series('nodejs_eventloop_delay_max_seconds', {}, '0.4x30'),
      ],
      at: '15m',
      labels,
    },
    quiet: {
      series: [
        series('nodejs_eventloop_delay_p99_seconds', {}, '0.05x30'),
        series('nodejs_eventloop_delay_max_seconds', {}, '0.4x30'),
      ],
      at: '15m',
    },
  },
  {
    name: 'ShopEventLoopSaturated',
    expr: 'nodejs_eventloop_utilization_ratio > 0.9',
    for: '10m',
    severity: 'warning',
    team: 'platform',
    summary: 'The event loop of {{ $labels.instance }} is busy over 90 % of the time',
    action: 'There is no room for a peak: add instances now, then look for what got slower.',
    fires: { series: [series('nodejs_eventloop_utilization_ratio', {}, '0.95x30')], at: '15m', labels },
    quiet: { series: [series('nodejs_eventloop_utilization_ratio', {}, '0.95x8 0.5x30')], at: '15m' },
  },
  {
    name: 'ShopGarbageCollectionHeavy',
    expr: 'sum by (job, instance) (rate(v8js_gc_duration_seconds_sum[5m])) > 0.2',
    for: '10m',
    severity: 'warning',
    team: 'platform',
    summary: '{{ $labels.instance }} spends over a fifth of its time collecting garbage',
    action:
      'The heap is nearly full or something allocates without need: compare the old space with its limit, then take a heap profile.',
    fires: {
      series: [series('v8js_gc_duration_seconds_sum', { v8js_gc_type: 'major' }, '0+20x30')],
      at: '20m',
      labels,
    },
    quiet: { series: [series('v8js_gc_duration_seconds_sum', { v8js_gc_type: 'minor' }, '0+2x30')], at: '20m' },
  },
  {
    name: 'ShopHeapNearLimit',
    expr: 'sum by (job, instance) (v8js_memory_heap_used_bytes) / sum by (job, instance) (nodejs_heap_size_limit_bytes) > 0.85',
    for: '5m',
    severity: 'critical',
    team: 'platform',
    summary: 'The heap of {{ $labels.instance }} is 85 % full',
    action:
      'At 100 % the process dies. Restart it in a quiet moment after taking a heap snapshot; then find what grows.',
    fires: {
      series: [
        series('v8js_memory_heap_used_bytes', { v8js_heap_space_name: 'old_space' }, '9e8x20'),
        series('nodejs_heap_size_limit_bytes', {}, '1e9x20'),
      ],
      labels,
    },
    quiet: {
      series: [
        series('v8js_memory_heap_used_bytes', { v8js_heap_space_name: 'old_space' }, '5e8x20'),
        series('nodejs_heap_size_limit_bytes', {}, '1e9x20'),
      ],
    },
  },
  {
    name: 'ShopMemoryLeaking',
    expr: 'predict_linear(v8js_memory_heap_used_bytes{v8js_heap_space_name="old_space"}[2h], 8 * 3600) > on (job, instance) group_left () nodejs_heap_size_limit_bytes and on (job, instance) v8js_memory_heap_used_bytes{v8js_heap_space_name="old_space"} > on (job, instance) 0.4 * nodejs_heap_size_limit_bytes',
    for: '30m',
    severity: 'warning',
    team: 'platform',
    summary: 'The heap of {{ $labels.instance }} will be full within eight hours',
    action: 'A leak: compare two heap snapshots taken an hour apart. Restarting buys time.',
    fires: {
      series: [
        series('v8js_memory_heap_used_bytes', { v8js_heap_space_name: 'old_space' }, '3e8+2e6x300'),
        series('nodejs_heap_size_limit_bytes', {}, '1e9x300'),
      ],
      at: '4h',
      labels: { ...labels, v8js_heap_space_name: 'old_space' },
    },
    quiet: {
      series: [
        series('v8js_memory_heap_used_bytes', { v8js_heap_space_name: 'old_space' }, '5e8x300'),
        series('nodejs_heap_size_limit_bytes', {}, '1e9x300'),
      ],
      at: '4h',
    },
  },
  {
    name: 'ShopFileDescriptorsLow',
    expr: 'process_open_fds / process_max_fds > 0.8',
    for: '3m',
    severity: 'critical',
    team: 'platform',
    summary: '{{ $labels.instance }} has 80 % of its file descriptors open',
    action: 'Soon it can take no connection. Look for sockets that are not closed (ss -p), then raise the limit.',
    fires: { series: [series('process_open_fds', {}, '900x20'), series('process_max_fds', {}, '1000x20')], labels },
    quiet: { series: [series('process_open_fds', {}, '100x20'), series('process_max_fds', {}, '1000x20')] },
  },
  {
    name: 'ShopClusterWorkerHangs',
    expr: 'shop_cluster_workers{state="late"} > 0',
    for: '3m',
    severity: 'warning',
    team: 'platform',
    summary: 'A worker of {{ $labels.instance }} does not answer its primary',
    action: 'Its event loop is blocked: find it by its CPU time, take a profile, end it; the primary starts another.',
    fires: {
      series: [series('shop_cluster_workers', { state: 'late' }, '1x20')],
      labels: { ...labels, state: 'late' },
    },
    quiet: { series: [series('shop_cluster_workers', { state: 'late' }, '0x20')] },
  },
  {
    name: 'ShopMetricNearItsCap',
    expr: 'shop_metrics_series / shop_metrics_series_limit > 0.8',
    for: '10m',
    severity: 'warning',
    team: 'platform',
    summary: '{{ $labels.metric }} has used 80 % of the label sets it keeps',
    action:
      'A label takes values without end (an id, a URL): make it a template. Beyond the cap new label sets are counted together.',
    fires: {
      series: [
        series('shop_metrics_series', { metric: 'm' }, '1900x30'),
        series('shop_metrics_series_limit', { metric: 'm' }, '2000x30'),
      ],
      at: '15m',
      labels: { ...labels, metric: 'm' },
    },
    quiet: {
      series: [
        series('shop_metrics_series', { metric: 'm' }, '100x30'),
        series('shop_metrics_series_limit', { metric: 'm' }, '2000x30'),
      ],
      at: '15m',
    },
  },
  {
    name: 'ShopMeasurementsDropped',
    expr: 'sum by (job, metric, reason) (increase(shop_metrics_dropped_total[10m])) > 0',
    severity: 'warning',
    team: 'platform',
    summary: 'Measurements of {{ $labels.metric }} are dropped: {{ $labels.reason }}',
    action: 'not_a_number or negative is a mistake in the code that measures; cardinality is a label without end.',
    fires: {
      series: [series('shop_metrics_dropped_total', { metric: 'm', reason: 'negative' }, '0+1x30')],
      labels: { job, metric: 'm', reason: 'negative' },
    },
    quiet: { series: [series('shop_metrics_dropped_total', { metric: 'm', reason: 'negative' }, '7x30')] },
  },
  {
    name: 'ShopCollectorFailing',
    expr: 'sum by (job, metric) (increase(shop_metrics_collector_errors_total[10m])) > 2',
    severity: 'warning',
    team: 'platform',
    summary: 'The collect function of {{ $labels.metric }} fails',
    action: 'Its value is stale or missing. The error is on the channel shop:metrics:collector-failed.',
    fires: {
      series: [series('shop_metrics_collector_errors_total', { metric: 'm' }, '0+1x30')],
      labels: { job, metric: 'm' },
    },
    quiet: { series: [series('shop_metrics_collector_errors_total', { metric: 'm' }, '3x30')] },
  },
  {
    name: 'ShopScrapeSlow',
    expr: 'scrape_duration_seconds{job="shop"} > 5',
    severity: 'warning',
    team: 'platform',
    summary: 'A scrape of {{ $labels.instance }} takes over five seconds',
    action:
      'At the scrape timeout all its metrics are gone. Either the process is overloaded or it has far too many series.',
    fires: { series: [series('scrape_duration_seconds', {}, '7x20')], labels },
    quiet: { series: [series('scrape_duration_seconds', {}, '0.2x20')] },
  },
]
