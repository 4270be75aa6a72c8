import { decimal, readOptions } from './options.ts'

/** How a {@link RetryBudget} is funded. */
export interface BudgetOptions {
  /** What one success pays in. @default 0.1, so that retries add at most a tenth of the load in the long run */
  readonly perSuccess?: number
  /** How much may be saved up. @default 10 */
  readonly cap?: number
  /** What is there at the start. @default the cap */
  readonly initial?: number
}

/**
 * A retry budget: every success pays in, every retry and hedge costs one. When the dependency stops succeeding the retries stop
 * by themselves, which is what keeps an overload from feeding itself. One budget can be shared by several strategies.
 *
 * Source: Finagle's RetryBudget, and "Handling Overload" in the Google SRE book.
 */
export class RetryBudget {
  readonly perSuccess: number
  readonly cap: number
  #tokens: number

  constructor(options?: BudgetOptions) {
    const read = readOptions('budget', options, {
      perSuccess: decimal(0, 10, 0.1),
      cap: decimal(0, 1_000_000, 10),
      initial: decimal(0, 1_000_000, options?.cap ?? 10),
    })
    this.perSuccess = read.perSuccess
    this.cap = read.cap
    this.#tokens = Math.min(read.initial, read.cap)
  }

  /** What is saved up. */
  get tokens(): number {
    return this.#tokens
  }

  /** Pays one success in. */
  deposit(): void {
    const tokens = this.#tokens + this.perSuccess
    this.#tokens = tokens > this.cap ? this.cap : tokens
  }

  /** Takes the price of one retry out; false when there is too little. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Gives one back that was not used after all. */
  refund(): void {
    this.#tokens = Math.min(this.cap, this.#tokens + 1)
  }
}

/** A {@link RetryBudget}; share it by giving the same one to several strategies. */
export function retryBudget(options?: BudgetOptions): RetryBudget {
  return new RetryBudget(options)
}
