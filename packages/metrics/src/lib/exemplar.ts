/** The trace a measurement came from, kept beside the bucket it fell in. */
export interface Exemplar {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** The id the request is known by in logs and answers. */
  readonly requestId?: string
  readonly value: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What a histogram needs of a trace to point at it. */
export interface ExemplarTrace {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
  readonly requestId?: string
}

const TRACE_ID = /^[\da-f]{32}$/i
const SPAN_ID = /^[\da-f]{16}$/i

/** Whether these are ids: what is none could end a line early, or make it longer than OpenMetrics allows. */
export function hasIds({ traceId, spanId }: Pick<Exemplar, 'traceId' | 'spanId'>): boolean {
  return typeof traceId === 'string' && TRACE_ID.test(traceId) && typeof spanId === 'string' && SPAN_ID.test(spanId)
}

/**
 * The labels an exemplar is written with. OpenMetrics allows 128 characters of names and values together, and an
 * exemplar that is longer is lost: a request id that is no short plain word stays out.
 */
export function exemplarLabels({ traceId, spanId, requestId }: Exemplar): readonly (readonly [string, string])[] {
  const ids = [
    ['trace_id', traceId],
    ['span_id', spanId],
  ] as const
  return requestId !== undefined && /^[\w.-]{1,55}$/.test(requestId) ? [...ids, ['request_id', requestId]] : ids
}
