// What the benches share: one order of 200 bytes, its schema, and the five policies of the shop.
import type { Policy } from '@shop/middleware'
import { httpMetrics } from '@shop/metrics'
import { z } from 'zod'

import { csrf, securityHeaders, trustedOrigins } from '../src/index.ts'
import { validate, type Validated, type Validation } from '../src/validate.ts'

export const order: string = JSON.stringify({
  currency: 'EUR',
  items: [
    { sku: 'SHOE-42-RED', quantity: 1, price: 8990 },
    { sku: 'SOCK-42-GREY', quantity: 3, price: 590 },
  ],
  email: 'ada@shop.example',
  note: 'Please ring twice, the bell is quiet',
})

export const orderSchema: z.ZodType = z.object({
  currency: z.enum(['EUR', 'CHF']),
  items: z
    .array(z.object({ sku: z.string().max(40), quantity: z.int().min(1).max(99), price: z.int().min(0) }))
    .min(1)
    .max(50),
  email: z.email(),
  note: z.string().max(500).optional(),
})

/** The validation of one order. */
export function validation(): Validation<Validated> {
  return validate({ route: 'POST /orders', body: orderSchema }) as Validation<Validated>
}

/** All five, in the order the shop has them. */
export function policies(hosts: readonly string[], validated: Policy = validation()): readonly Policy[] {
  return [
    httpMetrics({ bodySizes: false, exemplars: false }),
    securityHeaders(),
    trustedOrigins({ hosts }),
    csrf({ development: false }),
    validated,
  ]
}
