/** Why a webhook delivery is refused. */
export type StripeReason =
  | 'signature-missing'
  | 'signature-malformed'
  | 'signature-mismatch'
  | 'too-old'
  | 'in-future'
  | 'malformed'
  | 'livemode'
  | 'api-version'
  | 'account'
  | 'other-bytes'
  | 'raw-body'
  | 'store'

/** A refused delivery, for the log: no payload, no signature, no secret. */
export interface StripeRefusal {
  readonly reason: StripeReason
  /** The sender as the framework's trust-proxy setting gives it. */
  readonly ip: string
  /** The event's id, once the signature has shown that it is Stripe's. */
  readonly event: string | undefined
  /** Seconds since the signature's timestamp, when it had one. */
  readonly age: number | undefined
}
