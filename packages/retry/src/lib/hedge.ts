import { RetryBudget } from './budget.ts'
import type { Piece } from './compile.ts'
import type { Duration } from './duration.ts'
import { decimal, duration, flag, integer, readOptions, refused } from './options.ts'
import type { HedgeRule } from './plan.ts'
import { Quantile } from './quantile.ts'
import { Strategy } from './strategy.ts'

/** When {@link hedge} sends a second copy. */
export interface HedgeOptions {
  /** How many further copies at most. @default 1 */
  readonly copies?: number
  /** The share of requests that are expected to be answered before a copy is sent. @default 0.95 */
  readonly percentile?: number
  /** What the copies may add to the load at most. @default 0.045 */
  readonly extraLoad?: number
  /** A copy is never sent earlier. @default '1ms' */
  readonly minDelay?: Duration
  /** Whether sending the request twice is harmless. @default false, and then nothing is hedged unless the call says so */
  readonly idempotent?: boolean
  /** The budget copies are paid from. @default the retry's of the same pipeline */
  readonly budget?: RetryBudget
}

const SAVED = 10

class Rule implements HedgeRule {
  readonly extra: number
  readonly #quantile: Quantile
  readonly #extraLoad: number
  readonly #minDelay: number
  readonly #idempotent: boolean
  readonly #budget: RetryBudget | undefined
  #allowance = 1

  constructor(options: HedgeOptions | undefined) {
    const read = readOptions('hedge', options, {
      copies: integer(1, 5, 1),
      percentile: decimal(0.5, 0.999, 0.95),
      extraLoad: decimal(0.001, 1, 0.045),
      minDelay: duration(0, '1m', 1),
      idempotent: flag(false),
      budget: (option, value) => {
        if (value === undefined || value instanceof RetryBudget) return value
        throw refused(option, value, 'a retryBudget()')
      },
    })
    this.extra = read.copies
    this.#quantile = new Quantile(read.percentile)
    this.#extraLoad = read.extraLoad
    this.#minDelay = read.minDelay
    this.#idempotent = read.idempotent
    this.#budget = read.budget
  }

  get delayMs(): number | undefined {
    const { value } = this.#quantile
    return value === undefined ? undefined : Math.max(this.#minDelay, value)
  }

  delay(idempotent: boolean = this.#idempotent): number | undefined {
    return idempotent ? this.delayMs : undefined
  }

  pay(budget: RetryBudget | undefined): boolean {
    if (this.#allowance < 1) return false
    const payer = this.#budget ?? budget
    if (payer && !payer.withdraw()) return false
    this.#allowance--
    return true
  }

  learned(elapsedMs: number): void {
    this.#allowance = Math.min(SAVED, this.#allowance + this.#extraLoad)
    this.#quantile.add(elapsedMs)
  }
}

/** Sends a second copy of a slow request. */
export class Hedge extends Strategy {
  readonly piece: Extract<Piece, { kind: 'hedge' }>
  readonly #rule: Rule

  constructor(options?: HedgeOptions) {
    super()
    this.#rule = new Rule(options)
    this.piece = { kind: 'hedge', rule: this.#rule }
  }

  /** How long a request runs before a copy is sent, in milliseconds; undefined while it has seen too little. */
  get delayMs(): number | undefined {
    return this.#rule.delayMs
  }
}

/**
 * Sends a second copy of a request that is slower than most, and takes the first answer ("The Tail at Scale", Dean and Barroso
 * 2013). The delay follows the measured percentile; the copies are paid from the retry budget and never add more than
 * `extraLoad`. Only for requests that may be sent twice: `idempotent` here or in the call.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function hedge(options?: HedgeOptions): Hedge {
  return new Hedge(options)
}
