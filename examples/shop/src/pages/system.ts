import { applyPayment, type PaymentEvent } from '../checkout.ts'
import { findCustomer } from '../customers.ts'
import { webhookSignature } from '../policies/webhook-signature.ts'
import type { Shop } from '../shop.ts'
import { get, json, post, type Route } from '../web.ts'

/** What machines ask for. */
export const systemRoutes = (shop: Shop): Route[] => [
  get('/health', async () => {
    await shop.db.row('select 1')
    return json({ status: 'ok' })
  }),

  post(
    '/webhooks/payment',
    async (visit) => {
      const order = await applyPayment(shop.db, visit.body as PaymentEvent)
      if (!order) return json({ received: true, applied: false })
      const customer = await findCustomer(shop.db, order.customerId)
      // a letter that cannot be sent is no reason to have the payment told again
      if (customer) void shop.mailer.orderPaid(customer.email, order).catch(console.error)
      return json({ received: true, applied: true })
    },
    webhookSignature(shop.config.PAYMENT_WEBHOOK_SECRET),
  ),
]
