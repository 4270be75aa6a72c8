import { randomUUID } from 'node:crypto'

import { type Policy, requestKey, type RequestKey } from '@shop/middleware'

import { MetricsError } from './errors.ts'
import { flag, oneOf, onlyKnown } from './options.ts'
import { enterTrace, spanTrace, type TraceContext } from './trace-context.ts'
import { newSpanId, newTraceId } from './trace-ids.ts'
import { readTraceparent } from './traceparent.ts'

/** What {@link tracing} takes. */
export interface TracingOptions {
  /** `accept` goes on with the caller's trace; `restart` begins one of our own, for callers one does not know. @default 'accept' */
  readonly incoming?: 'accept' | 'restart'
  /** The share of new traces that are sampled, 0 to 1. @default 0.1 */
  readonly sample?: number
  /** The response header that carries the request id, lower-case; `''` for none. @default 'x-request-id' */
  readonly requestIdHeader?: string
  /** Take the request id from the request header of the same name, when it is a short plain word. @default false */
  readonly trustRequestId?: boolean
}

const traces: RequestKey<TraceContext> = requestKey<TraceContext>()
const PLAIN_WORD = /^[\w.-]{8,128}$/

/** The trace of a request: the view, or the framework's own request object. */
export function traceOf(request: object): TraceContext | undefined {
  return traces.get(request)
}

/**
 * Gives each request a trace and an id, from the caller's `traceparent` or new, for {@link currentTrace},
 * {@link traceOf}, log lines and exemplars. Put it first, so that everything after it runs within the trace.
 * Needs no OpenTelemetry.
 */
export function tracing(options: TracingOptions = {}): Policy {
  onlyKnown('tracing()', options, ['incoming', 'sample', 'requestIdHeader', 'trustRequestId'])
  const { sample = 0.1, requestIdHeader = 'x-request-id' } = options
  if (!(typeof sample === 'number' && sample >= 0 && sample <= 1)) {
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `tracing(): sample ${String(sample)} is not a share from 0 to 1`)
  }
  if (typeof requestIdHeader !== 'string' || !/^[a-z0-9-]*$/.test(requestIdHeader)) {
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      `tracing(): requestIdHeader ${JSON.stringify(requestIdHeader)} is not a lower-case header name`,
    )
  }
  const trustRequestId = flag('tracing(): trustRequestId', options.trustRequestId, false)
  const accepts = oneOf('tracing(): incoming', options.incoming, 'accept', ['accept', 'restart']) === 'accept'

  return {
    name: 'tracing',
    onError: 'pass',
    evaluate(request) {
      // the span an SDK has begun for this request knows the caller's trace already
      const span = spanTrace()
      const parent = accepts && !span ? readTraceparent(request.header('traceparent')) : undefined
      const asked = trustRequestId && requestIdHeader !== '' ? request.header(requestIdHeader) : undefined
      const requestId = asked !== undefined && PLAIN_WORD.test(asked) ? asked : randomUUID()
      const trace: TraceContext = span
        ? { ...span, requestId }
        : {
            traceId: parent ? parent.traceId : newTraceId(),
            spanId: newSpanId(),
            ...(parent && { parentSpanId: parent.spanId }),
            sampled: parent ? parent.sampled : Math.random() < sample,
            requestId,
          }
      traces.set(request, trace)
      enterTrace(trace)
      return requestIdHeader === '' ? undefined : { headers: [[requestIdHeader, requestId]] }
    },
  }
}
