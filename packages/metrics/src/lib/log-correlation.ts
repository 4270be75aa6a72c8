import { type RedactOptions, redactor } from './redact.ts'
import { currentTrace } from './trace-context.ts'

/** The ids a log line carries: Grafana, Datadog and the OpenTelemetry log bridge look for these names. */
export interface LogIds {
  readonly trace_id: string
  readonly span_id: string
  readonly trace_flags: string
  readonly request_id?: string
}

/** The ids of the current trace for a log line; empty outside of one. Give it to pino as `mixin`. */
export function traceMixin(): LogIds | Record<string, never> {
  const trace = currentTrace()
  if (!trace) return {}
  const { traceId, spanId, sampled, requestId } = trace
  const ids = { trace_id: traceId, span_id: spanId, trace_flags: sampled ? '01' : '00' }
  return requestId === undefined ? ids : { ...ids, request_id: requestId }
}

/** What pino needs of us. */
export interface LogOptions {
  readonly mixin: typeof traceMixin
  readonly formatters: { readonly log: (line: Record<string, unknown>) => Record<string, unknown> }
  readonly hooks: {
    readonly logMethod: (this: unknown, args: readonly unknown[], method: (...args: never[]) => void) => void
  }
}

/**
 * Options for pino: every line carries its trace and request ids, and personal fields are replaced before it is
 * written.
 * @throws ERR_SHOP_METRICS_UNKNOWN_OPTION, _OPTION
 * @example const log = pino({ ...logOptions(), level: 'info' })
 */
export function logOptions(options: RedactOptions = {}): LogOptions {
  const redact = redactor(options)
  return {
    mixin: traceMixin,
    formatters: { log: (line) => redact(line) as Record<string, unknown> },
    hooks: {
      logMethod(args, method) {
        const clean = args.map((arg) => (typeof arg === 'string' ? redact(arg) : arg))
        // pino takes an error's message for the line's own, past every formatter
        const [first] = args
        if (first instanceof Error && args.length === 1) clean.push(redact(first.message))
        method.apply(this, clean as never[])
      },
    },
  }
}
