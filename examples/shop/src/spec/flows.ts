import { expect, it, vi } from 'vitest'

import { accounts } from '../seed/customers.ts'
import type { Browser } from '../traffic/browser.ts'
import type { OpenShop } from './open-shop.ts'

const contact = {
  email: 'vera@mail.example',
  name: 'Vera Visitor',
  phone: '+353 1 555 0199',
  address: '12 Quay Side, D02 Dublin',
}

export function flowSpec(open: () => OpenShop): void {
  const inStock = async (): Promise<{ slug: string; stock: number }> => {
    const row = await open().shop.db.row<{ slug: string; stock: number }>(
      'select slug, stock from products where stock > 50 order by random() limit 1',
    )
    return row!
  }

  const placeOrder = async (browser: Browser, slug: string, quantity = 1): Promise<string> => {
    await browser.post('/cart', { product: slug, quantity: String(quantity) })
    const { status, location } = await browser.post('/checkout', contact)
    expect(status).toBe(303)
    return location!
  }

  it('sells: browse, cart, checkout, payment page, webhook, paid order, letter', { timeout: 60_000 }, async () => {
    const browser = open().browser()
    const { slug, stock } = await inStock()
    const product = await browser.get(`/products/${slug}`)
    expect(product.text).toContain('Add to cart')

    await browser.post('/cart', { product: slug, quantity: '2' })
    expect((await browser.get('/cart')).text).toContain(`/products/${slug}`)
    const { location: payAt } = await browser.post('/checkout', contact)
    expect(payAt).toMatch(new RegExp(`^${open().provider.url}/pay/`))
    expect((await browser.get('/cart')).text).toContain('It is empty')

    const { location: order } = await browser.post(payAt!, { card: 'ok' })
    await vi.waitFor(async () => expect((await browser.get(order!)).text).toContain('status paid'), 20_000)
    await vi.waitFor(() => expect(open().mailbox.mails.some(({ to }) => to.includes(contact.email))).toBe(true), 20_000)
    expect(await open().shop.db.row('select stock from products where slug = $1', [slug])).toEqual({ stock: stock - 2 })
  })

  it('shows an order to nobody but who placed it and staff', async () => {
    const browser = open().browser()
    const order = (await browser.post(await placeOrder(browser, (await inStock()).slug), { card: 'ok' })).location!
    expect((await browser.get(order)).status).toBe(200)
    expect((await open().browser().get(order)).status).toBe(404)
    const staff = open().browser()
    await staff.post('/login', accounts.staff)
    expect((await staff.get(order)).status).toBe(200)
  })

  it('leaves an order unpaid when the card is declined', async () => {
    const browser = open().browser()
    const { location } = await browser.post(await placeOrder(browser, (await inStock()).slug), { card: 'declined' })
    expect((await browser.get(location!)).text).toContain('status pending')
  })

  it('keeps the order while the payment provider is away, to be paid later', async () => {
    const { provider } = open()
    const browser = open().browser()
    provider.away = true
    await browser.post('/cart', { product: (await inStock()).slug, quantity: '1' })
    const { status, location } = await browser.post('/checkout', contact)
    provider.away = false
    expect([status, location]).toEqual([303, expect.stringMatching(/^\/orders\/\d+$/)])
    expect((await browser.get(location!)).text).toContain('Pay now')
    const { location: payAt } = await browser.post(`${location}/pay`, {})
    await browser.post(payAt!, { card: 'ok' })
    await vi.waitFor(async () => expect((await browser.get(location!)).text).toContain('status paid'), 20_000)
  })

  it('sells the last piece once, to one of ten who press the button together', async () => {
    const { slug } = await inStock()
    await open().shop.db.rows('update products set stock = 1 where slug = $1', [slug])
    const browsers = Array.from({ length: 10 }, () => open().browser())
    await Promise.all(browsers.map((browser) => browser.post('/cart', { product: slug, quantity: '1' })))
    const seen = await Promise.all(browsers.map((browser) => browser.post('/checkout', contact)))
    expect(seen.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, ...Array<number>(9).fill(409)])
    expect(await open().shop.db.row('select stock from products where slug = $1', [slug])).toEqual({ stock: 0 })
  })

  it('shows a form again with what was typed and what is wrong', async () => {
    const browser = open().browser()
    await browser.post('/cart', { product: (await inStock()).slug, quantity: '1' })
    const { status, text } = await browser.post('/checkout', { ...contact, phone: '<none>', email: 'vera' })
    expect(status).toBe(422)
    expect(text).toContain('A phone number starts with +')
    expect(text).toContain('This is no e-mail address')
    expect(text).toMatch(/name="phone"\s+value="[^"<>]*none[^"<>]*"/)
    expect(text).not.toContain('<none>')
  })

  it('changes quantities, and takes a line out at zero', async () => {
    const browser = open().browser()
    const { slug } = await inStock()
    await browser.post('/cart', { product: slug, quantity: '1' })
    await browser.post('/cart/quantity', { product: slug, quantity: '3' })
    expect((await browser.get('/cart')).text).toContain('name="quantity" value="3"')
    await browser.post('/cart/quantity', { product: slug, quantity: '0' })
    expect((await browser.get('/cart')).text).toContain('It is empty')
  })

  it('opens an account, keeps the cart through the login, and forgets the person on request', async () => {
    const browser = open().browser()
    const { slug } = await inStock()
    await browser.post('/cart', { product: slug, quantity: '1' })
    const account = { ...contact, email: 'nora@mail.example', password: 'twelve or more letters' }
    expect((await browser.post('/register', account)).status).toBe(303)
    expect((await open().browser().post('/register', account)).status).toBe(409)
    expect((await browser.get('/cart')).text).toContain(slug)
    expect((await browser.get('/account/data')).text).toContain(contact.phone)
    expect((await browser.post('/account/erase', {})).status).toBe(303)
    expect((await browser.get('/account')).status).toBe(303)
    expect((await open().browser().post('/login', account)).status).toBe(401)
    expect(await open().shop.db.rows(`select from customers where email = 'nora@mail.example'`)).toEqual([])
  })

  it('gives the session a new name at the login, so that a planted one is worthless', async () => {
    const browser = open().browser()
    await browser.post('/cart', { product: (await inStock()).slug, quantity: '1' })
    const before = browser.cookie('sid')
    await browser.post('/login', accounts.customer)
    expect(browser.cookie('sid')).not.toBe(before)
  })

  it('lets staff find a customer by phone, move an order on and set stock', async () => {
    const staff = open().browser()
    await staff.post('/login', accounts.staff)
    const buyer = open().browser()
    const { slug } = await inStock()
    const order = (await buyer.post(await placeOrder(buyer, slug, 2), { card: 'ok' })).location!.split('/').at(-1)!
    await vi.waitFor(async () => expect((await staff.get(`/orders/${order}`)).text).toContain('status paid'), 20_000)

    expect((await staff.get(`/admin?customer=${encodeURIComponent('00353 (1) 555-0199')}`)).text).toContain(
      contact.name,
    )
    expect((await staff.post('/admin/orders', { order, to: 'shipped' })).status).toBe(303)
    expect((await staff.post('/admin/orders', { order, to: 'pending' })).status).toBe(409)
    expect((await staff.post('/admin/stock', { product: slug, stock: '77' })).status).toBe(303)
    expect((await staff.post('/admin/orders', { order, to: 'refunded' })).status).toBe(303)
    expect(await open().shop.db.row('select stock from products where slug = $1', [slug])).toEqual({ stock: 79 })
  })

  it('takes a review from a customer, and puts it into the average', async () => {
    const browser = open().browser()
    await browser.post('/login', accounts.customer)
    const { slug } = await inStock()
    const before = await open().shop.db.row<{ reviews: number }>('select reviews from products where slug = $1', [slug])
    await browser.post(`/products/${slug}/reviews`, { rating: '5', title: 'Grand', body: 'Keeps the tea warm.' })
    expect((await browser.get(`/products/${slug}`)).text).toContain('Keeps the tea warm.')
    const after = await open().shop.db.row<{ reviews: number }>('select reviews from products where slug = $1', [slug])
    expect(after!.reviews).toBe(before!.reviews + 1)
  })

  it('carries one trace id from the answer to the log line and the audit event of an order', async () => {
    const { lines, shop } = open()
    const seen: string[] = []
    // as a customer's browser sends it, and as a gateway that has begun the trace
    for (const traceparent of [undefined, `00-${'4bf92f3577b34da6'.repeat(2)}-00f067aa0ba902b7-01`]) {
      const browser = open().browser()
      await browser.post('/cart', { product: (await inStock()).slug, quantity: '1' })
      const { status, requestId } = await browser.post('/checkout', contact, traceparent ? { traceparent } : {})
      expect(status).toBe(303)
      const { order, trace_id: traceId } = lines.find(
        (line) => line.msg === 'order placed' && line.request_id === requestId,
      )!
      const event = await shop.db.row<{ body: string }>(
        `select body from audit.events where action = 'order.placed' and body::jsonb #>> '{context,requestId}' = $1`,
        [requestId],
      )
      const { context, targets } = JSON.parse(event!.body) as {
        context: Record<string, string>
        targets: { id: string }[]
      }
      expect(context).toMatchObject({ requestId, traceId })
      expect(targets).toContainEqual(expect.objectContaining({ id: String(order) }))
      seen.push(traceId!)
    }
    expect(seen[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(seen[1]).toBe('4bf92f3577b34da6'.repeat(2))
    // a gateway's sampled trace is an exemplar of the request's duration too
    const accept = 'application/openmetrics-text'
    const metrics = await (await fetch(`${open().url}/metrics`, { headers: { accept } })).text()
    expect(metrics).toMatch(new RegExp(`route="/checkout".*# \\{trace_id="${seen[1]!}"`))
  })

  it('leaves a trail of orders, payments, logins and what the staff did, that shows when it was altered', async () => {
    const { db, trail } = open().shop
    const staff = open().browser()
    await staff.post('/login', accounts.staff)
    await staff.post('/admin/stock', { product: (await inStock()).slug, stock: '60' })
    const actions = await db.rows<{ action: string }>('select distinct action from audit.events order by action')
    expect(actions.map(({ action }) => action)).toEqual([
      'admin.acted',
      'auth.login',
      'auth.login_failed',
      'data.erased',
      'data.exported',
      'order.placed',
      'order.refunded',
      'payment.taken',
    ])
    expect(await trail.verify()).toMatchObject({ ok: true, unsealed: 0 })
    await db.transaction(async (tx) => {
      // what a database administrator can do: the trail's own triggers would refuse it
      await tx.rows('set local session_replication_role = replica')
      await tx.rows(`update audit.events set body = replace(body, '"to":60', '"to":61') where action = 'admin.acted'`)
    })
    const { ok, findings } = await trail.verify()
    expect([ok, findings[0]?.kind]).toEqual([false, 'modified'])
  })
}
