import { html, type SafeHtml } from '@shop/security-middleware/encode'

import { art } from '../art.ts'
import { price } from '../money.ts'
import { findOrder, orderLines, ordersOf, type Order } from '../orders.ts'
import { Refusal } from '../refusal.ts'
import { requireCustomer } from '../session.ts'
import type { Shop } from '../shop.ts'
import { get, page, post, type Route, type Visit } from '../web.ts'
import { pay } from './checkout.ts'
import { layout } from './layout.ts'

export const orderRoutes = (shop: Shop): Route[] => [
  get('/orders', async (visit) => {
    const orders = await ordersOf(shop.db, requireCustomer(visit.session))
    const content = html`<h1>Your orders</h1>
      ${orders.length === 0 ? html`<p class="empty">None yet.</p>` : orderTable(orders)}`
    return page(layout(shop, visit, 'Your orders', content))
  }),

  get('/orders/:id', async (visit) => {
    const order = await ownOrder(shop, visit)
    const lines = await orderLines(shop.db, order.id)
    const content = html`<h1>Order ${order.id}</h1>
      <p>${status(order)} ${explain(order)}</p>
      ${order.status === 'pending' && html`<form method="post" action="/orders/${order.id}/pay"><button>Pay now</button></form>`}
      <table class="lines">
        ${lines.map(
          ({ slug, name, art: kind, hue, quantity, unitCents }) =>
            html`<tr>
              <td class="thumb">${art(kind, hue)}</td>
              <td><a href="/products/${slug}">${name}</a></td>
              <td>${quantity} × ${price(unitCents)}</td>
              <td>${price(quantity * unitCents)}</td>
            </tr>`,
        )}
        <tr class="total">
          <td colspan="3">Total</td>
          <td>${price(order.totalCents)}</td>
        </tr>
      </table>`
    return page(layout(shop, visit, `Order ${order.id}`, content))
  }),

  post('/orders/:id/pay', async (visit) => pay(shop, (await ownOrder(shop, visit)).id)),
]

async function ownOrder(shop: Shop, { params, session }: Visit): Promise<Order> {
  const id = Number(params['id'])
  const order = Number.isSafeInteger(id) ? await findOrder(shop.db, id, session) : undefined
  if (order) return order
  throw new Refusal(404, 'There is no such order, or it is not yours.')
}

export const status = (order: Pick<Order, 'status'>): SafeHtml =>
  html`<span class="status ${order.status}">${order.status}</span>`

const explain = ({ status: is, createdAt }: Order): string =>
  is === 'pending'
    ? 'Not paid yet. If you have just paid, reload in a moment.'
    : `Placed on ${createdAt.toISOString().slice(0, 10)}.`

const orderTable = (orders: readonly Order[]): SafeHtml =>
  html`<table class="rows">
    ${orders.map(
      (order) =>
        html`<tr>
          <td><a href="/orders/${order.id}">Order ${order.id}</a></td>
          <td>${order.createdAt.toISOString().slice(0, 10)}</td>
          <td>${status(order)}</td>
          <td class="number">${price(order.totalCents)}</td>
        </tr>`,
    )}
  </table>`
