/** A series computed ahead, for what several rules and panels ask. */
export interface Recording {
  readonly record: string
  readonly expr: string
}

/** The windows of the burn-rate alerts (Google SRE workbook, chapter 5). */
export const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const

const COUNT = 'http_server_request_duration_seconds_count'
const BUCKET = 'http_server_request_duration_seconds_bucket'

/** How much of the error and latency budgets is used. */
export const budgets: readonly Recording[] = [
  { record: 'job:http_requests:rate5m', expr: `sum by (job) (rate(${COUNT}[5m]))` },
  ...WINDOWS.flatMap((window) => [
    {
      record: `job:http_errors:ratio_rate${window}`,
      expr: `sum by (job) (rate(${COUNT}{http_response_status_code=~"5.."}[${window}])) / sum by (job) (rate(${COUNT}[${window}]))`,
    },
    {
      record: `job:http_slow:ratio_rate${window}`,
      expr: `1 - sum by (job) (rate(${BUCKET}{le="0.5"}[${window}])) / sum by (job) (rate(${COUNT}[${window}]))`,
    },
  ]),
]

/** What is usual: the mean of the same hour one, two and three weeks ago. */
export const usuals: readonly Recording[] = (
  [
    ['job:http_requests', `sum by (job) (rate(${COUNT}[1h]))`],
    ['shop:orders', 'sum by (job) (rate(shop_orders_total{status="placed"}[1h]))'],
    ['shop:revenue', 'sum by (job) (rate(shop_order_value_sum[1h]))'],
  ] as const
).flatMap(([name, expr]) => [
  { record: `${name}:rate1h`, expr },
  { record: `${name}:usual1h`, expr: usual(`${name}:rate1h`) },
])

function usual(record: string): string {
  const weeks = [1, 2, 3].map((week) => `label_replace(${record} offset ${week}w, "week", "${week}", "", "")`)
  return `avg without (week) (${weeks.join(' or ')})`
}
