import type { Policy } from '@shop/middleware'

const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

interface Series {
  readonly buckets: number[]
  count: number
  sum: number
}

/** A duration histogram by method, route template and status, answered at `/metrics` in Prometheus' text format. */
export function httpMetrics(): Policy {
  const series = new Map<string, Series>()
  return {
    name: 'http-metrics',
    evaluate: ({ path, method }) =>
      path === '/metrics' && method === 'GET'
        ? {
            answer: { status: 200, headers: [['content-type', 'text/plain; version=0.0.4']], body: exposition(series) },
          }
        : undefined,
    settle({ request, status, seconds }) {
      const labels = `method="${method(request.method)}",route="${request.route ?? 'unmatched'}",status="${status}"`
      let one = series.get(labels)
      if (!one) series.set(labels, (one = { buckets: bounds.map(() => 0), count: 0, sum: 0 }))
      bounds.forEach((bound, i) => (one.buckets[i]! += seconds <= bound ? 1 : 0))
      one.count++
      one.sum += seconds
    },
  }
}

const method = (given: string) => (/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(given) ? given : '_OTHER')

function exposition(all: ReadonlyMap<string, Series>): string {
  const name = 'http_server_request_duration_seconds'
  const lines = [`# HELP ${name} How long requests took`, `# TYPE ${name} histogram`]
  for (const [labels, { buckets, count, sum }] of all) {
    bounds.forEach((bound, i) => lines.push(`${name}_bucket{${labels},le="${bound}"} ${buckets[i]}`))
    lines.push(
      `${name}_bucket{${labels},le="+Inf"} ${count}`,
      `${name}_sum{${labels}} ${sum}`,
      `${name}_count{${labels}} ${count}`,
    )
  }
  return `${lines.join('\n')}\n`
}
