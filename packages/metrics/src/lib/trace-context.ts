import { AsyncLocalStorage } from 'node:async_hooks'

/** Where in a distributed trace this piece of work is. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /** 16 lower-case hexadecimal digits. */
  readonly spanId: string
  /** The caller's span; absent where the trace begins. */
  readonly parentSpanId?: string
  /** Whether the trace is recorded somewhere. */
  readonly sampled: boolean
  /** The id the request is known by in logs and answers; absent outside of a request. */
  readonly requestId?: string
}

const storage = new AsyncLocalStorage<TraceContext>()
let activeSpan: (() => TraceContext | undefined) | undefined

/**
 * The trace of the request this code runs for: OpenTelemetry's active span when {@link useOpenTelemetry} was called,
 * else what a `tracing()` policy or {@link withTrace} set.
 */
export function currentTrace(): TraceContext | undefined {
  const own = storage.getStore()
  const span = activeSpan?.()
  if (!span) return own
  return own?.requestId === undefined ? span : { ...span, requestId: own.requestId }
}

/** The active span of the OpenTelemetry SDK that is followed, if one is. */
export function spanTrace(): TraceContext | undefined {
  return activeSpan?.()
}

/** Runs a function, and everything it starts, within a trace. */
export function withTrace<T>(trace: TraceContext, run: () => T): T {
  return storage.run(trace, run)
}

/** Enters a trace for the rest of this asynchronous execution: the way of policies, which wrap nothing. */
export function enterTrace(trace: TraceContext): void {
  storage.enterWith(trace)
}

/** What of `@opentelemetry/api` is asked: its `trace`. */
export interface SpanSource {
  getActiveSpan():
    | { spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } }
    | undefined
}

/**
 * Follows an OpenTelemetry SDK: log lines, exemplars and {@link currentTrace} then carry its active span, and a
 * `tracing()` policy takes the span around a request for the request's own.
 * @returns what ends it
 * @example import { trace } from '@opentelemetry/api'; useOpenTelemetry(trace)
 */
export function useOpenTelemetry(trace: SpanSource): Disposable {
  const source = (): TraceContext | undefined => {
    const span = trace.getActiveSpan()?.spanContext()
    // a span id of zeros is the API's word for no span
    return span && !/^0+$/.test(span.spanId)
      ? { traceId: span.traceId, spanId: span.spanId, sampled: (span.traceFlags & 1) === 1 }
      : undefined
  }
  activeSpan = source
  return {
    [Symbol.dispose]() {
      if (activeSpan === source) activeSpan = undefined
    },
  }
}
