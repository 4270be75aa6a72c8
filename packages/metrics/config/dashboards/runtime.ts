import type { DashboardSpec } from './dashboard.ts'
import { now, orZero, quantile, rate } from './panel.ts'

export const runtime: DashboardSpec = {
  uid: 'shop-runtime',
  title: 'Shop / Node runtime',
  about: 'Utilisation, saturation and errors of the Node processes.',
  rows: {
    Utilisation: [
      {
        title: 'CPU',
        about: 'Processor cores used.',
        unit: 'short',
        queries: [[`sum by (instance) (${rate('process_cpu_seconds_total')})`, '{{instance}}']],
      },
      {
        title: 'Event loop busy',
        about: 'Share of time the event loop was busy; above 90 % there is no room.',
        unit: 'percentunit',
        queries: [[`max by (instance) (${now('nodejs_eventloop_utilization_ratio')})`, '{{instance}}']],
      },
      {
        title: 'Memory',
        about: 'Memory of the process in RAM.',
        unit: 'bytes',
        queries: [[`sum by (instance) (${now('process_resident_memory_bytes')})`, '{{instance}}']],
      },
      {
        title: 'Heap by space',
        about: 'Used bytes of the heap; old_space grows with a leak.',
        unit: 'bytes',
        queries: [
          [`sum by (v8js_heap_space_name) (${now('v8js_memory_heap_used_bytes')})`, '{{v8js_heap_space_name}}'],
          [`sum(${now('nodejs_heap_size_limit_bytes')})`, 'limit'],
        ],
      },
    ],
    Saturation: [
      {
        title: 'Event loop delay',
        about: 'How late timers are.',
        unit: 's',
        queries: [
          [`max(${now('nodejs_eventloop_delay_p50_seconds')})`, '50 %'],
          [`max(${now('nodejs_eventloop_delay_p99_seconds')})`, '99 %'],
          [`max(${now('nodejs_eventloop_delay_max_seconds')})`, 'max'],
        ],
      },
      {
        title: 'Garbage collection',
        about: 'Share of time spent collecting, by kind.',
        unit: 'percentunit',
        queries: [[`sum by (v8js_gc_type) (${rate('v8js_gc_duration_seconds_sum')})`, '{{v8js_gc_type}}']],
      },
      {
        title: 'Longest collections',
        about: '99th percentile of a collection.',
        unit: 's',
        queries: [[quantile(0.99, 'v8js_gc_duration_seconds', 'v8js_gc_type'), '{{v8js_gc_type}}']],
      },
      {
        title: 'File descriptors',
        about: 'Open against allowed.',
        unit: 'percentunit',
        queries: [[`max by (instance) (${now('process_open_fds')} / ${now('process_max_fds')})`, '{{instance}}']],
      },
    ],
    'Metrics of the metrics': [
      {
        title: 'Label sets',
        about: 'How full each metric is against its cap.',
        unit: 'percentunit',
        queries: [
          [
            `topk(10, max by (metric) (${now('shop_metrics_series')} / ${now('shop_metrics_series_limit')}))`,
            '{{metric}}',
          ],
        ],
      },
      {
        title: 'Scrape',
        about: 'How long a scrape takes.',
        unit: 's',
        queries: [[`max by (instance) (${now('scrape_duration_seconds')})`, '{{instance}}']],
      },
      {
        title: 'Measurements dropped',
        about: 'Measurements not taken as given, a second.',
        unit: 'cps',
        queries: [[orZero(`sum by (metric, reason) (${rate('shop_metrics_dropped_total')})`), '{{metric}} {{reason}}']],
      },
      {
        title: 'Uptime',
        about: 'Since the process started.',
        unit: 's',
        stat: true,
        queries: [[`time() - min(${now('process_start_time_seconds')})`, '']],
      },
    ],
  },
}
