import type { Outcome, Policy } from '@shop/middleware'

import { errorLabel, methodLabel, routeLabel } from './http-labels.ts'
import { onlyKnown, whole } from './options.ts'
import { attributes, type OtlpOptions, sending } from './otlp-post.ts'
import { traceOf } from './tracing.ts'

/** What {@link otlpTraces} takes. */
export interface OtlpTracesOptions extends OtlpOptions {
  /** Spans kept until they are sent; further ones are dropped. @default 2048 */
  readonly maxQueue?: number
}

/**
 * Sends one server span for each sampled request by OTLP/HTTP: what `tracing()` began, without an OpenTelemetry SDK.
 * Put it after `tracing()`. Dispose of it at the end, so that the last spans leave.
 * @throws ERR_SHOP_METRICS_OPTION, _UNKNOWN_OPTION, _DURATION
 */
export function otlpTraces(options: OtlpTracesOptions): Policy & AsyncDisposable & { flush(): Promise<boolean> } {
  onlyKnown('otlpTraces()', options, ['url', 'serviceName', 'headers', 'interval', 'timeout', 'maxQueue'])
  const most = whole('otlpTraces(): maxQueue', options.maxQueue, 2048, 1, 1_000_000)
  let queue: object[] = []
  const sender = sending('otlpTraces()', options, () => {
    if (queue.length === 0) return undefined
    const spans = queue
    queue = []
    const resource = { attributes: attributes({ 'service.name': options.serviceName ?? 'shop' }) }
    return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: '@shop/metrics' }, spans }] }] }
  })
  const policy: Policy & AsyncDisposable = {
    name: 'otlp-traces',
    onError: 'pass',
    settle(outcome) {
      if (queue.length >= most) return
      const span = toSpan(outcome)
      if (span) queue.push(span)
    },
    [Symbol.asyncDispose]: sender[Symbol.asyncDispose],
  }
  // not to be enumerated: a chain refuses a policy with a member it does not know
  return Object.defineProperty(policy, 'flush', { value: sender.flush }) as typeof policy & typeof sender
}

const SERVER = 2
const ERROR = 2

function toSpan(outcome: Outcome): object | undefined {
  const { request, status, seconds } = outcome
  const trace = traceOf(request)
  if (!trace?.sampled) return undefined
  const { traceId, spanId, parentSpanId } = trace
  const [method, route] = [methodLabel(request.method), routeLabel(request)]
  const end = Date.now()
  return {
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: `${method} ${route}`,
    kind: SERVER,
    startTimeUnixNano: nanoseconds(end - seconds * 1000),
    endTimeUnixNano: nanoseconds(end),
    attributes: attributes({
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': status,
      'url.scheme': request.secure ? 'https' : 'http',
      'error.type': errorLabel(outcome),
    }),
    status: status >= 500 || outcome.kind !== 'finished' ? { code: ERROR } : {},
  }
}

/** OTLP's JSON has 64-bit numbers as texts. */
export function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n)
}
