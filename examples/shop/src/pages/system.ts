import { stripeDelivery } from '@shop/security-middleware'

import { applyPayment, type PaidOrder } from '../checkout.ts'
import { findCustomer } from '../customers.ts'
import type { Shop } from '../shop.ts'
import { get, json, post, type Route } from '../web.ts'
import { webhookPath } from '../webhook.ts'

/** What machines ask for. */
export const systemRoutes = (shop: Shop): Route[] => [
  get('/health', async () => {
    await shop.db.row('select 1')
    return json({ status: 'ok' })
  }),

  post(webhookPath, async (visit) => {
    const order = await applyPayment(shop, stripeDelivery(visit.raw))
    if (order) await thank(shop, order)
    return json({ received: true, applied: order !== undefined })
  }),
]

async function thank({ db, mailer, metrics, log }: Shop, order: PaidOrder): Promise<void> {
  metrics.orders.inc({ status: 'paid' })
  metrics.orderValue.observe({ currency: 'EUR' }, order.totalCents / 100)
  const customer = await findCustomer(db, order.customerId)
  if (!customer) return
  // a letter that cannot be sent is no reason to have the payment told again
  mailer.orderPaid(customer.email, order).then(
    () => metrics.emails.inc({ template: 'order-paid', outcome: 'sent' }),
    (error: unknown) => {
      metrics.emails.inc({ template: 'order-paid', outcome: 'failed' })
      log.error({ err: error, order: order.id }, 'a letter could not be sent')
    },
  )
}
