import { type RetryError, type RetryErrorCode, stackless } from './errors.ts'
import type { Reason } from './result.ts'
import type { Runtime } from './runtime.ts'

/** Who is shed first: `background` before `normal` before `critical`. */
export type Priority = 'critical' | 'normal' | 'background'

/**
 * How a try ended, as the gates see it. `answered`: the dependency works, the request was wrong (a 404). `overload`: it said "too
 * much". `ignored`: nobody waited for the end.
 */
export type Outcome = 'ok' | 'answered' | 'failed' | 'timeout' | 'overload' | 'ignored'

/** A gate's no. */
export class Refusal {
  readonly reason: Reason
  readonly code: RetryErrorCode
  readonly message: string
  /** When asking again makes sense, in milliseconds. */
  readonly retryAfter: number | undefined

  constructor(reason: Reason, code: RetryErrorCode, message: string, retryAfter?: number) {
    this.reason = reason
    this.code = code
    this.message = message
    this.retryAfter = retryAfter
  }

  /** The refusal as an error, without a stack trace. */
  toError(cause?: unknown): RetryError {
    const after = this.retryAfter === undefined ? {} : { retryAfter: this.retryAfter }
    return stackless(this.code, this.message, cause === undefined ? after : { cause, ...after })
  }
}

/** A call that waits at a gate; the gate calls exactly one of the two, unless it is told to forget. */
export interface Waiter {
  readonly priority: Priority
  /** Milliseconds it can still make use of an entry. */
  remaining(): number
  granted(): void
  refused(refusal: Refusal): void
}

/** What stands between a call and its function and counts: breaker, limit, throttle, bulkhead. */
export interface Gate {
  /** Whether `leave` needs the elapsed time; without it no clock is read on the call path. */
  readonly timed: boolean
  /** Told once where it works; a gate shared by several pipelines is told by each. */
  attach(pipeline: string, runtime: Runtime): void
  /** In, or not. What is let in must leave. */
  enter(priority: Priority): Refusal | undefined
  /** After a refusal: true when the waiter will hear from the gate later. */
  wait?(waiter: Waiter): boolean
  /** The waiter no longer waits. */
  forget?(waiter: Waiter): void
  /** The end of what was let in; `era` is the breaker's when it began. */
  leave(outcome: Outcome, elapsedMs: number, era: number): void
}

/** An era no breaker is in: the end of something that was let in and never began. */
export const NO_ERA = -1
