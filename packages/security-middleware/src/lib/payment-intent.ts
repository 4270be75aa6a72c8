import { SecurityError } from './errors.ts'
import { paymentMismatch } from './events.ts'
import { knownOptions } from './options.ts'
import type { StripeEvent } from './stripe-event.ts'

/** What an order expects of the PaymentIntent that pays it; what is left out is not compared, but for `status`. */
export interface ExpectedPayment {
  /** In minor units, as an integer. */
  readonly amount: number
  /** ISO 4217, in any case. */
  readonly currency: string
  /** @default 'succeeded' */
  readonly status?: string
  /** Entries that must be there with these values; others may be. */
  readonly metadata?: Readonly<Record<string, string>>
  /** The customer's id, or `null` for none. */
  readonly customer?: string | null
  /** The connected account, or `null` for the platform's own. */
  readonly account?: string | null
}

/** What is relied upon of a PaymentIntent. */
export interface PaymentIntent {
  readonly id: string
  readonly object: 'payment_intent'
  readonly amount: number
  readonly amount_received?: number
  readonly currency: string
  readonly status: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly customer?: string | { readonly id: string } | null
}

type Field = 'object' | 'amount' | 'amount_received' | 'currency' | 'status' | 'metadata' | 'customer' | 'account'

/**
 * The PaymentIntent of an event, when it is the payment this order expects; a signature only shows that some payment
 * was made, not that it was this one. Which fields differ is told on `shop:security-middleware:payment-mismatch`.
 *
 * @throws ERR_SHOP_SECURITY_PAYMENT_MISMATCH naming the fields, never their values
 * @throws ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_UNKNOWN_OPTION
 * @example
 * const intent = expectPaymentIntent(event, { amount: order.total, currency: order.currency, metadata: { order: order.id } })
 */
export function expectPaymentIntent<Intent extends PaymentIntent = PaymentIntent>(
  event: StripeEvent,
  expected: ExpectedPayment,
): Intent {
  knownOptions('expectPaymentIntent()', expected, ['amount', 'currency', 'status', 'metadata', 'customer', 'account'])
  if (!Number.isSafeInteger(expected.amount) || expected.amount < 0) {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      `amount is ${String(expected.amount)}, and must be an integer of minor units.`,
    )
  }
  if (typeof expected.currency !== 'string' || !/^[a-z]{3}$/i.test(expected.currency)) {
    throw new SecurityError('ERR_SHOP_SECURITY_OPTION', 'currency must be an ISO 4217 code.')
  }
  const intent = event.data?.object as PaymentIntent | undefined
  const fields: readonly Field[] =
    intent?.object === 'payment_intent' ? differences(intent, event.account ?? null, expected) : ['object']
  if (fields.length === 0) return intent as Intent
  for (const field of fields) if (paymentMismatch.hasSubscribers) paymentMismatch.publish({ event: event.id, field })
  throw new SecurityError(
    'ERR_SHOP_SECURITY_PAYMENT_MISMATCH',
    `The PaymentIntent is not the one this order expects: ${fields.join(', ')} differ.`,
  )
}

function differences(intent: PaymentIntent, account: string | null, expected: ExpectedPayment): Field[] {
  const { status = 'succeeded', metadata = {} } = expected
  const fields: Field[] = []
  if (intent.amount !== expected.amount) fields.push('amount')
  // a capture may be partial
  if (status === 'succeeded' && intent.amount_received !== undefined && intent.amount_received !== expected.amount)
    fields.push('amount_received')
  if (typeof intent.currency !== 'string' || intent.currency.toLowerCase() !== expected.currency.toLowerCase())
    fields.push('currency')
  if (intent.status !== status) fields.push('status')
  if (
    !Object.entries(metadata).every(
      ([key, value]) => Object.hasOwn(intent.metadata ?? {}, key) && intent.metadata![key] === value,
    )
  )
    fields.push('metadata')
  const customer =
    typeof intent.customer === 'object' && intent.customer !== null ? intent.customer.id : (intent.customer ?? null)
  if (expected.customer !== undefined && customer !== expected.customer) fields.push('customer')
  if (expected.account !== undefined && account !== expected.account) fields.push('account')
  return fields
}
