import { readCart, totalCents } from './cart.ts'
import { addGuest, updateContact, type Contact } from './customers.ts'
import type { Database } from './database.ts'
import { Refusal } from './refusal.ts'
import type { Session } from './session.ts'
import type { Shop } from './shop.ts'

/**
 * Turns the cart into an order and answers with the provider's payment page.
 * The order and its stock are ours before the provider hears of it: what fails there leaves an unpaid order, never a
 * payment without one.
 */
export async function placeOrder(shop: Shop, session: Session, contact: Contact): Promise<string> {
  const { orderId, total } = await shop.db.transaction(async (tx) => {
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
    return { orderId: order!.id, total: totalCents(lines) }
  })
  const payment = await shop.payments.begin({
    orderId,
    amount: total,
    currency: 'eur',
    email: contact.email,
    returnTo: `${shop.config.PUBLIC_URL}/orders/${orderId}`,
  })
  await shop.db.rows('update orders set payment_id = $2 where id = $1', [orderId, payment.id])
  return payment.url
}

/** What the provider says of a payment. */
export interface PaymentEvent {
  readonly id: string
  readonly type: string
  readonly data: { readonly object: PaymentObject }
}

interface PaymentObject {
  readonly id: string
  readonly amount: number
  readonly currency: string
  readonly status: string
  readonly metadata: { readonly order_id?: string }
}

/** Marks the order paid, once per event however often it is delivered. @returns the order, when it became paid by this */
export async function applyPayment(db: Database, event: PaymentEvent): Promise<PaidOrder | undefined> {
  if (event.type !== 'payment_intent.succeeded') return undefined
  const { amount, currency, metadata } = event.data.object
  return db.transaction(async (tx) => {
    const fresh = await tx.row(
      'insert into payment_events (id, type) values ($1, $2) on conflict do nothing returning id',
      [event.id, event.type],
    )
    if (!fresh) return undefined
    return tx.row<PaidOrder>(
      `update orders set status = 'paid', paid_at = now()
       where id = $1 and status = 'pending' and total_cents = $2 and currency = $3
       returning id, customer_id as "customerId", total_cents as "totalCents"`,
      [metadata.order_id, amount, currency],
    )
  })
}

interface PaidOrder {
  readonly id: number
  readonly customerId: number
  readonly totalCents: number
}
