import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import type { Account, Checkout } from './provider.ts'
import { sign } from './signature.ts'

/** A webhook as it was sent; what an eavesdropper would have to replay. */
export interface Delivery {
  readonly url: string
  readonly body: string
  readonly signature: string
}

export const newId = (prefix: string): string => `${prefix}_${randomBytes(12).toString('hex')}`

/** The event that tells of a payment, in Stripe's words. */
export const paymentSucceeded = ({ amount, currency, metadata }: Checkout): string =>
  JSON.stringify({
    id: newId('evt'),
    object: 'event',
    api_version: '2025-09-30.clover',
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    type: 'payment_intent.succeeded',
    data: {
      object: {
        id: newId('pi'),
        object: 'payment_intent',
        amount,
        amount_received: amount,
        currency,
        metadata,
        status: 'succeeded',
      },
    },
  })

/** Sends an event until the shop says 2xx, at most six times; each attempt is signed anew and noted in `sent`. */
export async function deliver(account: Account, body: string, signal: AbortSignal, sent: Delivery[]): Promise<void> {
  for (let attempt = 0; attempt < 6 && !signal.aborted; attempt++) {
    if (attempt > 0) await delay(100 * 2 ** attempt, undefined, { ref: false })
    const signature = sign(body, account.webhookSecret)
    sent.push({ url: account.webhookUrl, body, signature })
    if (sent.length > 100) sent.shift()
    try {
      const response = await fetch(account.webhookUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': signature },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      })
      await response.arrayBuffer()
      if (response.ok) return
    } catch {
      // gone or too slow: the next attempt may reach it
    }
  }
}
