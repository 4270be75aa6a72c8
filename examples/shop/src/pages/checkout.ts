import { html, type SafeHtml } from '@shop/security-middleware/encode'
import { z } from 'zod'

import { readCart, totalCents } from '../cart.ts'
import { paymentPage, placeOrder } from '../checkout.ts'
import { findCustomer } from '../customers.ts'
import { email, phone, readForm, text, typed } from '../form.ts'
import { price } from '../money.ts'
import { Refusal } from '../refusal.ts'
import type { Shop } from '../shop.ts'
import { get, page, post, redirect, type Reply, type Route, type Visit } from '../web.ts'
import { field, layout } from './layout.ts'

/** Shared by the checkout and the account. */
export const contact = z.object({
  email: email(),
  name: text('The name', 2, 100),
  phone: phone(),
  address: text('The address', 8, 300),
})

export const checkoutRoutes = (shop: Shop): Route[] => [
  get('/checkout', async (visit) => {
    const { customerId } = visit.session
    const known = customerId === undefined ? undefined : await findCustomer(shop.db, customerId)
    return known
      ? form(shop, visit, { email: known.email, name: known.name, phone: known.phone, address: known.address })
      : form(shop, visit, {})
  }),

  post('/checkout', async (visit) => {
    const submitted = readForm(contact, visit.body)
    if (!submitted.ok) return form(shop, visit, typed(visit.body), submitted.errors)
    return pay(shop, await placeOrder(shop, visit.session, submitted.data))
  }),
]

/** On to the provider's page; while it cannot be reached, to the order, which can be paid from there later. */
export async function pay(shop: Shop, order: number): Promise<Reply> {
  try {
    return redirect(await paymentPage(shop, order))
  } catch (error) {
    if (error instanceof Refusal) throw error
    shop.log.error({ err: error, order }, 'an order cannot be paid at the moment')
    return redirect(`/orders/${order}`)
  }
}

async function form(
  shop: Shop,
  visit: Visit,
  values: Readonly<Record<string, string>>,
  errors: Readonly<Record<string, string>> = {},
) {
  const lines = await readCart(shop.db, visit.session.id)
  if (lines.length === 0) return redirect('/cart')
  const content = html`<h1>Check out</h1>
    <div class="columns">
      <form class="stack" method="post" action="/checkout">
        ${contactFields(values, errors)}
        <button>Pay ${price(totalCents(lines))}</button>
        <p class="fine">You pay on the payment provider’s page. We never see your card.</p>
      </form>
      <aside class="panel">
        <h3>Your order</h3>
        ${lines.map(({ name, quantity, unitCents }) => html`<p class="row"><span>${quantity} × ${name}</span><b>${price(unitCents * quantity)}</b></p>`)}
        <p class="row total"><span>Total</span><b>${price(totalCents(lines))}</b></p>
      </aside>
    </div>`
  return page(layout(shop, visit, 'Check out', content), Object.keys(errors).length > 0 ? 422 : 200)
}

export const contactFields = (
  values: Readonly<Record<string, string>>,
  errors: Readonly<Record<string, string>>,
): SafeHtml =>
  html` ${field('E-mail', 'email', { type: 'email', value: values['email'], error: errors['email'], autocomplete: 'email' })}
  ${field('Name', 'name', { value: values['name'], error: errors['name'], autocomplete: 'name' })}
  ${field('Phone', 'phone', { type: 'tel', value: values['phone'], error: errors['phone'], autocomplete: 'tel' })}
  ${field('Address', 'address', { value: values['address'], error: errors['address'], autocomplete: 'street-address' })}`
