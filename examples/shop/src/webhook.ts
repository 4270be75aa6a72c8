import type { Policy } from '@shop/middleware'
import { stripeWebhook } from '@shop/security-middleware'
import { postgresStore, type PostgresStore } from '@shop/security-middleware/postgres'
import type pg from 'pg'

import type { Config } from './config.ts'

/** Where the payment provider tells of payments. */
export const webhookPath = '/webhooks/payment'

/** Which deliveries have been handled; its tables stand beside the shop's own. */
export async function createDeliveries(pool: pg.Pool): Promise<PostgresStore> {
  const store = postgresStore({ pool })
  await store.migrate()
  return store
}

/** Lets through what the provider has signed, lately and for this shop; the handler claims it in its own transaction. */
export const paymentWebhook = (config: Config, store: PostgresStore): Policy =>
  stripeWebhook({
    path: webhookPath,
    secrets: { current: config.PAYMENT_WEBHOOK_SECRET },
    livemode: false,
    store,
    claimIn: 'handler',
  })
