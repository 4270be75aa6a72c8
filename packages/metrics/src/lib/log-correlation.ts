import { redaction, type RedactOptions } from './redact.ts'
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
    readonly logMethod: (this: object, args: readonly unknown[], method: (...args: never[]) => void) => void
    readonly streamWrite: (line: string) => string
  }
}

const SERIALIZERS = Symbol.for('pino.serializers')
const LONG_NUMBER = /[:,[]-?\d{16}/

/**
 * Options for pino: every line carries its trace and request ids, and personal fields are replaced before it is
 * written, whoever put them there: a call, a child's bindings, a mixin or a serializer. Nothing that is logged throws.
 * Not for a logger with `hooks` or `formatters` of its own, which would stand in place of these.
 * @throws ERR_SHOP_METRICS_UNKNOWN_OPTION, _OPTION
 * @example const log = pino({ ...logOptions(), level: 'info' })
 */
export function logOptions(options: RedactOptions = {}): LogOptions {
  const { fields, all } = redaction(options)
  let serializers: object = {}

  /** An object within the message, which a `%j` writes and a `%s` or `%d` converts. */
  function inMessage(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    return {
      toJSON: () => fields(value),
      [Symbol.toPrimitive]: (hint: string) => (hint === 'number' ? Number(value) : String(value)),
    }
  }

  return {
    mixin: traceMixin,
    formatters: {
      // a serializer needs the getters of what it is given; what it gives is seen to when the line is written
      log: (line) =>
        fields(line, (name, value) => Object.hasOwn(serializers, name) && !(value instanceof Error)) as Record<
          string,
          unknown
        >,
    },
    hooks: {
      logMethod(args, method) {
        serializers = (this as { [SERIALIZERS]?: object })[SERIALIZERS] ?? {}
        const [first, ...rest] = args
        try {
          method.apply(this, [first, ...rest.map(inMessage)] as never[])
        } catch {
          // under a name that has no serializer, for it may be one that threw
          const line = [{ unreadable: fields(args) }, args.find((arg) => typeof arg === 'string')]
          method.apply(this, line as never[])
        }
      },
      // the only place that sees bindings, and what serializers made
      streamWrite(line) {
        try {
          const clean = JSON.stringify(all(JSON.parse(line, LONG_NUMBER.test(line) ? exact : undefined)))
          return clean + line.slice(line.lastIndexOf('}') + 1)
        } catch {
          return all(line) as string
        }
      },
    },
  }
}

/** Keeps the digits of a `bigint`, which pino writes as a number. */
function exact(_: string, value: unknown, context?: { readonly source: string }): unknown {
  if (!Number.isInteger(value) || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? '')) return value
  return BigInt(context!.source)
}
