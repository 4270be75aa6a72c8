/**
 * One erasure. It names a key by a random reference and a subject by a keyed hash, so that it can be kept for ever,
 * outside every backup of the database, without keeping what was to be forgotten.
 */
export interface Erasure {
  readonly keyRef: string
  /** HMAC-SHA-256 of the subject, in hex. */
  readonly subjectRef: string
  /** ISO 8601. */
  readonly forgottenAt: string
  readonly reason?: string
}

/**
 * Where erasures are remembered beyond the database: a restored backup brings the database's own ledger back in time with it.
 * An append that has resolved must survive a crash.
 */
export interface ErasureLedger {
  append(erasure: Erasure): Promise<void>
  entries(): AsyncIterable<Erasure>
}
