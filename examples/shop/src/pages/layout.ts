import { html, type SafeHtml } from '@shop/security-middleware/encode'

import { stylesheet } from '../assets.ts'
import type { Shop } from '../shop.ts'
import type { Visit } from '../web.ts'

/** The frame of every page. */
export function layout(
  shop: Shop,
  visit: Pick<Visit, 'session' | 'query'>,
  title: string,
  content: SafeHtml,
): SafeHtml {
  const { session, query } = visit
  const sections = [...new Set(shop.categories.map(({ section }) => section))]
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title} · Hearth & Harbour</title>
        <link rel="stylesheet" href="${stylesheet.path}" />
        <link rel="icon" href="/assets/icon.svg" />
      </head>
      <body>
        <header class="top">
          <a class="brand" href="/">Hearth <i>&</i> Harbour</a>
          <form class="search" action="/search" role="search">
            <input
              type="search"
              name="q"
              value="${query['q']}"
              placeholder="Search 10,000 good things"
              aria-label="Search"
              maxlength="100"
            />
            <button>Search</button>
          </form>
          <nav class="me">
            ${session.staff && html`<a href="/dashboard">Dashboard</a><a href="/admin">Admin</a>`}
            ${session.customerId === undefined ? html`<a href="/login">Log in</a>` : html`<a href="/account">${session.name}</a>`}
            <a class="cart" href="/cart">Cart${session.cartCount > 0 && html` <b>${session.cartCount}</b>`}</a>
          </nav>
        </header>
        <nav class="sections">
          ${sections.map(
            (section) =>
              html`<div>
                <a href="/section/${section.toLowerCase()}">${section}</a>
                <span
                  >${shop.categories.filter((category) => category.section === section).map(({ slug, name }) => html`<a href="/c/${slug}">${name}</a>`)}</span
                >
              </div>`,
          )}
        </nav>
        <main>${content}</main>
        <footer>
          <p>
            <b>Hearth & Harbour</b> is an example shop. Nothing here can be bought, and nobody lives in its database.
          </p>
          <p>
            <a href="/orders">Your orders</a> <a href="/account">Your data</a> <a href="/search?sort=newest">New in</a>
          </p>
        </footer>
      </body>
    </html>`
}

/** A page that only says something. */
export const message = (title: string, sentence: string): SafeHtml =>
  html`<section class="message">
    <h1>${title}</h1>
    <p>${sentence}</p>
    <p><a class="button" href="/">Back to the shop</a></p>
  </section>`

/** A labelled field that shows again what was typed, and what is wrong with it. */
export function field(
  label: string,
  name: string,
  {
    value,
    error,
    type = 'text',
    autocomplete,
  }: { value?: string | undefined; error?: string | undefined; type?: string; autocomplete?: string },
): SafeHtml {
  return html`<label class="${error ? 'field wrong' : 'field'}">
    <span>${label}</span>
    <input
      type="${type}"
      name="${name}"
      value="${value}"
      required
      autocomplete="${autocomplete ?? 'off'}"
      aria-invalid="${error ? 'true' : 'false'}"
    />
    ${error && html`<em>${error}</em>`}
  </label>`
}

/** One of several pages to choose from; the current one says so. */
export const chip = (href: string, label: string, current: boolean): SafeHtml =>
  current ? html`<a href="${href}" aria-current="page">${label}</a>` : html`<a href="${href}">${label}</a>`
