/** Every code this package throws, with what it means. The README lists the same ones. */
export const errorCodes = {
  ERR_SHOP_SECURITY_OPTION: 'An option has a value outside its range, or contradicts another.',
  ERR_SHOP_SECURITY_UNKNOWN_OPTION: 'An option by this name does not exist.',
  ERR_SHOP_SECURITY_ORIGIN: 'A trusted origin is not an origin: scheme, host and port, nothing else.',
  ERR_SHOP_SECURITY_HOST: 'An allowed host is not a host name with an optional port.',
  ERR_SHOP_SECURITY_CSP: 'A Content-Security-Policy directive or source is not one.',
  ERR_SHOP_SECURITY_PERMISSION: 'A Permissions-Policy feature or allow-list is not one.',
  ERR_SHOP_SECURITY_PATTERN: 'A path pattern is not one.',
  ERR_SHOP_SECURITY_DURATION: 'A duration is neither milliseconds nor a number with ms, s, m, h or d.',
  ERR_SHOP_SECURITY_SECRET: 'A secret is too short, or of the wrong kind.',
  ERR_SHOP_SECURITY_NOT_VALIDATED: 'valid() was asked about a request that its policy has not let through.',
  ERR_SHOP_SECURITY_NO_POLICY: 'A getter was asked about a request that its policy has not seen.',
  ERR_SHOP_SECURITY_RAW_BODY: 'The webhook did not see the bytes that were sent: a body parser runs before protect().',
  ERR_SHOP_SECURITY_STORE_FULL: 'The memory store holds its most claims, and all of them are in flight.',
  ERR_SHOP_SECURITY_CLAIM: 'A claim token is unknown: its lease ran out and another delivery took over.',
  ERR_SHOP_SECURITY_SCORES: 'The store of scores did not answer, and nothing was to stand in for it.',
  ERR_SHOP_SECURITY_PAYMENT_MISMATCH: 'A PaymentIntent is not the one this order expects.',
  ERR_SHOP_SECURITY_MARKUP: 'A fragment of HTML is too long, too deep or has too many tags to be sanitised.',
  ERR_SHOP_SECURITY_DOM: 'The DOM is not jsdom, or jsdom lacks what DOMPurify needs.',
  ERR_SHOP_SECURITY_ENCODER:
    'A value stands where no encoder makes it safe: inside a tag name, a script or a comment of a template.',
  ERR_SHOP_SECURITY_SINK:
    'Input changed the structure of a statement, left its folder, or is no argument of a command.',
} as const

/** A code of {@link errorCodes}. */
export type SecurityErrorCode = keyof typeof errorCodes

/** The one error class of this package. What clients do wrong is a denial, not an error; this one means a mistake in the program, or an outage. */
export class SecurityError extends Error {
  override readonly name: string = 'SecurityError'
  /** Stable; compare this, never the message. */
  readonly code: SecurityErrorCode
  /** Where the README explains the code. */
  readonly help: string

  constructor(code: SecurityErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(`${message} [${code}]`, options)
    this.code = code
    this.help = `@shop/security-middleware/README.md#${code.toLowerCase()}`
  }
}
