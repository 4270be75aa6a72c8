// What verifying a webhook costs, beside stripe-node's constructEvent: the same HMAC, the same JSON.
import { benchTable, interleave } from '@shop/testkit/bench'
import Stripe from 'stripe'

import { signStripePayload } from '../src/index.ts'
import { parseStripeEvent } from '../src/lib/stripe-event.ts'
import { verifyStripeSignature } from '../src/lib/stripe-signature.ts'

const secret = 'whsec_secret_of_the_benchmark'
const stripe = new Stripe('sk_test_none')
const now = Math.floor(Date.now() / 1000)

function payloadOf(items: number): Buffer {
  const lines = Array.from({ length: items }, (_, i) => ({
    id: `li_${i}`,
    object: 'item',
    description: 'Red shoes, size 42',
    amount_total: 8990,
    currency: 'eur',
    quantity: 1,
  }))
  return Buffer.from(
    JSON.stringify(
      {
        id: 'evt_1',
        object: 'event',
        type: 'checkout.session.completed',
        created: now,
        livemode: false,
        api_version: 'x',
        data: { object: { id: 'cs_1', lines } },
      },
      null,
      2,
    ),
  )
}

const rows = []
for (const [size, items] of [
  ['1 kB', 4],
  ['16 kB', 90],
] as const) {
  const payload = payloadOf(items)
  const header = signStripePayload(payload, secret, now)
  const secrets = [{ name: 'current', secret }]
  const tolerance = { past: 1e6, future: 30 }
  const costs = await interleave(
    {
      ours: () => {
        if (
          !verifyStripeSignature(payload, header, secrets, tolerance, Date.now() / 1000).valid ||
          !parseStripeEvent(payload)
        )
          throw new Error('refused')
      },
      theirs: () => stripe.webhooks.constructEvent(payload, header, secret, 1e6),
    },
    { calls: 3000, repeats: 9 },
  )
  rows.push({
    name: `webhook of ${size} vs constructEvent`,
    ours: costs.ours.us,
    peer: costs.theirs.us,
    unit: 'us',
    goal: '<= 1.2' as const,
  })
}
benchTable(rows)
