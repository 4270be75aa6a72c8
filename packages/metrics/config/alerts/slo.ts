import { type Alert, type Input, series, slowerThan, TARGET } from '../alert.ts'
import { HTTP_BUCKETS } from '../../src/lib/http-metrics.ts'

/** 99.9 % of requests without a server error; 99 % answered within half a second. */
const AVAILABILITY_BUDGET = 0.001
const LATENCY_BUDGET = 0.01

const COUNT = 'http_server_request_duration_seconds_count'
const BUCKET = 'http_server_request_duration_seconds_bucket'

/** How fast the month's budget burns, over which windows, and how many bad requests make it worth a page at all. */
const BURNS = [
  {
    name: 'Fast',
    rate: 14.4,
    long: '1h',
    short: '5m',
    severity: 'critical',
    least: 10,
    for: '2m',
    at: '70m',
    step: '1m',
  },
  {
    name: 'Steady',
    rate: 6,
    long: '6h',
    short: '30m',
    severity: 'critical',
    least: 20,
    for: '15m',
    at: '2h',
    step: '5m',
  },
  { name: 'Slow', rate: 3, long: '1d', short: '2h', severity: 'warning', least: 30, for: '1h', at: '5h', step: '5m' },
  {
    name: 'Creeping',
    rate: 1,
    long: '3d',
    short: '6h',
    severity: 'warning',
    least: 50,
    for: '3h',
    at: '12h',
    step: '15m',
  },
] as const

const answers = (status: number, values: string): Input =>
  series(COUNT, { http_route: '/cart', http_response_status_code: status }, values)
const within = (values: string): Input =>
  series(BUCKET, { http_route: '/cart', http_response_status_code: 200, le: '0.5' }, values)

const availability: readonly Alert[] = BURNS.map(({ name, rate, long, short, severity, least, at, step, ...burn }) => ({
  name: `ShopErrorBudgetBurn${name}`,
  // few requests make any ratio: below this many errors nobody is woken
  expr: `job:http_errors:ratio_rate${long} > ${rate} * ${AVAILABILITY_BUDGET} and job:http_errors:ratio_rate${short} > ${rate} * ${AVAILABILITY_BUDGET} and sum by (job) (increase(${COUNT}{http_response_status_code=~"5.."}[${long}])) > ${least}`,
  for: burn.for,
  severity,
  team: 'platform',
  summary: `Server errors use up the month's error budget ${rate} times too fast`,
  action:
    'Open the service dashboard, find the route and error_type with the most errors, follow an exemplar to its trace, and compare with the last deployment.',
  exemplars: `${BUCKET}{http_response_status_code=~"5.."}`,
  fires: { series: [answers(200, '0+980x600'), answers(500, '0+20x600')], at, step, labels: { job: TARGET.job } },
  quiet: { series: [answers(200, '0+0.5x600'), answers(500, '0+0.01x600')], at, step },
}))

const latency: readonly Alert[] = BURNS.map(({ name, rate, long, short, severity, least, at, step, ...burn }) => ({
  name: `ShopLatencyBudgetBurn${name}`,
  expr: `job:http_slow:ratio_rate${long} > ${rate} * ${LATENCY_BUDGET} and job:http_slow:ratio_rate${short} > ${rate} * ${LATENCY_BUDGET} and sum by (job) (increase(${COUNT}[${long}])) > ${least * 10}`,
  for: burn.for,
  severity,
  team: 'platform',
  summary: `Slow answers use up the month's latency budget ${rate} times too fast`,
  action:
    'Open the service dashboard, find the slowest route, then look at database, event loop and payment providers at the same time of day.',
  exemplars: slowerThan(0.5, 'http_server_request_duration_seconds', HTTP_BUCKETS),
  fires: { series: [answers(200, '0+1000x600'), within('0+750x600')], at, step, labels: { job: TARGET.job } },
  quiet: { series: [answers(200, '0+1000x600'), within('0+995x600')], at, step },
}))

export const slo: readonly Alert[] = [...availability, ...latency]
