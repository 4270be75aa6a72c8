import type { Denial, Policy } from '@shop/middleware'

import { verify } from '../payments/signature.ts'

const denial: Denial = { status: 400, code: 'webhook-signature', title: 'The signature is not ours or too old' }

/** Lets through only what the payment provider has signed. */
export function webhookSignature(secret: string): Policy {
  return {
    name: 'webhook-signature',
    async evaluate(request) {
      const body = Buffer.from(await request.bytes(65_536)).toString()
      return verify(body, request.header('stripe-signature'), secret) ? undefined : { deny: denial }
    },
  }
}
