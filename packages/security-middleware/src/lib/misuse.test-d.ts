// What must not compile: every line below its comment is a mistake that a reader could make.
import { z } from 'zod'

import {
  constantWork,
  csrf,
  expectPaymentIntent,
  memoryStore,
  respondAt,
  safeEqual,
  securityHeaders,
  stripeWebhook,
  trustedOrigins,
  type StripeEvent,
} from '../index.ts'
import { valid, validate } from '../validate.ts'

// @ts-expect-error a preset that does not exist
securityHeaders({ presets: ['paypal'] })
// @ts-expect-error a directive that does not exist
securityHeaders({ csp: { 'image-src': [] } })
// @ts-expect-error a feature that does not exist
securityHeaders({ permissions: { camara: [] } })
// @ts-expect-error an origin without a scheme
securityHeaders({ permissions: { camera: ['shop.example'] } })
// @ts-expect-error helmet's own policy is off: csp is the option
securityHeaders({ helmet: { contentSecurityPolicy: false } })
// @ts-expect-error the exception is named for what it is
csrf({ bypass: ['/webhooks'] })
// @ts-expect-error a token is bound to a session
csrf({ token: { secrets: ['x'] } })
// @ts-expect-error hosts are not optional
trustedOrigins({})
// @ts-expect-error a duration has a unit
respondAt('250')
// @ts-expect-error numbers are not compared
safeEqual(1, 1)
// @ts-expect-error the mode is not optional
stripeWebhook({ secrets: { current: 'whsec_x' }, store: memoryStore() })
// @ts-expect-error secrets have names
stripeWebhook({ secrets: ['whsec_x'], livemode: true, store: memoryStore() })
declare const event: StripeEvent
// @ts-expect-error an amount is a number of minor units
expectPaymentIntent(event, { amount: '19.99', currency: 'EUR' })

const order = validate({ body: z.object({ sku: z.string() }), limits: { depth: 5 } })
valid({}, order).body.sku satisfies string
// @ts-expect-error the schema has no such member
void valid({}, order).body.price
// @ts-expect-error a part without a schema is undefined
void valid({}, order).query.page
// @ts-expect-error no schema at all
validate({ body: { sku: 'string' } })

const verify = constantWork((hash: Buffer, password: string) => hash.includes(password), Buffer.alloc(1))
// @ts-expect-error the dummy, and what is stored, are of the type that is checked
void verify('hash', 'password')
