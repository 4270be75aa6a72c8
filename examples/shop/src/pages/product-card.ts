import { html, type SafeHtml } from '@shop/security-middleware/encode'

import { art } from '../art.ts'
import type { Product } from '../catalogue.ts'
import { price } from '../money.ts'

export const productCard = (product: Product): SafeHtml =>
  html`<li class="card">
    <a href="/products/${product.slug}">
      ${art(product.art, product.hue, product.name)}
      <small>${product.brand}</small>
      <b>${product.name}</b>
      ${stars(product.rating, product.reviews)}
      <span class="price">${price(product.priceCents)}</span>
      ${product.stock === 0 ? html`<i class="tag">Sold out</i>` : product.stock < 5 && html`<i class="tag">Only ${product.stock} left</i>`}
    </a>
  </li>`

export const productGrid = (products: readonly Product[]): SafeHtml =>
  html`<ul class="grid">
    ${products.map(productCard)}
  </ul>`

/** ★★★★☆ (128) */
export function stars(rating: number, count?: number): SafeHtml {
  const full = Math.round(rating)
  return html`<span class="stars" role="img" aria-label="${rating.toFixed(1)} of 5">
    ${'★'.repeat(full)}<s>${'★'.repeat(5 - full)}</s>${count !== undefined && html` <small>${count}</small>`}
  </span>`
}
