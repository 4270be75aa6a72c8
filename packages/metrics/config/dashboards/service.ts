import type { DashboardSpec } from './dashboard.ts'
import { now, orZero, quantile, rate } from './panel.ts'

const NAME = 'http_server_request_duration_seconds'
const ERRORS = 'http_response_status_code=~"5.."'

export const service: DashboardSpec = {
  uid: 'shop-service',
  title: 'Shop / Service',
  about: 'Rate, errors and duration of what the shop answers.',
  rows: {
    Now: [
      {
        title: 'Requests',
        about: 'Requests a second.',
        unit: 'reqps',
        stat: true,
        queries: [[`sum(${rate(`${NAME}_count`)})`, '']],
      },
      {
        title: 'Errors',
        about: 'Share of requests answered 5xx.',
        unit: 'percentunit',
        stat: true,
        queries: [[`(${orZero(`sum(${rate(`${NAME}_count`, ERRORS)})`)}) / sum(${rate(`${NAME}_count`)})`, '']],
      },
      {
        title: 'Duration, 95 %',
        about: 'Nineteen of twenty requests are faster.',
        unit: 's',
        stat: true,
        queries: [[quantile(0.95, NAME), '']],
      },
      {
        title: 'Open requests',
        about: 'Requests being served now.',
        unit: 'short',
        stat: true,
        queries: [[`sum(${now('http_server_active_requests')})`, '']],
      },
    ],
    Rate: [
      {
        title: 'Requests by status',
        about: 'Requests a second, by status.',
        unit: 'reqps',
        queries: [[`sum by (http_response_status_code) (${rate(`${NAME}_count`)})`, '{{http_response_status_code}}']],
      },
      {
        title: 'Requests by route',
        about: 'The ten busiest routes.',
        unit: 'reqps',
        queries: [[`topk(10, sum by (http_route) (${rate(`${NAME}_count`)}))`, '{{http_route}}']],
      },
    ],
    Errors: [
      {
        title: 'Error ratio',
        about: 'Share of 5xx against the objective of 99.9 %.',
        unit: 'percentunit',
        queries: [
          [`(${orZero(`sum(${rate(`${NAME}_count`, ERRORS)})`)}) / sum(${rate(`${NAME}_count`)})`, 'errors'],
          ['vector(0.001)', 'objective'],
        ],
      },
      {
        title: 'Failures by reason',
        about: 'What error_type says: denials, classes of errors, clients that went away.',
        unit: 'reqps',
        queries: [[orZero(`sum by (error_type) (${rate(`${NAME}_count`, 'error_type!=""')})`), '{{error_type}}']],
      },
    ],
    Duration: [
      {
        title: 'Duration',
        about: 'Percentiles over all requests.',
        unit: 's',
        queries: [
          [quantile(0.5, NAME), '50 %'],
          [quantile(0.95, NAME), '95 %'],
          [quantile(0.99, NAME), '99 %'],
        ],
      },
      {
        title: 'Slowest routes',
        about: '95th percentile of the ten slowest routes.',
        unit: 's',
        queries: [[`topk(10, ${quantile(0.95, NAME, 'http_route')})`, '{{http_route}}']],
      },
      {
        title: 'Within half a second',
        about: 'Share of requests within the latency objective (99 %).',
        unit: 'percentunit',
        queries: [
          [`sum(${rate(`${NAME}_bucket`, 'le="0.5"')}) / sum(${rate(`${NAME}_count`)})`, 'within 0.5 s'],
          ['vector(0.99)', 'objective'],
        ],
      },
      {
        title: 'Open requests',
        about: 'Requests being served, by method.',
        unit: 'short',
        queries: [[`sum by (http_request_method) (${now('http_server_active_requests')})`, '{{http_request_method}}']],
      },
      {
        title: 'Bytes',
        about: 'Bytes of bodies a second, by Content-Length.',
        unit: 'Bps',
        queries: [
          [orZero(`sum(${rate('http_server_request_body_size_bytes_sum')})`), 'in'],
          [orZero(`sum(${rate('http_server_response_body_size_bytes_sum')})`), 'out'],
        ],
      },
    ],
  },
}
