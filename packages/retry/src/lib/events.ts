import { channel, type Channel } from 'node:diagnostics_channel'

import type { Reason } from './result.ts'
import type { Verdict } from './verdict.ts'

/** A failed attempt is tried again. */
export interface RetryEvent {
  readonly pipeline: string
  /** The attempt that failed; 1 for the first. */
  readonly attempt: number
  readonly delayMs: number
  readonly verdict: Verdict
}

/** A call failed for good. */
export interface GaveUpEvent {
  readonly pipeline: string
  readonly reason: Reason
  readonly attempts: number
}

/** A breaker changed its state. */
export interface BreakerEvent {
  readonly breaker: string
  readonly from: string
  readonly to: string
  readonly why: string
}

/** An adaptive limit changed. */
export interface LimitEvent {
  readonly pipeline: string
  readonly from: number
  readonly to: number
}

/** A request with an idempotency key was decided. */
export interface IdempotencyEvent {
  readonly decision: 'claimed' | 'in-flight' | 'replayed' | 'mismatch' | 'missing' | 'store-down'
  readonly route: string
}

/** The link to a cluster went up or down; down means each node decides alone. */
export interface LinkEvent {
  readonly state: 'up' | 'down'
}

/** A typed channel: payloads of one shape. */
export interface TypedChannel<T> {
  readonly name: string
  readonly hasSubscribers: boolean
  publish(message: T): void
}

function typed<T>(name: string): TypedChannel<T> {
  return channel(name) as Channel as TypedChannel<T>
}

/** The channels this package publishes on. Subscribe with `node:diagnostics_channel`; without a subscriber they cost nothing. */
export const retryEvents: {
  readonly retry: TypedChannel<RetryEvent>
  readonly gaveUp: TypedChannel<GaveUpEvent>
  readonly breaker: TypedChannel<BreakerEvent>
  readonly limit: TypedChannel<LimitEvent>
  readonly idempotency: TypedChannel<IdempotencyEvent>
  readonly link: TypedChannel<LinkEvent>
} = {
  retry: typed('shop:retry:retry'),
  gaveUp: typed('shop:retry:gave-up'),
  breaker: typed('shop:retry:breaker'),
  limit: typed('shop:retry:limit'),
  idempotency: typed('shop:retry:idempotency'),
  link: typed('shop:retry:link'),
}
