/** Every code an error of this package can carry, and what it means. The README lists the same codes. */
export const RETRY_ERRORS = {
  ERR_SHOP_RETRY_OPTION: 'An option has a value outside its range.',
  ERR_SHOP_RETRY_OPTION_UNKNOWN: 'An option is not one this function knows.',
  ERR_SHOP_RETRY_STRATEGY: 'A value in the list of a pipeline is not a strategy, or a strategy appears twice.',
  ERR_SHOP_RETRY_ORDER: 'Strategies stand in an order in which one defeats the other.',
  ERR_SHOP_RETRY_FUNCTION: 'What was given to run is not a function.',
  ERR_SHOP_RETRY_OPEN: 'The circuit is open, or the pipeline is isolated: nothing was sent.',
  ERR_SHOP_RETRY_LIMIT: 'A concurrency limit, bulkhead or throttle shed the call: nothing was sent.',
  ERR_SHOP_RETRY_DEADLINE: 'The deadline passed, or the next attempt could not start before it.',
  ERR_SHOP_RETRY_TIMEOUT: 'One attempt took longer than its timeout.',
  ERR_SHOP_RETRY_DISPOSED: 'The pipeline has been disposed.',
  ERR_SHOP_RETRY_HEDGED: 'Another copy of this request answered first; the reason of its abort signal.',
  ERR_SHOP_RETRY_OUTCOME_UNKNOWN:
    'The connection was lost during COMMIT: the transaction may or may not have happened.',
  ERR_SHOP_RETRY_STORE: 'An idempotency store answered something that cannot be.',
  ERR_SHOP_RETRY_CHAOS: 'A fault injected by the chaos strategy.',
} as const

/** A stable code of this package. */
export type RetryErrorCode = keyof typeof RETRY_ERRORS

/** The page that explains a code. */
export function helpLink(code: RetryErrorCode): string {
  return `packages/retry/README.md#${code.toLowerCase()}`
}

/** What went wrong at run time: a refusal, a deadline, a timeout. Refusals carry no stack trace, so that shedding stays cheap. */
export class RetryError extends Error {
  override readonly name: string = 'RetryError'
  readonly code: RetryErrorCode
  /** When trying again makes sense, in milliseconds from now, where it is known. */
  readonly retryAfter: number | undefined

  constructor(code: RetryErrorCode, message: string, options: { cause?: unknown; retryAfter?: number } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryAfter = options.retryAfter
  }

  /** Where the code is explained. */
  get help(): string {
    return helpLink(this.code)
  }
}

/** A mistake in the configuration, found when the pipeline is built: names the option, the value and the allowed range. */
export class RetryConfigError extends RetryError {
  override readonly name: string = 'RetryConfigError'
  /** The path of the option: `retry.attempts`. */
  readonly option: string

  constructor(code: RetryErrorCode, option: string, message: string) {
    super(code, message)
    this.option = option
  }
}

/** A {@link RetryError} without a stack trace: a tenth of the price, for answers that are not bugs. */
export function stackless(
  code: RetryErrorCode,
  message: string,
  options?: { cause?: unknown; retryAfter?: number },
): RetryError {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = new RetryError(code, message, options)
  Error.stackTraceLimit = limit
  return error
}

/** Whether a value is a {@link RetryError}, optionally with one code. */
export function isRetryError(value: unknown, code?: RetryErrorCode): value is RetryError {
  return value instanceof RetryError && (code === undefined || value.code === code)
}
