import { orderPlaced, paymentTaken } from '@shop/audit'
import {
  expectPaymentIntent,
  SecurityError,
  type PaymentIntent,
  type StripeDelivery,
  type StripeEvent,
} from '@shop/security-middleware'

import { readCart, totalCents } from './cart.ts'
import { addGuest, updateContact, type Contact } from './customers.ts'
import { Refusal } from './refusal.ts'
import type { Session } from './session.ts'
import type { Shop } from './shop.ts'

/** Turns the cart into an order: its stock is taken, and nothing is paid yet. @returns the order's id */
export async function placeOrder(shop: Shop, session: Session, contact: Contact): Promise<number> {
  const id = await shop.db.transaction(async (tx) => {
    const lines = await readCart(tx, session.id)
    if (lines.length === 0) throw new Refusal(409, 'Your cart is empty.')
    const taken = await tx.rows(
      `update products p set stock = stock - i.quantity, sold = sold + i.quantity
       from (select * from cart_items where session_id = $1 order by product_id) i
       where p.id = i.product_id and p.stock >= i.quantity returning p.id`,
      [session.id],
    )
    if (taken.length < lines.length) throw new Refusal(409, 'Somebody was faster: part of your cart is sold out.')
    const customerId = session.customerId ?? (await addGuest(tx, contact))
    if (session.customerId !== undefined) await updateContact(tx, customerId, contact)
    const order = await tx.row<{ id: number }>(
      'insert into orders (customer_id, session_id, total_cents) values ($1, $2, $3) returning id',
      [customerId, session.id, totalCents(lines)],
    )
    await tx.rows(
      `insert into order_items (order_id, product_id, quantity, unit_cents)
       select $1, p.id, i.quantity, p.price_cents from cart_items i join products p on p.id = i.product_id
       where i.session_id = $2`,
      [order!.id, session.id],
    )
    await tx.rows('delete from cart_items where session_id = $1', [session.id])
    await shop.trail.audit.within(
      tx.client,
      orderPlaced(String(order!.id), { amountMinor: totalCents(lines), currency: 'EUR', items: lines.length }),
    )
    return order!.id
  })
  shop.metrics.orders.inc({ status: 'placed' })
  shop.log.info({ order: id }, 'order placed')
  return id
}

/**
 * The provider's page where an order is paid. The order is ours before the provider hears of it, so what fails here
 * leaves an unpaid order that can be paid later, never a payment without an order.
 */
export async function paymentPage(shop: Shop, id: number): Promise<string> {
  const order = await shop.db.row<{ amount: number; currency: string; email: string }>(
    `select o.total_cents as amount, o.currency, c.email from orders o join customers c on c.id = o.customer_id
     where o.id = $1 and o.status = 'pending'`,
    [id],
  )
  if (!order) throw new Refusal(409, 'This order is not waiting for a payment.')
  const payment = await shop.payments.begin({
    ...order,
    orderId: id,
    returnTo: `${shop.config.PUBLIC_URL}/orders/${id}`,
  })
  await shop.db.rows('update orders set payment_id = $2 where id = $1', [id, payment.id])
  return payment.url
}

/** An order that has just become paid. */
export interface PaidOrder {
  readonly id: number
  readonly customerId: number
  readonly totalCents: number
}

/**
 * Marks the order paid that a delivery tells of. The claim is part of the transaction, so a delivery that comes twice,
 * or to two processes at once, has one effect. @returns the order, when it became paid by this
 */
export async function applyPayment(
  { db, trail }: Pick<Shop, 'db' | 'trail'>,
  delivery: StripeDelivery,
): Promise<PaidOrder | undefined> {
  return db.transaction(async (tx) => {
    const { state } = await delivery.claim(tx.client)
    if (state === 'in-flight') throw new Refusal(409, 'This delivery is being handled.')
    if (state !== 'claimed' || delivery.event.type !== 'payment_intent.succeeded') return undefined
    const intent = delivery.event.data?.object as unknown as PaymentIntent | undefined
    const order = await tx.row<PaidOrder & { currency: string }>(
      `select id, customer_id as "customerId", total_cents as "totalCents", currency from orders
       where id = $1 and status = 'pending' for update`,
      [intent?.metadata?.['order_id']],
    )
    if (!order || !pays(delivery.event, order)) return undefined
    await tx.rows(`update orders set status = 'paid', paid_at = now() where id = $1`, [order.id])
    await trail.audit.within(
      tx.client,
      paymentTaken(
        String(order.id),
        { amountMinor: order.totalCents, currency: 'EUR', provider: 'stripe', reference: delivery.event.id },
        { actor: { type: 'service', id: 'payment-provider' } },
      ),
    )
    return order
  })
}

/** Whether it is this order's payment, to the cent; what is not is told on a channel, and sending it again would not help. */
function pays(event: StripeEvent, { totalCents: amount, currency }: PaidOrder & { currency: string }): boolean {
  try {
    expectPaymentIntent(event, { amount, currency })
    return true
  } catch (error) {
    if (error instanceof SecurityError && error.code === 'ERR_SHOP_SECURITY_PAYMENT_MISMATCH') return false
    throw error
  }
}
