/** The trace a measurement came from, kept beside the bucket it fell in. */
export interface Exemplar {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  readonly value: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What a histogram needs of a trace to point at it. */
export interface ExemplarTrace {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}
