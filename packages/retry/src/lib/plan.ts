import type { RunOptions } from './context.ts'
import type { Gate } from './gate.ts'
import type { RetryBudget } from './budget.ts'
import type { Reason } from './result.ts'
import type { Runtime } from './runtime.ts'
import type { Owner } from './try.ts'
import type { Verdict } from './verdict.ts'

/** A failed attempt, as the rules see it. */
export interface Failed {
  /** 1 for the first attempt. */
  readonly attempt: number
  /** What was thrown; undefined when a result was judged a failure. */
  readonly error: unknown
  /** What was returned, when the result itself is the failure. */
  readonly value: unknown
  readonly verdict: Verdict
}

/** When and how often to try again. */
export interface RetryRule {
  readonly attempts: number
  readonly budget: RetryBudget | undefined
  /** Whether a value counts as a failed attempt. */
  readonly judge: (value: unknown) => Verdict | undefined
  wants(failed: Failed, idempotent: boolean | undefined): boolean
  delay(failed: Failed, previous: number, random: () => number): number | undefined
}

/** When to send a second copy. */
export interface HedgeRule {
  readonly extra: number
  /** How long to wait for the copies already sent; undefined for no further copy. */
  delay(idempotent: boolean | undefined): number | undefined
  /** Whether the copy is paid for. */
  pay(budget: RetryBudget | undefined): boolean
  learned(elapsedMs: number): void
}

/** What to answer when everything else has given up. */
export interface FallbackRule {
  wants(reason: Reason, error: unknown): boolean
  answer(reason: Reason, error: unknown): unknown
}

/** A pipeline, compiled: what one call walks through. */
export interface Plan extends Owner {
  readonly name: string
  readonly runtime: Runtime
  /** The gates in order; those before `inner` are entered once per call, the others once per try. */
  readonly gates: readonly Gate[]
  readonly inner: number
  readonly timed: boolean
  readonly deadline: number
  readonly timeout: number
  readonly retry: RetryRule | undefined
  readonly hedge: HedgeRule | undefined
  readonly fallback: FallbackRule | undefined
  /** Says whether a resolved value is a failure. */
  readonly judge: (value: unknown) => Verdict | undefined
  readonly budget: RetryBudget | undefined
  /** Counts the changes of the breaker's state, so that what began before a change is not taken for news. */
  readonly era: { readonly era: number }
  /** Calls under way. */
  active: number
  /** Holders of `isolate()`. */
  isolated: number
  disposed: boolean
  /** Called when the last call of a disposed pipeline ends. */
  drained: (() => void) | undefined
}

/** Milliseconds this call has: the pipeline's deadline, or the caller's when it is shorter. */
export function allowance(plan: Plan, options: RunOptions | undefined): number {
  const given = options?.deadline
  return given !== undefined && given < plan.deadline ? given : plan.deadline
}

/** One call less under way. */
export function callEnded(plan: Plan): void {
  plan.active--
  if (plan.active === 0 && plan.drained) plan.drained()
}
