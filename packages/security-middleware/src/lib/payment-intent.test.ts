import fc from 'fast-check'
import { expect, test } from 'vitest'

import { paymentMismatch } from './events.ts'
import { expectPaymentIntent, type ExpectedPayment } from './payment-intent.ts'
import type { StripeEvent } from './stripe-event.ts'

const intent = {
  id: 'pi_1',
  object: 'payment_intent',
  amount: 1999,
  amount_received: 1999,
  currency: 'eur',
  status: 'succeeded',
  metadata: { order: '7', other: 'x' },
  customer: 'cus_1',
}
const event = (changes: object = {}, account?: string): StripeEvent => ({
  id: 'evt_1',
  object: 'event',
  type: 'payment_intent.succeeded',
  created: 1,
  livemode: true,
  data: { object: { ...intent, ...changes } },
  ...(account !== undefined && { account }),
})
const expected: ExpectedPayment = {
  amount: 1999,
  currency: 'EUR',
  metadata: { order: '7' },
  customer: 'cus_1',
  account: null,
}

function differing(changed: StripeEvent, by: ExpectedPayment = expected): string {
  try {
    expectPaymentIntent(changed, by)
    return 'none'
  } catch (error) {
    expect(error).toHaveProperty('code', 'ERR_SHOP_SECURITY_PAYMENT_MISMATCH')
    return /expects: (.*) differ/.exec((error as Error).message)![1]!
  }
}

test('gives the PaymentIntent that the order expects', () => {
  expect(expectPaymentIntent(event(), expected).id).toBe('pi_1')
  expect(expectPaymentIntent(event({ customer: { id: 'cus_1' } }), expected).id).toBe('pi_1')
  expect(expectPaymentIntent(event({}, 'acct_1'), { amount: 1999, currency: 'eur', account: 'acct_1' }).id).toBe('pi_1')
})

test.each([
  [{ amount: 1 }, 'amount'],
  [{ amount: '1999' }, 'amount'],
  [{ amount_received: 1 }, 'amount_received'],
  [{ currency: 'jpy' }, 'currency'],
  [{ currency: null }, 'currency'],
  [{ status: 'requires_capture' }, 'status'],
  [{ metadata: { order: '8' } }, 'metadata'],
  [{ metadata: undefined }, 'metadata'],
  [{ customer: 'cus_2' }, 'customer'],
  [{ customer: null }, 'customer'],
  [{ object: 'charge' }, 'object'],
  [{ amount: 1, currency: 'usd' }, 'amount, currency'],
])('refuses %j by naming %s', (changes, fields) => {
  expect(differing(event(changes))).toBe(fields)
})

test('refuses another account, and an event without an object', () => {
  expect(differing(event({}, 'acct_1'))).toBe('account')
  expect(differing({ id: 'evt_1', object: 'event', type: 'x', created: 1, livemode: true })).toBe('object')
})

test('inherited names are no metadata', () => {
  expect(differing(event({ metadata: {} }), { ...expected, metadata: { toString: 'x' } })).toBe('metadata')
})

test('tells its channel which field, not what it held', () => {
  const heard: unknown[] = []
  const hear = (message: unknown): void => void heard.push(message)
  paymentMismatch.subscribe(hear)
  differing(event({ amount: 1 }))
  paymentMismatch.unsubscribe(hear)
  expect(heard).toEqual([{ event: 'evt_1', field: 'amount' }])
})

test('nothing but the expected amount passes, whatever Stripe says it is', () => {
  fc.assert(
    fc.property(fc.anything(), (amount) => {
      expect(differing(event({ amount })) === 'none').toBe(amount === 1999)
    }),
  )
})

test.each([
  [{ amount: 19.99, currency: 'EUR' }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ amount: 1, currency: 'euro' }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ amount: 1, currency: 'EUR', order: '7' }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
])('refuses to expect %j', (by, code) => {
  expect(() => expectPaymentIntent(event(), by as never)).toThrow(expect.objectContaining({ code }))
})
