import { type Alert, type Input, series, TARGET } from '../alert.ts'

const { job } = TARGET
const orders = (status: string, values: string): Input => series('shop_orders_total', { status }, values)
const value = (values: string): Input => series('shop_order_value_sum', { currency: 'EUR' }, values)
const traffic = (values: string): Input =>
  series('http_server_request_duration_seconds_count', { http_route: '/', http_response_status_code: 200 }, values)

/** Eight days of half hours: a week to learn from, and a day. */
const HALF_HOURS = 384
const seasonal = { at: `${HALF_HOURS / 2}h`, step: '30m' } as const
const steady = (rate: number): string => `0+${rate}x${HALF_HOURS + 20}`
/** As usual, then another pace for the last hours. */
const turn = (rate: number, then: number): string => `0+${rate}x${HALF_HOURS - 8} ${rate * (HALF_HOURS - 8)}+${then}x40`

/** Is it as usual at this hour of the week? */
export const seasons: readonly Alert[] = [
  {
    name: 'ShopOrdersBelowUsual',
    expr: 'shop:orders:rate1h < 0.5 * shop:orders:usual1h and shop:orders:usual1h * 3600 > 20',
    for: '30m',
    severity: 'warning',
    team: 'business',
    summary: 'Orders are less than half of what is usual at this hour of the week',
    action: 'Compare with traffic: fewer visitors is marketing or search; as many visitors is the shop itself.',
    fires: { series: [orders('placed', turn(20, 4))], ...seasonal, labels: { job } },
    quiet: { series: [orders('placed', turn(20, 16))], ...seasonal },
  },
  {
    name: 'ShopOrdersAboveUsual',
    expr: 'shop:orders:rate1h > 4 * shop:orders:usual1h and shop:orders:rate1h * 3600 > 40',
    for: '30m',
    severity: 'info',
    team: 'business',
    summary: 'Orders are over four times what is usual',
    action:
      'A campaign, a wrong price, or fraud: look at the products and at the share of new customers before they ship.',
    fires: { series: [orders('placed', turn(10, 60))], ...seasonal, labels: { job } },
    quiet: { series: [orders('placed', turn(10, 20))], ...seasonal },
  },
  {
    name: 'ShopRevenueBelowUsual',
    expr: 'shop:revenue:rate1h < 0.5 * shop:revenue:usual1h and shop:revenue:usual1h * 3600 > 500',
    for: '1h',
    severity: 'warning',
    team: 'business',
    summary: 'Revenue is less than half of what is usual at this hour of the week',
    action: 'As many orders but less money: a discount that is not limited, or a wrong price.',
    fires: { series: [value(turn(900, 200))], ...seasonal, labels: { job } },
    quiet: { series: [value(turn(900, 700))], ...seasonal },
  },
  {
    name: 'ShopTrafficBelowUsual',
    expr: 'job:http_requests:rate1h < 0.4 * job:http_requests:usual1h and job:http_requests:usual1h > 1',
    for: '30m',
    severity: 'warning',
    team: 'business',
    summary: 'There are far fewer requests than usual at this hour of the week',
    action: 'Search, campaigns, DNS, CDN: what brings customers and stopped?',
    fires: { series: [traffic(turn(3000, 600))], ...seasonal, labels: { job } },
    quiet: { series: [traffic(steady(3000))], ...seasonal },
  },
]
