import { SecurityError } from '@shop/security-middleware'
import { dangerouslySetHtml, html, type SafeHtml } from '@shop/security-middleware/encode'
import type { HtmlSanitizer, SanitizedHtml } from '@shop/security-middleware/sanitize'
import { valid, validate } from '@shop/security-middleware/validate'
import { z } from 'zod'

import { art } from '../art.ts'
import { boughtTogether, findProduct, frontPage, listProducts, type Category, type Listing } from '../catalogue.ts'
import { text } from '../form.ts'
import { price } from '../money.ts'
import { Refusal } from '../refusal.ts'
import { addReview, listReviews } from '../reviews.ts'
import { requireCustomer } from '../session.ts'
import type { Shop } from '../shop.ts'
import { get, page, post, redirect, type Reply, type Route, type Visit } from '../web.ts'
import { chip, layout } from './layout.ts'
import { productGrid, stars } from './product-card.ts'

/** A query that makes no sense shows the first page rather than an error. */
const filters = z.object({
  q: z.string().trim().max(100).catch(''),
  max: z.coerce.number().int().min(1).max(100_000).optional().catch(undefined),
  sort: z.enum(['popular', 'rating', 'cheapest', 'newest']).catch('popular'),
  page: z.coerce.number().int().min(1).max(50).catch(1),
})

const review = validate({
  body: z.object({
    rating: z.coerce.number().int().min(1, 'Give one to five stars.').max(5, 'Give one to five stars.'),
    title: text('The title', 1, 80),
    body: text('The review', 1, 4_000),
  }),
})

export const catalogueRoutes = (shop: Shop): Route[] => [
  get('/', async (visit) => {
    const { popular, loved } = await frontPage(shop.db, shop.cache)
    return page(layout(shop, visit, 'Good things for home and away', home(shop.categories, popular, loved)))
  }),

  get('/section/:section', (visit) => {
    const categories = shop.categories.filter(({ section }) => section.toLowerCase() === visit.params['section'])
    if (!categories[0]) throw new Refusal(404, 'There is no such section.')
    return listing(shop, visit, categories[0].section, { section: categories[0].section }, categories)
  }),

  get('/c/:category', (visit) => {
    const category = shop.categories.find(({ slug }) => slug === visit.params['category'])
    if (!category) throw new Refusal(404, 'There is no such category.')
    const siblings = shop.categories.filter(({ section }) => section === category.section)
    return listing(shop, visit, category.name, { category: category.slug }, siblings)
  }),

  get('/search', (visit) => {
    const words = filters.parse(visit.query).q
    return listing(shop, visit, words ? `“${words}”` : 'Everything', { words }, [])
  }),

  get('/products/:slug', async (visit) => {
    const product = await findProduct(shop.db, visit.params['slug'] ?? '')
    if (!product) throw new Refusal(404, 'This product is not sold any more.')
    const [reviews, together] = await Promise.all([
      listReviews(shop.db, product.id),
      boughtTogether(shop.db, product.id),
    ])
    const content = html` <article class="product">
        ${art(product.art, product.hue, product.name)}
        <div>
          <p class="crumbs"><a href="/c/${product.categorySlug}">${product.category}</a> · ${product.brand}</p>
          <h1>${product.name}</h1>
          <p>${stars(product.rating, product.reviews)}</p>
          <p class="price">${price(product.priceCents)} <small>including VAT</small></p>
          <p class="lead">${product.description}</p>
          ${
            product.stock > 0
              ? html`<form class="buy" method="post" action="/cart">
                  <input type="hidden" name="product" value="${product.slug}" />
                  <input type="number" name="quantity" value="1" min="1" max="99" aria-label="Quantity" />
                  <button>Add to cart</button>
                </form>`
              : html`<p class="tag">Sold out</p>`
          }
          <p class="fine">
            ${product.stock > 20 ? 'In stock' : `${product.stock} in stock`} · delivered in two days · thirty days to
            return
          </p>
        </div>
      </article>
      ${
        together.length > 0 &&
        html`<h2>Often bought together</h2>
          ${productGrid(together)}`
      }
      <section class="reviews">
        <h2>Reviews</h2>
        ${reviews.map(
          ({ author, rating, title, body, createdAt }) =>
            html`<article>
              ${stars(rating)} <b>${title}</b>
              <div>${dangerouslySetHtml(body)}</div>
              <small>${author}, ${createdAt.toISOString().slice(0, 10)}</small>
            </article>`,
        )}
        ${visit.session.customerId === undefined ? html`<p><a href="/login?next=${visit.path}">Log in</a> to write a review.</p>` : reviewForm(visit.path)}
      </section>`
    return page(layout(shop, visit, product.name, content))
  }),

  post(
    '/products/:slug/reviews',
    async (visit) => {
      const customerId = requireCustomer(visit.session)
      const product = await findProduct(shop.db, visit.params['slug'] ?? '')
      if (!product) throw new Refusal(404, 'This product is not sold any more.')
      const fields = valid(visit.raw, review).body
      const { html: body } = await harmless(shop.markup, fields.body)
      await addReview(shop.db, { ...fields, body, productId: product.id, customerId, author: visit.session.name ?? '' })
      return redirect(`/products/${product.slug}`)
    },
    review,
  ),
]

async function harmless(markup: HtmlSanitizer, given: string): Promise<SanitizedHtml> {
  try {
    return await markup.sanitize(given)
  } catch (error) {
    if (error instanceof SecurityError) throw new Refusal(422, 'This review has more markup in it than a review needs.')
    throw error
  }
}

async function listing(
  shop: Shop,
  visit: Visit,
  title: string,
  where: Listing,
  siblings: readonly Category[],
): Promise<Reply> {
  const { max, sort, page: number, q } = filters.parse(visit.query)
  const { products, more } = await listProducts(shop.db, {
    ...where,
    sort,
    page: number,
    maxCents: max === undefined ? undefined : max * 100,
  })
  const turnTo = (other: number) => {
    const kept = Object.entries({ q, max, sort, page: other }).filter(
      ([, value]) => value !== undefined && value !== '',
    )
    return `?${new URLSearchParams(kept.map(([name, value]) => [name, String(value)] as [string, string])).toString()}`
  }
  const content = html` <div class="heading">
      <h1>${title}</h1>
      <form class="filters">
        ${q && html`<input type="hidden" name="q" value="${q}" />`}
        <label>Up to € <input type="number" name="max" value="${max}" min="1" /></label>
        <label>
          Sort
          <select name="sort">
            ${filters.shape.sort.unwrap().options.map((one) => (one === sort ? html`<option selected>${one}</option>` : html`<option>${one}</option>`))}
          </select>
        </label>
        <button class="quiet">Show</button>
      </form>
    </div>
    <p class="chips">${siblings.map(({ slug, name }) => chip(`/c/${slug}`, name, slug === where.category))}</p>
    ${products.length === 0 ? html`<p class="empty">Nothing here answers to that. Try fewer words.</p>` : productGrid(products)}
    <nav class="pages">
      ${number > 1 && html`<a href="${turnTo(number - 1)}">← Back</a>`}
      ${more && html`<a href="${turnTo(number + 1)}">More →</a>`}
    </nav>`
  return page(layout(shop, visit, title, content))
}

const home = (
  categories: readonly Category[],
  popular: Parameters<typeof productGrid>[0],
  loved: typeof popular,
): SafeHtml =>
  html` <section class="hero">
      <div>
        <h1>Made slowly.<br />Used daily.</h1>
        <p>
          Ten thousand things for the kitchen table, the reading chair and the trail — from forty workshops we know by
          name.
        </p>
        <p>
          <a class="button" href="/section/kitchen">Start in the kitchen</a>
          <a class="button quiet" href="/section/outdoors">Go outside</a>
        </p>
      </div>
      <div class="collage">
        ${categories.slice(0, 6).map(({ art: kind, slug, name }, i) => html`<a href="/c/${slug}">${art(kind, [28, 150, 205, 340, 55, 265][i] ?? 0, name)}</a>`)}
      </div>
    </section>
    <h2>Everybody’s favourites</h2>
    ${productGrid(popular)}
    <h2>Best reviewed</h2>
    ${productGrid(loved)}`

const reviewForm = (path: string): SafeHtml =>
  html` <form class="stack" method="post" action="${path}/reviews">
    <h3>Write a review</h3>
    <label class="field"
      ><span>Stars</span
      ><select name="rating">
        ${[5, 4, 3, 2, 1].map((n) => html`<option>${n}</option>`)}
      </select></label
    >
    <label class="field"><span>Title</span><input name="title" required maxlength="80" /></label>
    <label class="field"><span>Review</span><textarea name="body" required maxlength="4000" rows="4"></textarea></label>
    <button>Send</button>
  </form>`
