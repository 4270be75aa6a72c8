import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Outcome, Policy } from '@shop/middleware'
import { view, type WrittenView } from '@shop/testkit/view'
import fc from 'fast-check'
import Stripe from 'stripe'
import { describe, expect, test } from 'vitest'

import type { ClaimStore } from './claim-store.ts'
import { claimFailed, stripeRefused } from './events.ts'
import { memoryStore } from './memory-store.ts'
import type { StripeRefusal } from './stripe-refusal.ts'
import { signStripePayload, verifyStripeSignature } from './stripe-signature.ts'
import { stripeDelivery, stripeEvent, stripeWebhook, type StripeWebhookOptions } from './stripe-webhook.ts'

const secret = 'whsec_current_secret_of_the_test'
const previous = 'whsec_previous_secret_of_the_test'
const seconds = 1_800_000_000
const stripe = new Stripe('sk_test_none')

interface EventInit {
  readonly id?: string
  readonly created?: number
  readonly object?: string
  readonly [member: string]: unknown
}

function event({ id = 'evt_1', created = seconds, object = 'pi_1', ...more }: EventInit = {}): string {
  return JSON.stringify({
    id,
    object: 'event',
    type: 'payment_intent.succeeded',
    created,
    livemode: true,
    api_version: '2026-09-30.shop',
    pending_webhooks: 1,
    data: { object: { id: object, object: 'payment_intent' } },
    ...more,
  })
}

function webhook(options: Partial<StripeWebhookOptions> = {}): Policy {
  return stripeWebhook({
    secrets: { current: secret, previous },
    livemode: true,
    store: memoryStore(),
    now: () => seconds * 1000,
    ...options,
  })
}

function delivered(
  payload: string,
  header: string | undefined = signStripePayload(payload, secret, seconds),
): WrittenView {
  return view({
    method: 'POST',
    url: '/webhooks/stripe',
    body: payload,
    headers: header === undefined ? {} : { 'stripe-signature': header },
  })
}

async function outcome(policy: Policy, request: WrittenView): Promise<string> {
  const verdict = await policy.evaluate!(request)
  if (verdict?.deny) return verdict.deny.code.replace('stripe-', '')
  return verdict?.answer ? (verdict.answer.body as string) : 'handled'
}

function end(policy: Policy, request: WrittenView, kind: Outcome['kind'], status: number): void {
  policy.settle!({ request, kind, status, seconds: 0, bytes: 0, denied: undefined, error: undefined })
}

describe('stripeWebhook()', () => {
  test('hands a verified delivery to the handler', async () => {
    const request = delivered(event())
    expect(await outcome(webhook(), request)).toBe('handled')
    expect(stripeEvent<Stripe.Event>(request).type).toBe('payment_intent.succeeded')
    expect(stripeDelivery(request).secret).toBe('current')
  })

  test('is only about POSTs to its path', () => {
    expect(webhook().evaluate!(view({ method: 'POST', url: '/other' }))).toBeUndefined()
    expect(webhook().evaluate!(view({ url: '/webhooks/stripe' }))).toBeUndefined()
    expect(() => stripeEvent(view())).toThrow(expect.objectContaining({ code: 'ERR_SHOP_SECURITY_NO_POLICY' }))
  })

  test('any of its secrets verifies, and it says which', async () => {
    const payload = event()
    const request = delivered(payload, signStripePayload(payload, previous, seconds))
    expect(await outcome(webhook(), request)).toBe('handled')
    expect(stripeDelivery(request).secret).toBe('previous')
    expect(
      await outcome(
        webhook({ secrets: { current: secret } }),
        delivered(payload, signStripePayload(payload, previous, seconds)),
      ),
    ).toBe('signature-mismatch')
  })

  test.each([
    ['no signature', undefined, 'signature-missing'],
    ['an empty one', '', 'signature-missing'],
    ['no timestamp', `v1=${'0'.repeat(64)}`, 'signature-malformed'],
    ['two timestamps', `t=1,t=2,v1=${'0'.repeat(64)}`, 'signature-malformed'],
    ['no version 1', 't=1800000000,v0=00', 'signature-malformed'],
    ['a short signature', 't=1800000000,v1=00', 'signature-malformed'],
    ['a timestamp that is none', `t=1e9,v1=${'0'.repeat(64)}`, 'signature-malformed'],
    ['a negative timestamp', `t=-1,v1=${'0'.repeat(64)}`, 'signature-malformed'],
    ['too many', `t=1800000000${`,v1=${'0'.repeat(64)}`.repeat(17)}`, 'signature-malformed'],
    ['a header flood', `t=1800000000,v1=${'0'.repeat(64)}${',v0=x'.repeat(2000)}`, 'signature-malformed'],
    ['a wrong one', `t=1800000000,v1=${'0'.repeat(64)}`, 'signature-mismatch'],
  ])('refuses %s', async (_, header, expected) => {
    const request = view({
      method: 'POST',
      url: '/webhooks/stripe',
      body: event(),
      headers: header === undefined ? {} : { 'stripe-signature': header },
    })
    expect(await outcome(webhook(), request)).toBe(expected)
  })

  test('refuses old signatures and, unlike stripe-node, future ones', async () => {
    const payload = event()
    const at = (offset: number, options?: Partial<StripeWebhookOptions>) =>
      outcome(webhook(options), delivered(payload, signStripePayload(payload, secret, seconds + offset)))
    expect([await at(-300), await at(-301), await at(30), await at(31), await at(365 * 86_400)]).toEqual([
      'handled',
      'too-old',
      'handled',
      'in-future',
      'in-future',
    ])
    const ahead = stripe.webhooks.generateTestHeaderString({
      payload,
      secret,
      timestamp: Math.floor(Date.now() / 1000) + 365 * 86_400,
    })
    expect(() => stripe.webhooks.constructEvent(payload, ahead, secret)).not.toThrow()
  })

  test('a tolerance of 0 is strict', async () => {
    const payload = event()
    const at = (offset: number) =>
      outcome(webhook({ tolerance: 0 }), delivered(payload, signStripePayload(payload, secret, seconds + offset)))
    expect([await at(-1), await at(0), await at(1)]).toEqual(['too-old', 'handled', 'in-future'])
  })

  test.each([
    ['test events', { livemode: false }, {}, 'livemode'],
    ['another API version', { api_version: '2020-01-01' }, { apiVersion: '2026-09-30.shop' }, 'api-version'],
    ['an account that is not listed', { account: 'acct_2' }, { accounts: ['acct_1'] }, 'account'],
    ['the platform, where accounts are listed', {}, { accounts: ['acct_1'] }, 'account'],
  ] as const)('refuses %s', async (_, members, options, expected) => {
    expect(await outcome(webhook(options), delivered(event(members)))).toBe(expected)
  })

  test('takes a thin event of version 2', async () => {
    const payload = JSON.stringify({
      id: 'evt_test_65',
      object: 'v2.core.event',
      type: 'v1.billing.meter.error',
      created: '2027-01-15T08:00:00Z',
      livemode: true,
      related_object: { id: 'mtr_1' },
    })
    expect(await outcome(webhook({ apiVersion: 'x' }), delivered(payload))).toBe('handled')
  })

  test('refuses what is signed and no event', async () => {
    for (const payload of [
      '',
      'null',
      '[]',
      '{}',
      '{"object":"event"}',
      event({ id: 'pi_1' }),
      event({ created: 'x' as never }),
      event({ livemode: 'true' }),
      '\ufeff{}',
    ]) {
      expect(await outcome(webhook(), delivered(payload))).toBe('malformed')
    }
  })

  test('tells every refusal with its reason, and no secret', async () => {
    const heard: StripeRefusal[] = []
    const hear = (refusal: StripeRefusal): void => void heard.push(refusal)
    stripeRefused.subscribe(hear as never)
    await outcome(webhook(), delivered(event(), `t=${seconds - 9},v1=${'0'.repeat(64)}`))
    await outcome(webhook(), delivered(event({ livemode: false })))
    stripeRefused.unsubscribe(hear as never)
    expect(heard).toEqual([
      { reason: 'signature-mismatch', ip: '203.0.113.7', event: undefined, age: 9 },
      { reason: 'livemode', ip: '203.0.113.7', event: 'evt_1', age: 0 },
    ])
  })

  test('names a body parser that was there first', async () => {
    const consumed = {
      ...delivered(event()),
      bytes: () => Promise.reject(Object.assign(new Error('read'), { code: 'ERR_SHOP_MIDDLEWARE_BODY_CONSUMED' })),
    }
    await expect(webhook().evaluate!(consumed)).rejects.toMatchObject({
      code: 'ERR_SHOP_SECURITY_RAW_BODY',
      message: expect.stringContaining('put protect() before it') as string,
    })
  })
})

describe('stripeWebhook(): once', () => {
  test('a duplicate is told so while the first is handled and after', async () => {
    const policy = webhook()
    const first = delivered(event())
    expect(await outcome(policy, first)).toBe('handled')
    expect(await outcome(policy, delivered(event()))).toBe('in-flight')
    end(policy, first, 'finished', 200)
    expect(await outcome(policy, delivered(event()))).toBe('{"received":true,"duplicate":true}')
  })

  test('a delivery whose handler failed may come again at once', async () => {
    const policy = webhook()
    const first = delivered(event())
    await outcome(policy, first)
    end(policy, first, 'finished', 500)
    expect(await outcome(policy, delivered(event()))).toBe('handled')
  })

  test('one that Stripe hung up on stays claimed until its lease ends, for its handler may still be at it', async () => {
    const policy = webhook({ lease: 30, store: memoryStore() })
    const first = delivered(event())
    await outcome(policy, first)
    end(policy, first, 'aborted', 200)
    expect(await outcome(policy, delivered(event()))).toBe('in-flight')
    await sleep(40)
    expect(await outcome(policy, delivered(event()))).toBe('handled')
  })

  test('the same id with other content is refused; the count of pending webhooks is not content', async () => {
    const policy = webhook()
    const first = delivered(event())
    await outcome(policy, first)
    end(policy, first, 'finished', 204)
    expect(await outcome(policy, delivered(event({ pending_webhooks: 0 })))).toBe('{"received":true,"duplicate":true}')
    expect(await outcome(policy, delivered(event({ type: 'charge.refunded' })))).toBe('other-bytes')
  })

  test('an older event of the same object is skipped where that is asked for', async () => {
    const policy = webhook({ older: 'skip' })
    const run = async (init: EventInit): Promise<string> => {
      const request = delivered(event(init))
      const said = await outcome(policy, request)
      if (said === 'handled') end(policy, request, 'finished', 200)
      return said
    }
    expect(await run({ id: 'evt_2', created: 20 })).toBe('handled')
    expect(await run({ id: 'evt_1', created: 10 })).toBe('{"received":true,"older":true}')
    expect(await run({ id: 'evt_1', created: 10 })).toBe('{"received":true,"duplicate":true}')
    expect(await run({ id: 'evt_3', created: 20 })).toBe('handled')
    expect(await run({ id: 'evt_4', created: 10, object: 'pi_2' })).toBe('handled')
    expect(await run({ id: 'evt_5', created: 10, account: 'acct_1' })).toBe('handled')
  })

  test('the handler claims in its own transaction where that is asked for', async () => {
    const transactions: unknown[] = []
    const inner = memoryStore()
    const store: ClaimStore<string> = {
      ...inner,
      claim: (key, { tx, ...options }) => (transactions.push(tx), inner.claim(key, options)),
    }
    const policy = stripeWebhook({
      secrets: { current: secret },
      livemode: true,
      store,
      claimIn: 'handler',
      now: () => seconds * 1000,
    })
    const request = delivered(event())
    expect(await outcome(policy, request)).toBe('handled')
    expect(transactions).toEqual([])
    expect(await stripeDelivery<unknown, string>(request).claim('tx')).toHaveProperty('state', 'claimed')
    expect(await stripeDelivery<unknown, string>(request).claim('tx')).toEqual({ state: 'in-flight' })
    expect(transactions).toEqual(['tx', 'tx'])
    expect(policy.settle).toBeUndefined()
  })

  test('a store that fails or hangs refuses with 503, for Stripe to come again', async () => {
    const failures: unknown[] = []
    const hear = (failure: unknown): void => void failures.push(failure)
    claimFailed.subscribe(hear)
    const broken: ClaimStore = {
      claim: () => Promise.reject(new Error('down')),
      complete: () => Promise.resolve(),
      release: () => Promise.resolve(),
    }
    const hanging: ClaimStore = { ...broken, claim: () => new Promise(() => {}) }
    expect(await outcome(webhook({ store: broken }), delivered(event()))).toBe('store')
    expect(await outcome(webhook({ store: hanging, storeTimeout: 10 }), delivered(event()))).toBe('store')
    const late: ClaimStore = {
      ...broken,
      claim: () => Promise.resolve({ state: 'claimed', token: 't' }),
      complete: () => Promise.reject(new Error('down')),
    }
    const policy = webhook({ store: late })
    const request = delivered(event())
    await outcome(policy, request)
    end(policy, request, 'finished', 200)
    await sleep(0)
    claimFailed.unsubscribe(hear)
    expect(failures).toMatchObject([{ operation: 'claim' }, { operation: 'claim' }, { operation: 'complete' }])
  })
})

describe('verifyStripeSignature()', () => {
  const tolerance = { past: 300, future: 30 }
  const secrets = [{ name: 'current', secret }]

  test('agrees with stripe-node on every payload, header and change to them', () => {
    const now = Math.floor(Date.now() / 1000)
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: now - 290, max: now }),
        fc.nat(),
        fc.constantFrom('none', 'payload', 'header', 'secret'),
        (text, timestamp, at, change) => {
          const payload = JSON.stringify({ text })
          let header = stripe.webhooks.generateTestHeaderString({
            payload,
            secret: change === 'secret' ? previous : secret,
            timestamp,
          })
          if (change === 'header') {
            const i = at % header.length
            header = header.slice(0, i) + (header[i] === '0' ? '1' : '0') + header.slice(i + 1)
          }
          const sent = change === 'payload' ? payload.replace('{', '{ ') : payload
          const ours = verifyStripeSignature(Buffer.from(sent), header, secrets, tolerance, now).valid
          let theirs = true
          try {
            stripe.webhooks.constructEvent(sent, header, secret)
          } catch {
            theirs = false
          }
          expect(ours).toBe(theirs)
          expect(ours).toBe(change === 'none')
        },
      ),
    )
  })

  test('accepts the header that stripe-node makes, and stripe-node ours', () => {
    const payload = event()
    const now = Math.floor(Date.now() / 1000)
    expect(
      verifyStripeSignature(
        Buffer.from(payload),
        stripe.webhooks.generateTestHeaderString({ payload, secret }),
        secrets,
        tolerance,
        now,
      ).valid,
    ).toBe(true)
    expect(stripe.webhooks.constructEvent(payload, signStripePayload(payload, secret), secret).id).toBe('evt_1')
  })

  test('no header throws', () => {
    const parts = fc.array(
      fc.oneof(fc.string(), fc.constantFrom('t=1', `v1=${'a'.repeat(64)}`, 't=1800000000', 'v1=', '=', 'v0=1')),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(parts, (items) => {
        expect(verifyStripeSignature(Buffer.from('{}'), items.join(','), secrets, tolerance, seconds).valid).toBe(false)
      }),
    )
  })

  test('is HMAC-SHA256 over the timestamp, a dot and the payload', () => {
    expect(signStripePayload('{}', secret, 7)).toBe(
      `t=7,v1=${createHmac('sha256', secret).update('7.{}').digest('hex')}`,
    )
  })
})

test.each([
  [{ secrets: {} }, 'ERR_SHOP_SECURITY_SECRET', '1 to 8'],
  [{ secrets: { a: 'sk_live_1234567890123456' } }, 'ERR_SHOP_SECURITY_SECRET', 'It is an API key'],
  [{ secrets: { a: undefined } }, 'ERR_SHOP_SECURITY_SECRET', 'whsec_'],
  [{ livemode: undefined }, 'ERR_SHOP_SECURITY_OPTION', 'livemode'],
  [{ store: undefined }, 'ERR_SHOP_SECURITY_OPTION', 'store'],
  [{ store: { claim() {} }, older: 'skip' }, 'ERR_SHOP_SECURITY_OPTION', 'advance'],
  [{ tolerance: '5 minutes' }, 'ERR_SHOP_SECURITY_DURATION', 'tolerance'],
  [{ path: 'webhooks' }, 'ERR_SHOP_SECURITY_PATTERN', 'path'],
  [{ claimIn: 'store' }, 'ERR_SHOP_SECURITY_OPTION', 'claimIn'],
  [{ secret }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION', 'Did you mean "secrets"?'],
])('stripeWebhook(%j) is refused when built', (options, code, part) => {
  expect(() => webhook(options as never)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(part) as string }),
  )
  try {
    webhook(options as never)
  } catch (error) {
    expect(String(error)).not.toContain('1234567890123456')
  }
})
