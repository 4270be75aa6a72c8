import { html, type SafeHtml } from '@shop/security-middleware/encode'
import type { RecordedEvent, VerifyReport } from '@shop/audit'
import { valid, validate } from '@shop/security-middleware/validate'
import { z } from 'zod'

import { moveOrder, setStock } from '../admin.ts'
import { eraseCustomer, searchCustomers, type Customer } from '../customers.ts'
import { text } from '../form.ts'
import { price } from '../money.ts'
import { nextStatuses, recentOrders, statuses, type Status } from '../orders.ts'
import { requireStaff } from '../session.ts'
import type { Shop } from '../shop.ts'
import { recentEvents } from '../trail.ts'
import { get, page, post, redirect, type Route } from '../web.ts'
import { chip, layout } from './layout.ts'
import { status } from './orders.ts'

const move = validate({ body: z.object({ order: z.coerce.number().int().positive(), to: z.enum(statuses) }) })
const stock = validate({
  body: z.object({ product: text('The product', 1, 100), stock: z.coerce.number().int().min(0).max(100_000) }),
})
const erasure = validate({ body: z.object({ customer: z.coerce.number().int().positive() }) })
const filter = z.object({
  status: z.enum(statuses).optional().catch(undefined),
  customer: z.string().max(100).catch(''),
})

export const adminRoutes = (shop: Shop): Route[] =>
  staffOnly([
    get('/admin', async (visit) => {
      const { status: only, customer } = filter.parse(visit.query)
      const [orders, customers] = await Promise.all([
        recentOrders(shop.db, only),
        customer === '' ? [] : searchCustomers(shop.db, customer),
      ])
      const content = html` <h1>Admin</h1>
        <div class="columns even">
          <section class="panel">
            <h3>Find a customer</h3>
            <form class="inline">
              <input name="customer" value="${customer}" placeholder="Phone number or e-mail" /><button class="quiet">
                Find
              </button>
            </form>
            ${customer !== '' && (customers.length === 0 ? html`<p class="empty">Nobody.</p>` : customers.map(customerPanel))}
          </section>
          <section class="panel">
            <h3>Stock</h3>
            <form class="inline" method="post" action="/admin/stock">
              <input name="product" placeholder="linden-oak-lamp-17" required /><input
                type="number"
                name="stock"
                min="0"
                required
                aria-label="Stock"
              /><button class="quiet">Set</button>
            </form>
          </section>
        </div>
        <h2>Orders</h2>
        <p class="chips"><a href="/admin">all</a>${statuses.map((one) => chip(`?status=${one}`, one, one === only))}</p>
        <table class="rows">
          ${orders.map(
            (order) =>
              html`<tr>
                <td><a href="/orders/${order.id}">${order.id}</a></td>
                <td>${order.createdAt.toISOString().slice(0, 16).replace('T', ' ')}</td>
                <td>${order.customer}</td>
                <td>${status(order)}</td>
                <td class="number">${price(order.totalCents)}</td>
                <td>${moves(order.id, nextStatuses[order.status])}</td>
              </tr>`,
          )}
        </table>`
      return page(layout(shop, visit, 'Admin', content))
    }),

    get('/admin/trail', async (visit) => {
      const [events, report] = await Promise.all([recentEvents(shop.db), shop.trail.verify()])
      return page(layout(shop, visit, 'Trail', trailPage(events, report)))
    }),

    post(
      '/admin/orders',
      async (visit) => {
        const { order, to } = valid(visit.raw, move).body
        await moveOrder(shop, order, to)
        return redirect('/admin')
      },
      move,
    ),

    post(
      '/admin/stock',
      async (visit) => {
        const { product, stock: number } = valid(visit.raw, stock).body
        await setStock(shop, product, number)
        return redirect(`/products/${product}`)
      },
      stock,
    ),

    post(
      '/admin/erase',
      async (visit) => {
        await eraseCustomer(shop, valid(visit.raw, erasure).body.customer)
        return redirect('/admin')
      },
      erasure,
    ),
  ])

/** Checked in one place, so that no admin route can forget it. */
const staffOnly = (all: readonly Route[]): Route[] =>
  all.map((route) => ({
    ...route,
    handle: (visit) => {
      requireStaff(visit.session)
      return route.handle(visit)
    },
  }))

const moves = (order: number, to: readonly Status[]): SafeHtml =>
  html`<form class="inline" method="post" action="/admin/orders">
    <input type="hidden" name="order" value="${order}" />
    ${to.map((one) => html`<button class="quiet" name="to" value="${one}">${one}</button>`)}
  </form>`

const customerPanel = ({ id, name, email, phone, address }: Customer): SafeHtml =>
  html` <p class="row"><b>${name}</b><span>${email}</span></p>
    <p class="row"><span>${phone}</span><span>${address}</span></p>
    <form method="post" action="/admin/erase">
      <input type="hidden" name="customer" value="${id}" /><button class="danger">Erase</button>
    </form>`

const trailPage = (events: readonly RecordedEvent[], { ok, size, found, seconds }: VerifyReport): SafeHtml =>
  html` <h1>Who did what</h1>
    <p class="${ok ? 'up' : 'down'}">
      ${
        ok
          ? `${size.toLocaleString('en')} events verified in ${seconds.toFixed(2)} s: nothing altered, added or removed.`
          : `${found} things do not agree: the trail was altered.`
      }
    </p>
    <table class="rows">
      ${events.map(
        ({ time, action, actor, targets, outcome }) =>
          html`<tr>
            <td>${time.slice(0, 19).replace('T', ' ')}</td>
            <td>${action}</td>
            <td>${actor && `${actor.type} ${actor.id.slice(0, 8)}`}</td>
            <td>${targets?.map(({ type, id }) => `${type} ${id}`).join(', ')}</td>
            <td>${outcome}</td>
          </tr>`,
      )}
    </table>`
