import { createBrowser, type Browser, type Seen } from './browser.ts'
import type { Tally } from './tally.ts'

const searches = [
  'oak lamp',
  'wool',
  'teapot',
  'chef’s knife',
  'canvas backpack',
  'merino socks',
  'walnut',
  'kite',
  'linen shirt',
]

/**
 * Visits in the proportions of a real shop: nearly half leave after a page, a third search, one in ten fills a cart,
 * and a third of those buy.
 */
export async function shop(
  origin: string,
  tally: Tally,
  { visits, atOnce = 8, random = Math.random }: { visits: number; atOnce?: number; random?: () => number },
): Promise<{ paid: number }> {
  let begun = 0
  let paid = 0
  const worker = async () => {
    while (begun < visits) {
      const number = begun++
      if (await visit(createBrowser(origin, `198.51.100.${number % 250}`), tally, random)) paid++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { paid }
}

/** One visit, from the front page to wherever it ends; true when something was bought and paid. */
async function visit(browser: Browser, tally: Tally, random: () => number): Promise<boolean> {
  const chance = (part: number) => random() < part
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const get = async (what: string, path: string) => note(tally, what, await browser.get(path))
  const post = async (what: string, path: string, fields: Record<string, string>) =>
    note(tally, what, await browser.post(path, fields))

  const front = await get('front page', '/')
  if (chance(0.45)) return false

  const listing = chance(0.35)
    ? await get('search', `/search?q=${encodeURIComponent(pick(searches) ?? '')}`)
    : await get('category', pick(links(front, '/c/')) ?? '/')
  let product: string | undefined
  for (let i = 0; i < 1 + Math.floor(random() * 4); i++) {
    product = pick(links(listing, '/products/'))
    if (product !== undefined) await get('product', product)
  }
  if (product === undefined || !chance(0.2)) return false

  await post('add to cart', '/cart', {
    product: product.slice('/products/'.length),
    quantity: String(chance(0.8) ? 1 : 2),
  })
  await get('cart', '/cart')
  if (!chance(0.4)) return false

  await get('checkout', '/checkout')
  const placed = await post('place order', '/checkout', {
    email: `visitor-${Math.floor(random() * 1e9)}@mail.example`,
    name: 'Vera Visitor',
    phone: `+353 1 ${Math.floor(1_000_000 + random() * 8_999_999)}`,
    address: '12 Quay Side, D02 Dublin',
  })
  if (placed.status !== 303 || placed.location === undefined) return false
  const pays = chance(0.9)
  const returned = await browser.post(placed.location, { card: pays ? 'ok' : 'declined' })
  return pays && returned.location !== undefined && (await becomesPaid(browser, tally, returned.location))
}

/** The customer reloads the order until the webhook has come. */
async function becomesPaid(browser: Browser, tally: Tally, order: string): Promise<boolean> {
  for (let i = 0; i < 40; i++) {
    const seen = await browser.get(order)
    if (i === 0) note(tally, 'order', seen)
    if (seen.text.includes('status paid')) return true
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return false
}

function note(tally: Tally, what: string, seen: Seen): Seen {
  tally.add(what, seen.status, seen.cause)
  return seen
}

const links = ({ text }: Seen, under: string): string[] =>
  [...text.matchAll(/href="([^"]+)"/g)].map(([, href]) => href!).filter((href) => href.startsWith(under))
