/** The ids of a `traceparent` header (W3C Trace Context, version 00). */
export interface Traceparent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string
  readonly sampled: boolean
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Reads a `traceparent` header; `undefined` for one that must be ignored (W3C Trace Context 3.2). */
export function readTraceparent(header: string | undefined): Traceparent | undefined {
  if (header === undefined || header.length < 55 || header.length > 512) return undefined
  const found = FORM.exec(header.trim())
  if (!found) return undefined
  const [, version, traceId, spanId, flags, rest] = found
  // version ff is invalid, and version 00 ends after the flags; later ones may go on
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return undefined
  return { traceId: traceId!, spanId: spanId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 }
}

/** The header for a call onwards. */
export function toTraceparent({ traceId, spanId, sampled }: Traceparent): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}
