import { type Policy, requestKey, type RequestKey } from '@shop/middleware'

import { type Counter, counter } from './counter.ts'
import { type BoundGauge, gauge } from './gauge.ts'
import { type Histogram, histogram, type NativeOptions } from './histogram.ts'
import { errorLabel, methodLabel, routeLabel } from './http-labels.ts'
import { flag, onlyKnown } from './options.ts'
import type { Register } from './register.ts'
import { traceOf } from './tracing.ts'

/** What {@link httpMetrics} takes. */
export interface HttpMetricsOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
  /** Upper bounds of the durations, in seconds. @default {@link HTTP_BUCKETS} */
  readonly buckets?: readonly number[]
  /** Native histograms beside the fixed buckets. @default false */
  readonly native?: boolean | NativeOptions
  /** Keep a sampled trace beside each bucket. @default true */
  readonly exemplars?: boolean
  /** Also measure request bodies, by their Content-Length, and response bodies, by what was sent. @default true */
  readonly bodySizes?: boolean
  /** Also write the names of express-prom-bundle and fastify-metrics: `http_request_duration_seconds{method,route,status_code}` and `http_requests_total`. @default false */
  readonly legacyNames?: boolean
  /** Paths that are not measured. @default ['/metrics'] */
  readonly ignorePaths?: readonly string[]
  /** Label sets kept at most, per metric. @default 2000 */
  readonly maxSeries?: number
}

/** The bounds OpenTelemetry recommends for `http.server.request.duration`, in seconds. */
export const HTTP_BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
const SIZE_BUCKETS: readonly number[] = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]

/** What is known of a request when it begins: one object for all of a method and scheme. */
interface Begun {
  readonly by: Policy
  readonly method: string
  readonly scheme: string
  readonly active: BoundGauge
}

/** By histogram: of several policies that write to one, the first to see a request measures it. */
const begunBy = new WeakMap<object, RequestKey<Begun | undefined>>()

const OPTIONS = [
  'register',
  'buckets',
  'native',
  'exemplars',
  'bodySizes',
  'legacyNames',
  'ignorePaths',
  'maxSeries',
] as const

/**
 * Measures every request by OpenTelemetry's conventions: `http_server_request_duration_seconds` by method, route
 * template, status, scheme and error; `http_server_active_requests`; body sizes. Put it first, after `tracing()`:
 * a request that an earlier policy refuses is not seen. Clients that go away are recorded with `error_type="aborted"`.
 * @throws ERR_SHOP_METRICS_UNKNOWN_OPTION, _OPTION, _BUCKETS
 */
export function httpMetrics(options: HttpMetricsOptions = {}): Policy {
  onlyKnown('httpMetrics()', options, OPTIONS)
  const {
    register,
    buckets = HTTP_BUCKETS,
    native = false,
    exemplars = true,
    ignorePaths = ['/metrics'],
    maxSeries = 2000,
  } = options
  const place = { ...(register && { register }), maxSeries }
  const labelNames = [
    'http_request_method',
    'http_route',
    'http_response_status_code',
    'url_scheme',
    'error_type',
  ] as const
  const duration = histogram({
    ...place,
    labelNames,
    buckets,
    native,
    exemplars,
    name: 'http_server_request_duration_seconds',
    help: 'Duration of HTTP server requests',
  })
  const active = gauge({
    ...place,
    name: 'http_server_active_requests',
    help: 'Requests being served now',
    labelNames: ['http_request_method', 'url_scheme'],
  })
  const sizes = flag('httpMetrics(): bodySizes', options.bodySizes, true) ? bodySizes(place) : undefined
  const legacy = flag('httpMetrics(): legacyNames', options.legacyNames, false)
    ? legacyMetrics(place, buckets)
    : undefined
  const ignored = new Set(ignorePaths)
  const begun = begunBy.get(duration) ?? requestKey<Begun | undefined>()
  begunBy.set(duration, begun)
  const kinds = { http: new Map<string, Begun>(), https: new Map<string, Begun>() }
  const begin = (method: string, scheme: keyof typeof kinds): Begun => {
    const made = {
      by: policy,
      method,
      scheme,
      active: active.bind({ http_request_method: method, url_scheme: scheme }),
    }
    kinds[scheme].set(method, made)
    return made
  }

  const policy: Policy = {
    name: 'http-metrics',
    onError: 'pass',
    evaluate(request) {
      if (ignored.has(request.path) || begun.get(request)) return undefined
      const method = methodLabel(request.method)
      const scheme = request.secure ? 'https' : 'http'
      const kind = kinds[scheme].get(method) ?? begin(method, scheme)
      begun.set(request, kind)
      kind.active.inc()
      return undefined
    },
    settle(outcome) {
      const { request, status, seconds } = outcome
      const kind = begun.get(request)
      if (kind?.by !== policy) return
      begun.set(request, undefined)
      const { method, scheme } = kind
      kind.active.dec()
      const route = routeLabel(request)
      const labels = {
        http_request_method: method,
        http_route: route,
        http_response_status_code: status,
        url_scheme: scheme,
        error_type: errorLabel(outcome),
      }
      duration.observe(labels, seconds, exemplars ? traceOf(request) : undefined)
      if (sizes) {
        const place = { http_request_method: method, http_route: route }
        const received = request.header('content-length')
        if (received !== undefined) sizes.request.observe(place, Number(received))
        sizes.response.observe(place, outcome.bytes)
      }
      if (legacy) {
        const old = { method, route, status_code: status }
        legacy.duration.observe(old, seconds)
        legacy.requests.inc(old)
      }
    },
  }
  return policy
}

type Place = Pick<HttpMetricsOptions, 'register' | 'maxSeries'>
type SizeLabel = 'http_request_method' | 'http_route'
type LegacyLabel = 'method' | 'route' | 'status_code'

function bodySizes(place: Place): { readonly request: Histogram<SizeLabel>; readonly response: Histogram<SizeLabel> } {
  const shape = { ...place, buckets: SIZE_BUCKETS, labelNames: ['http_request_method', 'http_route'] } as const
  return {
    request: histogram({
      ...shape,
      name: 'http_server_request_body_size_bytes',
      help: 'Request bodies, by Content-Length',
    }),
    response: histogram({
      ...shape,
      name: 'http_server_response_body_size_bytes',
      help: 'Response bodies, as they were sent',
    }),
  }
}

function legacyMetrics(
  place: Place,
  buckets: readonly number[],
): { readonly duration: Histogram<LegacyLabel>; readonly requests: Counter<LegacyLabel> } {
  const shape = { ...place, labelNames: ['method', 'route', 'status_code'] } as const
  return {
    duration: histogram({
      ...shape,
      buckets,
      name: 'http_request_duration_seconds',
      help: 'Duration of HTTP requests (legacy name)',
    }),
    requests: counter({ ...shape, name: 'http_requests_total', help: 'HTTP requests (legacy name)' }),
  }
}
