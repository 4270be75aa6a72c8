import { html, type SafeHtml } from '@shop/security-middleware/encode'
import { valid, validate } from '@shop/security-middleware/validate'
import { z } from 'zod'

import { art } from '../art.ts'
import { addToCart, readCart, setQuantity, totalCents, type CartLine } from '../cart.ts'
import { quantity, text } from '../form.ts'
import { price } from '../money.ts'
import { beginSession } from '../session.ts'
import type { Shop } from '../shop.ts'
import { get, page, post, redirect, type Route } from '../web.ts'
import { layout } from './layout.ts'

const line = validate({ body: z.object({ product: text('The product', 1, 100), quantity: quantity() }) })

export const cartRoutes = (shop: Shop): Route[] => [
  get('/cart', async (visit) => {
    const lines = await readCart(shop.db, visit.session.id)
    const content =
      lines.length === 0
        ? html`<h1>Your cart</h1>
            <p class="empty">It is empty. <a href="/">Look around</a>.</p>`
        : html`<h1>Your cart</h1>
            <table class="lines">
              ${lines.map(cartLine)}
              <tr class="total">
                <td colspan="3">Total</td>
                <td>${price(totalCents(lines))}</td>
              </tr>
            </table>
            <p class="end"><a class="button" href="/checkout">Check out</a></p>`
    return page(layout(shop, visit, 'Your cart', content))
  }),

  post(
    '/cart',
    async (visit) => {
      const { product, quantity: number } = valid(visit.raw, line).body
      const known = visit.session.id
      const { id, cookie } = known === undefined ? await beginSession(shop.db) : { id: known, cookie: undefined }
      await addToCart(shop.db, id, product, Math.max(1, number))
      return redirect('/cart', cookie === undefined ? {} : { 'set-cookie': cookie })
    },
    line,
  ),

  post(
    '/cart/quantity',
    async (visit) => {
      const { product, quantity: number } = valid(visit.raw, line).body
      if (visit.session.id !== undefined) await setQuantity(shop.db, visit.session.id, product, number)
      return redirect('/cart')
    },
    line,
  ),
]

const cartLine = ({ slug, name, art: kind, hue, unitCents, quantity: number, stock }: CartLine): SafeHtml =>
  html`<tr>
    <td class="thumb">${art(kind, hue)}</td>
    <td>
      <a href="/products/${slug}">${name}</a>
      ${stock < number && html`<em class="warn">only ${stock} left</em>`}
    </td>
    <td>
      <form class="inline" method="post" action="/cart/quantity">
        <input type="hidden" name="product" value="${slug}" />
        <input type="number" name="quantity" value="${number}" min="0" max="99" aria-label="Quantity" />
        <button class="quiet">Update</button>
      </form>
    </td>
    <td>${price(unitCents * number)}</td>
  </tr>`
