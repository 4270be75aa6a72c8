import { afterHint, backoff, type BackoffShape, type Jitter } from './backoff.ts'
import { type BudgetOptions, RetryBudget } from './budget.ts'
import { classifyResult } from './classify.ts'
import type { Piece } from './compile.ts'
import type { Duration } from './duration.ts'
import { callback, decimal, duration, flag, integer, oneOf, type Reader, readOptions, refused } from './options.ts'
import type { Failed, RetryRule } from './plan.ts'
import { retryAfter } from './retry-after.ts'
import { Strategy } from './strategy.ts'
import { row, type Verdict } from './verdict.ts'

/** How {@link retry} tries again. */
export interface RetryOptions {
  /** How often the function is called at most, the first time included. @default 4 */
  readonly attempts?: number
  /** The first step of the backoff. @default '50ms' */
  readonly base?: Duration
  /** What each step is multiplied with. @default 2 */
  readonly factor?: number
  /** The longest step. @default '10s' */
  readonly max?: Duration
  /** How chance spreads each step, applied after the clamp to `max`. @default 'full' */
  readonly jitter?: Jitter
  /** Whether repeating the function is harmless. Without it, a failure after which the request may have been processed is final. @default false */
  readonly idempotent?: boolean
  /** Errors no table knows: retried, because wrapping a function in retry says so, or not. @default 'retry' */
  readonly unknown?: 'retry' | 'fail'
  /** Decides instead of the tables which failures are tried again. */
  readonly when?: (failed: Failed) => boolean
  /** Values that count as failed attempts. Without it: a Response with a status the tables list. */
  readonly whenResult?: (value: unknown) => boolean
  /** The longest wait a server may ask for; beyond it the call gives up, for a shorter wait would be a lie. @default '1m' */
  readonly maxRetryAfter?: Duration
  /** The budget retries are paid from: one to share, how to fund an own one, or `false` for none. @default 0.1 per success, cap 10 */
  readonly budget?: RetryBudget | BudgetOptions | false
}

const UNWANTED = {
  ...row('always', 'whenResult says so'),
  domain: 'none',
  row: 'whenResult',
} as const satisfies Verdict

const budgetOption: Reader<RetryBudget | undefined> = (option, value) => {
  if (value === false) return undefined
  if (value instanceof RetryBudget) return value
  if (value === undefined || (typeof value === 'object' && value !== null))
    return new RetryBudget(value as BudgetOptions)
  throw refused(option, value, 'a retryBudget(), its options, or false')
}

class Rule implements RetryRule {
  readonly attempts: number
  readonly budget: RetryBudget | undefined
  readonly judge: (value: unknown) => Verdict | undefined
  readonly #shape: BackoffShape
  readonly #maxRetryAfter: number
  readonly #idempotent: boolean
  readonly #unknown: boolean
  readonly #when: ((failed: Failed) => boolean) | undefined

  constructor(options: RetryOptions | undefined) {
    const read = readOptions('retry', options, {
      attempts: integer(1, 100, 4),
      base: duration(0, '1h', '50ms'),
      factor: decimal(1, 10, 2),
      max: duration(0, '24h', '10s'),
      jitter: oneOf(['full', 'equal', 'decorrelated', 'none'], 'full'),
      idempotent: flag(false),
      unknown: oneOf(['retry', 'fail'], 'retry'),
      when: callback<(failed: Failed) => boolean>(),
      whenResult: callback<(value: unknown) => boolean>(),
      maxRetryAfter: duration(0, '24h', '1m'),
      budget: budgetOption,
    })
    const { whenResult } = read
    this.attempts = read.attempts
    this.budget = read.budget
    this.judge = whenResult ? (value) => (whenResult(value) ? UNWANTED : undefined) : classifyResult
    this.#shape = read
    this.#maxRetryAfter = read.maxRetryAfter
    this.#idempotent = read.idempotent
    this.#unknown = read.unknown === 'retry'
    this.#when = read.when
  }

  wants(failed: Failed, idempotent: boolean = this.#idempotent): boolean {
    if (this.#when) return this.#when(failed)
    const { domain, retry } = failed.verdict
    if (domain === 'none' && this.#unknown) return true
    return retry === 'always' || (retry === 'idempotent' && idempotent)
  }

  delay(failed: Failed, previous: number, random: () => number): number | undefined {
    const own = backoff(this.#shape, failed.attempt, previous, random)
    const asked = retryAfter(failed.error ?? failed.value)
    if (asked === undefined) return own
    return asked > this.#maxRetryAfter ? undefined : afterHint(asked, this.#shape, own, random)
  }
}

/** Tries again, with backoff, while a budget lasts. */
export class Retry extends Strategy {
  readonly piece: Extract<Piece, { kind: 'retry' }>

  constructor(options?: RetryOptions) {
    super()
    this.piece = { kind: 'retry', rule: new Rule(options) }
  }

  /** The budget it is paid from, to share or to look at. */
  get budget(): RetryBudget | undefined {
    return this.piece.rule.budget
  }
}

/**
 * Tries again what can be tried again: exponential backoff with jitter, the tables of {@link classify}, `Retry-After` honoured, a
 * budget so that retries cannot double an overload. Do not use it for work that is neither idempotent nor keyed.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function retry(options?: RetryOptions): Retry {
  return new Retry(options)
}
