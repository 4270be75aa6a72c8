import { type Row, row } from './verdict.ts'

const OURS = (why: string): Row => row('never', why, { fault: false })

/** Error classes of the Stripe SDK (`type`) and two codes that override theirs. The header `stripe-should-retry` overrides both. */
export const STRIPE: Readonly<Record<string, Row>> = {
  lock_timeout: row('always', 'another request holds the object: refused before processing'),
  idempotency_key_in_use: row('always', 'the first request with this key is still running', { fault: false }),
  StripeAPIError: row('idempotent', 'failed somewhere inside Stripe: may have been processed'),
  StripeConnectionError: row('idempotent', 'the connection to Stripe broke: may have been processed'),
  StripeRateLimitError: row('always', 'rate limited: refused before processing', { overload: true }),
  StripeAuthenticationError: OURS('the API key is refused'),
  StripeCardError: OURS('the card was declined'),
  StripeIdempotencyError: OURS('the key was used with other parameters'),
  StripeInvalidGrantError: OURS('the grant is invalid'),
  StripeInvalidRequestError: OURS('the request is invalid'),
  StripePermissionError: OURS('the API key may not do this'),
  StripeSignatureVerificationError: OURS('the signature is wrong'),
}

/** The row of an error of the Stripe SDK. */
export function stripeRow(error: { type?: unknown; code?: unknown }): [string, Row] | undefined {
  const { type, code } = error
  if (typeof type !== 'string' || !type.startsWith('Stripe')) return undefined
  if ((code === 'lock_timeout' || code === 'idempotency_key_in_use') && STRIPE[code]) return [code, STRIPE[code]]
  return Object.hasOwn(STRIPE, type) ? [type, STRIPE[type]!] : undefined
}
