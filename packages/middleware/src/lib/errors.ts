/** Every code an error of this package can carry, and what to do about it. The README lists the same. */
export const ERROR_CODES = {
  ERR_SHOP_MIDDLEWARE_POLICY:
    'What was given to protect() or compose() is not a policy; see the option and value in the message.',
  ERR_SHOP_MIDDLEWARE_DUPLICATE: 'Two policies of one protect() have the same name; give one of them another name.',
  ERR_SHOP_MIDDLEWARE_OPTION: 'An option of the adapter is unknown or out of range.',
  ERR_SHOP_MIDDLEWARE_PLATFORM:
    'protect() of /nest was given an application on a platform other than Express or Fastify.',
  ERR_SHOP_MIDDLEWARE_BODY_CONSUMED:
    'A policy asked for the raw body after something had read it; put protect() before the body parser.',
  ERR_SHOP_MIDDLEWARE_BODY_TOO_LARGE: 'The request body is longer than the limit; answered with 413.',
  ERR_SHOP_MIDDLEWARE_BODY_ABORTED: 'The client went away while its body was being read; nothing is answered.',
} as const

export type MiddlewareErrorCode = keyof typeof ERROR_CODES

/** Thrown for every misuse of this package, and for request bodies that cannot be read. */
export class MiddlewareError extends Error {
  override readonly name = 'MiddlewareError'
  readonly code: MiddlewareErrorCode
  /** Where the code is explained. */
  readonly help: string

  constructor(code: MiddlewareErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.help = `@shop/middleware README, "Errors", ${code}`
  }
}

/** A request body longer than a policy or the application allows: refused with 413. */
export class BodyLimitError extends MiddlewareError {
  readonly limit: number

  constructor(limit: number) {
    super('ERR_SHOP_MIDDLEWARE_BODY_TOO_LARGE', `the request body is longer than ${limit} bytes`)
    this.limit = limit
  }
}
