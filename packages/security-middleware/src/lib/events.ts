import { channel, type Channel } from 'node:diagnostics_channel'

import type { BrowserReport } from './browser-report.ts'
import type { StripeRefusal } from './stripe-refusal.ts'
import type { Suspicion } from './suspicion.ts'

/** A browser reported a violation or a deprecation for the first time within the receiver's window. */
export const reportReceived: Channel<unknown, BrowserReport> = channel('shop:security-middleware:report') as Channel<
  unknown,
  BrowserReport
>

/** The CSRF check refused a request. Carries no client input but the method. */
export interface CsrfRefused {
  readonly reason: CsrfReason
  readonly method: string
}
/** Why a request counts as forged. */
export type CsrfReason =
  | 'cross-site'
  | 'same-site'
  | 'origin-null'
  | 'origin-mismatch'
  | 'token-missing'
  | 'token-invalid'
  | 'isolated'
export const csrfRefused: Channel<unknown, CsrfRefused> = channel('shop:security-middleware:csrf-refused') as Channel<
  unknown,
  CsrfRefused
>

/** A response was not ready at its deadline, and waited for the next one. */
export interface DeadlineOverflow {
  /** The deadline, in milliseconds. */
  readonly deadline: number
  /** How long the response took, in milliseconds. */
  readonly took: number
}
export const deadlineOverflow: Channel<unknown, DeadlineOverflow> = channel(
  'shop:security-middleware:deadline-overflow',
) as Channel<unknown, DeadlineOverflow>

/** A webhook delivery was refused: somebody tried, or something is configured wrongly. */
export const stripeRefused: Channel<unknown, StripeRefusal> = channel(
  'shop:security-middleware:stripe-refused',
) as Channel<unknown, StripeRefusal>

/** The claim store did not do what a delivery needed. */
export interface ClaimFailed {
  readonly operation: 'claim' | 'complete' | 'release'
  readonly error: unknown
}
export const claimFailed: Channel<unknown, ClaimFailed> = channel('shop:security-middleware:claim-failed') as Channel<
  unknown,
  ClaimFailed
>

/** A verified payment is not the one its order expects. */
export interface PaymentMismatch {
  /** The event's id. */
  readonly event: string
  readonly field: string
}
export const paymentMismatch: Channel<unknown, PaymentMismatch> = channel(
  'shop:security-middleware:payment-mismatch',
) as Channel<unknown, PaymentMismatch>

/** A request that looked like an attack, or a client that was refused for earlier ones. */
export const suspicious: Channel<unknown, Suspicion> = channel('shop:security-middleware:suspicious') as Channel<
  unknown,
  Suspicion
>

/** The sanitiser took something out of a request's fields. Carries names and counts, never the markup. */
export interface Sanitized {
  /** Paths of the fields, as `review.body`. */
  readonly fields: readonly string[]
  /** Elements and attributes removed, over all fields. */
  readonly removed: number
}
export const sanitized: Channel<unknown, Sanitized> = channel('shop:security-middleware:sanitized') as Channel<
  unknown,
  Sanitized
>

/** The store of scores did not answer; this process's own memory stands in. */
export interface ScoreStoreFailed {
  readonly operation: 'add' | 'read'
  readonly error: unknown
}
export const scoreStoreFailed: Channel<unknown, ScoreStoreFailed> = channel(
  'shop:security-middleware:score-store-failed',
) as Channel<unknown, ScoreStoreFailed>

/** A second engine threw; the detector's own verdict stood. */
export interface EngineFailed {
  readonly engine: string
  readonly error: unknown
}
export const engineFailed: Channel<unknown, EngineFailed> = channel(
  'shop:security-middleware:engine-failed',
) as Channel<unknown, EngineFailed>
