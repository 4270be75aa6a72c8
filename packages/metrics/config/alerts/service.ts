import { type Alert, type Input, plain, series, slowerThan, TARGET } from '../alert.ts'
import { HTTP_BUCKETS } from '../../src/lib/http-metrics.ts'

const COUNT = 'http_server_request_duration_seconds_count'
const BUCKET = 'http_server_request_duration_seconds_bucket'
const { job, instance } = TARGET

const answers = (route: string, status: number, values: string, error = ''): Input =>
  series(COUNT, { http_route: route, http_response_status_code: status, ...(error && { error_type: error }) }, values)
const started = (values: string, at: string = instance): Input => [
  `process_start_time_seconds{job="${job}",instance="${at}"}`,
  values,
]

/** Is the shop up, and does it answer well? */
export const service: readonly Alert[] = [
  {
    name: 'ShopInstanceDown',
    expr: 'up{job="shop"} == 0',
    for: '1m',
    severity: 'critical',
    team: 'platform',
    summary: '{{ $labels.instance }} cannot be scraped',
    action:
      'See whether the process runs and what it logged last; if it runs, whether /metrics answers from the Prometheus host.',
    fires: { series: [series('up', {}, '1x5 0x20')], labels: { job, instance } },
    quiet: { series: [series('up', {}, '1x20 0x1')], at: '20m' },
  },
  {
    name: 'ShopDown',
    expr: 'sum by (job) (up{job="shop"}) == 0',
    for: '30s',
    severity: 'critical',
    team: 'platform',
    summary: 'No instance of the shop can be scraped',
    action:
      'Treat as an outage: open the shop in a browser, then the last deployment, then network and DNS between Prometheus and the shop.',
    fires: { series: [series('up', {}, '1x5 0x20')], labels: { job } },
    quiet: { series: [series('up', {}, '0x20'), series('up', { instance: 'shop-2:9464' }, '1x20')] },
  },
  {
    name: 'ShopTargetsMissing',
    expr: 'absent(up{job="shop"})',
    severity: 'critical',
    team: 'platform',
    summary: 'Prometheus knows no instance of the shop at all',
    action:
      'Look at Status, Targets of Prometheus: service discovery found nothing, or the job was renamed. Until then no other alert of the shop can fire.',
    fires: { series: [plain('up{job="other"}', '1x20')], labels: { job } },
    quiet: { series: [series('up', {}, '0x20')] },
  },
  {
    name: 'ShopCrashLooping',
    expr: 'changes(process_start_time_seconds{job="shop"}[15m]) > 3',
    for: '0s',
    severity: 'critical',
    team: 'platform',
    summary: '{{ $labels.instance }} started more than three times within 15 minutes',
    action: 'Read the last lines before each exit; a boot that fails its configuration says so with an ERR_SHOP code.',
    fires: { series: [started('1x4 2x2 3x2 4x2 5x10')], at: '14m', labels: { job, instance } },
    quiet: { series: [started('1x10 2x20')] },
  },
  {
    name: 'ShopRestarted',
    expr: 'changes(process_start_time_seconds{job="shop"}[10m]) > 0 and changes(process_start_time_seconds{job="shop"}[15m]) <= 3',
    for: '0s',
    severity: 'info',
    team: 'platform',
    summary: '{{ $labels.instance }} started again',
    action: 'Expected after a deployment; otherwise look for an unhandled error, or the out-of-memory killer.',
    fires: { series: [started('1x10 2x20')], at: '15m', labels: { job, instance } },
    quiet: { series: [started('1x30')] },
  },
  {
    name: 'ShopNodeVersionsDiffer',
    expr: 'count by (job) (count by (job, version) (nodejs_version_info{job="shop"})) > 1',
    for: '1h',
    severity: 'info',
    team: 'platform',
    summary: 'Instances of the shop run different versions of Node',
    action: 'A rollout that stopped half-way: finish it or go back.',
    fires: {
      series: [
        series('nodejs_version_info', { version: 'v24.1.0' }, '1x90'),
        series('nodejs_version_info', { instance: 'b', version: 'v22.1.0' }, '1x90'),
      ],
      at: '70m',
      labels: { job },
    },
    quiet: {
      series: [
        series('nodejs_version_info', { version: 'v24.1.0' }, '1x90'),
        series('nodejs_version_info', { instance: 'b', version: 'v24.1.0' }, '1x90'),
      ],
      at: '70m',
    },
  },
  {
    name: 'ShopNoTraffic',
    expr: `sum by (job) (rate(${COUNT}[5m] offset 15m)) > 0.2 unless sum by (job) (rate(${COUNT}[5m])) > 0`,
    severity: 'critical',
    team: 'platform',
    summary: 'Requests stopped coming, while the shop itself is up',
    action: 'Look in front of the shop: DNS, certificate, load balancer, CDN. Open the shop from outside.',
    fires: { series: [answers('/', 200, '0+60x20 1200x40')], at: '32m', labels: { job } },
    quiet: { series: [answers('/', 200, '0x60')], at: '35m' },
  },
  {
    name: 'ShopCheckoutFailing',
    expr: `sum by (job) (rate(${COUNT}{http_route=~"/(checkout|cart|orders|webhooks).*",http_response_status_code=~"5.."}[5m])) / sum by (job) (rate(${COUNT}{http_route=~"/(checkout|cart|orders|webhooks).*"}[5m])) > 0.05 and sum by (job) (increase(${COUNT}{http_route=~"/(checkout|cart|orders|webhooks).*",http_response_status_code=~"5.."}[5m])) > 5`,
    for: '2m',
    severity: 'critical',
    team: 'platform',
    summary: 'More than one in twenty requests of the checkout fails',
    action:
      'This is lost money now. Look at payment provider and database first; think about a banner and about going back to the last version.',
    exemplars: `${BUCKET}{http_route=~"/(checkout|cart|orders|webhooks).*",http_response_status_code=~"5.."}`,
    fires: { series: [answers('/checkout', 200, '0+50x20'), answers('/checkout', 500, '0+10x20')], labels: { job } },
    quiet: { series: [answers('/checkout', 200, '0+50x20'), answers('/products/:slug', 500, '0+50x20')] },
  },
  {
    name: 'ShopRouteFailing',
    expr: `sum by (job, http_route) (rate(${COUNT}{http_response_status_code=~"5.."}[5m])) / sum by (job, http_route) (rate(${COUNT}[5m])) > 0.2 and sum by (job, http_route) (increase(${COUNT}{http_response_status_code=~"5.."}[5m])) > 10`,
    severity: 'warning',
    team: 'platform',
    summary: 'One in five requests of {{ $labels.http_route }} fails',
    action: 'Follow an exemplar of this route to its trace and log lines; error_type names the class of error.',
    exemplars: `${BUCKET}{http_response_status_code=~"5.."}`,
    fires: {
      series: [answers('/reviews', 200, '0+20x20'), answers('/reviews', 500, '0+20x20')],
      labels: { job, http_route: '/reviews' },
    },
    quiet: { series: [answers('/reviews', 200, '0+200x20'), answers('/reviews', 500, '0+10x20')] },
  },
  {
    name: 'ShopRouteSlow',
    expr: `histogram_quantile(0.95, sum by (job, http_route, le) (rate(${BUCKET}{http_route!="unmatched"}[10m]))) > 1 and sum by (job, http_route) (increase(${COUNT}{http_route!="unmatched"}[10m])) > 20`,
    for: '10m',
    severity: 'warning',
    team: 'platform',
    summary: 'One in twenty requests of {{ $labels.http_route }} takes over a second',
    action:
      'Open the route on the service dashboard; compare with database operations and the event loop at that time.',
    exemplars: slowerThan(1, 'http_server_request_duration_seconds', HTTP_BUCKETS),
    fires: {
      series: [
        answers('/search', 200, '0+20x40'),
        series(BUCKET, { http_route: '/search', le: '1.0' }, '0+10x40'),
        series(BUCKET, { http_route: '/search', le: '2.5' }, '0+20x40'),
        series(BUCKET, { http_route: '/search', le: '+Inf' }, '0+20x40'),
      ],
      at: '30m',
      labels: { job, http_route: '/search' },
    },
    quiet: {
      series: [
        answers('/search', 200, '0+20x40'),
        series(BUCKET, { http_route: '/search', le: '1.0' }, '0+20x40'),
        series(BUCKET, { http_route: '/search', le: '+Inf' }, '0+20x40'),
      ],
      at: '30m',
    },
  },
  {
    name: 'ShopClientsGoAway',
    expr: `sum by (job) (rate(${COUNT}{error_type="aborted"}[10m])) / sum by (job) (rate(${COUNT}[10m])) > 0.1 and sum by (job) (increase(${COUNT}{error_type="aborted"}[10m])) > 20`,
    for: '10m',
    severity: 'warning',
    team: 'platform',
    summary: 'One in ten clients goes away before its answer is there',
    action: 'People or proxies give up: compare latency with the timeouts of load balancer and CDN.',
    exemplars: `${BUCKET}{error_type="aborted"}`,
    fires: {
      series: [answers('/', 200, '0+50x40'), answers('/', 200, '0+10x40', 'aborted')],
      at: '30m',
      labels: { job },
    },
    quiet: { series: [answers('/', 200, '0+500x40'), answers('/', 200, '0+5x40', 'aborted')], at: '30m' },
  },
  {
    name: 'ShopManyNotFound',
    expr: `sum by (job) (rate(${COUNT}{http_route="unmatched",http_response_status_code="404"}[10m])) / sum by (job) (rate(${COUNT}[10m])) > 0.3 and sum by (job) (increase(${COUNT}{http_route="unmatched",http_response_status_code="404"}[10m])) > 100`,
    for: '10m',
    severity: 'warning',
    team: 'security',
    summary: 'A third of all requests asks for pages there are none of',
    action:
      'Either a scanner (block it at the edge) or links that broke in the last deployment (look at the referrers).',
    fires: { series: [answers('/', 200, '0+50x40'), answers('unmatched', 404, '0+50x40')], at: '30m', labels: { job } },
    quiet: { series: [answers('/', 200, '0+500x40'), answers('unmatched', 404, '0+50x40')], at: '30m' },
  },
  {
    name: 'ShopManyRefusals',
    expr: `sum by (job) (rate(${COUNT}{http_response_status_code=~"4..",http_response_status_code!~"401|404|429"}[10m])) / sum by (job) (rate(${COUNT}[10m])) > 0.2 and sum by (job) (increase(${COUNT}{http_response_status_code=~"4..",http_response_status_code!~"401|404|429"}[10m])) > 50`,
    for: '10m',
    severity: 'warning',
    team: 'platform',
    summary: 'One in five requests is refused as wrong',
    action:
      'A form, an app or an API client sends what the shop no longer takes: group by route and error_type, compare with the last deployment.',
    exemplars: `${BUCKET}{http_response_status_code=~"4..",http_response_status_code!~"401|404|429"}`,
    fires: {
      series: [answers('/orders', 200, '0+50x40'), answers('/orders', 422, '0+30x40', 'invalid-body')],
      at: '30m',
      labels: { job },
    },
    quiet: {
      series: [answers('/orders', 200, '0+50x40'), answers('/orders', 422, '0+2x40', 'invalid-body')],
      at: '30m',
    },
  },
  {
    name: 'ShopRequestsPileUp',
    expr: 'sum by (job, instance) (http_server_active_requests) > 200',
    for: '3m',
    severity: 'warning',
    team: 'platform',
    summary: '{{ $labels.instance }} has over 200 requests open',
    action:
      'Something they all wait for is slow: database pool, a payment provider, a lock. Look at pending connections first.',
    fires: {
      series: [series('http_server_active_requests', { http_request_method: 'GET' }, '10x5 300x20')],
      labels: { job, instance },
    },
    quiet: { series: [series('http_server_active_requests', { http_request_method: 'GET' }, '10x5 300x1 20x20')] },
  },
]
