import type { Piece } from './compile.ts'
import { callback, readOptions } from './options.ts'
import { RetryConfigError } from './errors.ts'
import type { FallbackRule } from './plan.ts'
import type { Reason } from './result.ts'
import { Strategy } from './strategy.ts'

/** What a fallback knows of the failure. */
export interface FallbackContext {
  readonly reason: Reason
  /** What was thrown, or the result that was judged a failure. */
  readonly error: unknown
}

/** When {@link fallback} answers. */
export interface FallbackOptions {
  /** Whether it answers this failure. @default every failure but `aborted`, where nobody waits for an answer */
  readonly when?: (context: FallbackContext) => boolean
}

class Rule implements FallbackRule {
  readonly #answer: (context: FallbackContext) => unknown
  readonly #when: (context: FallbackContext) => boolean

  constructor(answer: (context: FallbackContext) => unknown, options: FallbackOptions | undefined) {
    if (typeof answer !== 'function') {
      throw new RetryConfigError(
        'ERR_SHOP_RETRY_FUNCTION',
        'fallback',
        'fallback needs a function that gives the answer',
      )
    }
    const { when } = readOptions('fallback', options, { when: callback<(context: FallbackContext) => boolean>() })
    this.#answer = answer
    this.#when = when ?? ((context) => context.reason !== 'aborted')
  }

  wants(reason: Reason, error: unknown): boolean {
    return this.#when(Object.freeze({ reason, error }))
  }

  answer(reason: Reason, error: unknown): unknown {
    return this.#answer(Object.freeze({ reason, error }))
  }
}

/** Answers when everything else has given up. */
export class Fallback extends Strategy {
  readonly piece: Piece

  constructor(answer: (context: FallbackContext) => unknown, options?: FallbackOptions) {
    super()
    this.piece = { kind: 'fallback', rule: new Rule(answer, options) }
  }
}

/**
 * Answers when everything else has given up, wherever it stands in the list. Use it for an answer that is honest without the
 * dependency (a cached price, an empty recommendation), not to hide a failed payment.
 * @throws `ERR_SHOP_RETRY_FUNCTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function fallback(answer: (context: FallbackContext) => unknown, options?: FallbackOptions): Fallback {
  return new Fallback(answer, options)
}
