import { expect, it, vi } from 'vitest'

import { sign } from '../payments/signature.ts'
import { accounts } from '../seed/customers.ts'
import type { OpenShop } from './open-shop.ts'

export function attackSpec(open: () => OpenShop): void {
  it.each([
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    [{ origin: 'https://evil.example', 'sec-fetch-site': '' }],
    [{ origin: 'null', 'sec-fetch-site': '' }],
  ])('refuses a form that another site sends: %j', async (headers) => {
    const victim = open().browser()
    await victim.post('/login', accounts.customer)
    for (const path of ['/account/erase', '/cart', '/checkout', '/logout']) {
      const { status, cause } = await victim.post(path, {}, headers)
      expect([path, status]).toEqual([path, 403])
      expect(cause).toMatch(/csrf|cross/)
    }
    expect((await victim.get('/account')).status).toBe(200)
  })

  it('takes SQL in a search as words', async () => {
    for (const payload of [
      "' or '1'='1",
      "' union select email, password_hash from customers --",
      '1; drop table orders',
    ])
      for (const name of ['q', 'max', 'sort', 'page']) {
        const { status, text } = await open()
          .browser()
          .get(`/search?${name}=${encodeURIComponent(payload)}`)
        expect(status).toBe(200)
        expect(text).not.toContain('scrypt$')
      }
    expect((await open().shop.db.row<{ n: number }>('select count(*) as n from orders'))!.n).toBeGreaterThanOrEqual(600)
  })

  it('refuses in the admin what it only watches in the shop', async () => {
    const payload = encodeURIComponent("' union select email, password_hash from customers --")
    const attacker = open().browser()
    expect((await attacker.get(`/search?q=${payload}`)).status).toBe(200)
    expect(await attacker.get(`/admin?customer=${payload}`)).toMatchObject({ status: 403, cause: 'suspicious-request' })
  })

  it('keeps what a review may have, and no more', async () => {
    const browser = open().browser()
    await browser.post('/login', accounts.customer)
    const product = /href="(\/products\/[^"]+)"/.exec((await browser.get('/search')).text)![1]!
    const body = '<p>Fits <b>well</b> &amp; lasts</p><script>steal()</script><p onclick="x()">Twice.</p>'
    await browser.post(`${product}/reviews`, { rating: '5', title: 'a < b', body })
    const { text } = await browser.get(product)
    expect(text).toContain('<p>Fits <b>well</b> &amp; lasts</p><p>Twice.</p>')
    expect(text).toContain('a &lt; b')
  })

  it('shows a script in a review as no script', async () => {
    const browser = open().browser()
    await browser.post('/login', accounts.customer)
    const product = /href="(\/products\/[^"]+)"/.exec((await browser.get('/search')).text)![1]!
    for (const payload of [
      '<script>alert(1)</script>',
      '<img src=x onerror=alert(1)>',
      '<a href="javascript:alert(1)">x</a>',
    ]) {
      await browser.post(`${product}/reviews`, { rating: '5', title: payload, body: payload })
      const { text } = await browser.get(product)
      expect(text).not.toContain(payload)
      expect(text).not.toMatch(/<script|<[^>]+onerror|href="javascript/)
    }
  })

  it('stops guessing passwords from one address, and says the same of unknown people and wrong passwords', async () => {
    const guesser = open().browser()
    const wrong = await guesser.post('/login', { email: accounts.customer.email, password: 'wrong' })
    const unknown = await guesser.post('/login', { email: 'ghost@shop.example', password: 'wrong' })
    expect(wrong.status).toBe(401)
    expect(unknown.text.replace('ghost', 'anna')).toBe(wrong.text)
    const seen = await Promise.all(
      Array.from({ length: 40 }, () => guesser.post('/login', { email: 'a@b.example', password: 'x' })),
    )
    expect(seen.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(30)
    expect((await open().browser().post('/login', accounts.customer)).status).toBe(303)
  })

  it('leads nobody away after a login', async () => {
    for (const next of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      const { location } = await open()
        .browser()
        .post(`/login?next=${encodeURIComponent(next)}`, accounts.customer)
      expect(location).toBe('/account')
    }
  })

  it('believes a webhook once, unaltered, signed and fresh', async () => {
    const browser = open().browser()
    const { db } = open().shop
    const { slug } = (await db.row<{ slug: string }>('select slug from products where stock > 50 limit 1'))!
    await browser.post('/cart', { product: slug, quantity: '1' })
    const placed = await browser.post('/checkout', {
      email: 'w@mail.example',
      name: 'Wim Webhook',
      phone: '+353 1 555 0100',
      address: '1 Mill Lane, Dublin',
    })
    const order = (await browser.post(placed.location!, { card: 'ok' })).location!
    await vi.waitFor(async () => expect((await browser.get(order)).text).toContain('status paid'), 20_000)
    const paidAt = async () => (await db.row('select paid_at from orders where id = $1', [order.split('/').at(-1)]))!
    const before = await paidAt()

    const { body, signature } = open().provider.deliveries.at(-1)!
    const send = async (payload: string, header: string) => {
      const response = await fetch(new URL('/webhooks/payment', open().url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': header },
        body: payload,
      })
      await response.arrayBuffer()
      return response.status
    }
    const secret = open().env['PAYMENT_WEBHOOK_SECRET']!
    const old = Math.floor(Date.now() / 1000) - 3_600
    expect(await send(body, signature)).toBe(200)
    expect(await send(body.replace('succeeded', 'succeedeD'), signature)).toBe(400)
    expect(await send(body, '')).toBe(400)
    expect(await send(body, sign(body, 'whsec_of_somebody_else'))).toBe(400)
    expect(await send(body, sign(body, secret, old))).toBe(400)
    expect(await paidAt()).toEqual(before)
  })

  it('does not take a payment of another amount', async () => {
    const { db } = open().shop
    const order = await db.row<{ id: number }>(
      `insert into orders (customer_id, total_cents) values (1, 5000) returning id`,
    )
    const body = JSON.stringify({
      id: 'evt_cheap',
      type: 'payment_intent.succeeded',
      api_version: '2025-09-30.clover',
      livemode: false,
      created: Math.floor(Date.now() / 1000),
      data: {
        object: {
          id: 'pi_cheap',
          amount: 1,
          currency: 'eur',
          status: 'succeeded',
          metadata: { order_id: String(order!.id) },
        },
      },
    })
    await fetch(new URL('/webhooks/payment', open().url), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'stripe-signature': sign(body, open().env['PAYMENT_WEBHOOK_SECRET']!),
      },
      body,
    })
    expect(await db.row('select status from orders where id = $1', [order!.id])).toEqual({ status: 'pending' })
  })

  it('refuses 10 MB', async () => {
    for (const path of ['/cart', '/checkout', '/login', '/webhooks/payment']) {
      const { status } = await open()
        .browser()
        .post(path, { product: 'x'.repeat(10_000_000) })
      // a server may close before all is sent; what it must not do is take it
      expect([path, [413, 0].includes(status)]).toEqual([path, true])
    }
    expect((await open().browser().get('/')).status).toBe(200)
  })
}
