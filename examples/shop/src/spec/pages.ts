import { expect, it } from 'vitest'

import { accounts } from '../seed/customers.ts'
import type { OpenShop } from './open-shop.ts'

export function pageSpec(open: () => OpenShop): void {
  it.each(['/', '/section/kitchen', '/c/lamps', '/search?q=oak', '/cart', '/login', '/register'])(
    'shows %s to anybody',
    async (path) => {
      const { status, text } = await open().browser().get(path)
      expect(status).toBe(200)
      expect(text).toMatch(/^<!doctype html>.*<\/html>$/s)
    },
  )

  it('needs no script, no inline style and nothing from elsewhere', async () => {
    const { text } = await open().browser().get('/')
    expect(text).not.toMatch(/<script|\sstyle=|\son\w+=|(src|href)="(https?:)?\/\//)
  })

  it('lists what has every word of a search', async () => {
    const namesAt = async (path: string) =>
      [...(await open().browser().get(path)).text.matchAll(/<b>([^<]+)<\/b>\s*<span class="stars"/g)].map(
        ([, name]) => name!,
      )
    const [sought] = await namesAt('/search')
    const words = sought!.split(' ').slice(0, 2)
    const found = await namesAt(`/search?q=${encodeURIComponent(words.join(' ').toUpperCase())}`)
    expect(found).toContain(sought)
    expect(found.filter((name) => !words.every((word) => name.includes(word)))).toEqual([])
  })

  it('turns pages without repeating a product', async () => {
    const browser = open().browser()
    const products = async (page: number) =>
      [...(await browser.get(`/search?page=${page}`)).text.matchAll(/href="(\/products\/[^"]+)"/g)].map(
        ([, href]) => href,
      )
    const pages = (await Promise.all([1, 2, 3, 4, 5, 6].map(products))).flat()
    expect(pages).toHaveLength(120)
    expect(new Set(pages).size).toBe(120)
  })

  it('answers a query that makes no sense with the first page', async () => {
    const { status } = await open().browser().get('/search?page=-1&sort=random&max=none&q=%F0%9F%8F%A0')
    expect(status).toBe(200)
  })

  it('has a page for what is not there', async () => {
    for (const path of ['/nowhere', '/products/none', '/c/none', '/orders/1', '/orders/x']) {
      const { status, text } = await open().browser().get(path)
      expect([path, status]).toEqual([path, 404])
      expect(text).toContain('<h1>Not here</h1>')
    }
  })

  it.each(['/account', '/orders', '/dashboard', '/admin'])('leads from %s to the login', async (path) => {
    const { status, location } = await open().browser().get(path)
    expect(status).toBe(303)
    expect(location).toBe(`/login?next=${encodeURIComponent(path)}`)
  })

  it('keeps dashboard and admin for staff', async () => {
    const customer = open().browser()
    await customer.post('/login', accounts.customer)
    const staff = open().browser()
    await staff.post('/login', accounts.staff)
    for (const path of ['/dashboard', '/admin', '/admin/trail']) {
      expect((await customer.get(path)).status).toBe(403)
      expect((await staff.get(path)).status).toBe(200)
    }
    expect((await customer.post('/admin/erase', { customer: '1' })).status).toBe(403)
  })

  it('draws thirty days of sales', async () => {
    const staff = open().browser()
    await staff.post('/login', accounts.staff)
    const { text } = await staff.get('/dashboard')
    expect(text.match(/<title>\d{4}-\d\d-\d\d: €/g)).toHaveLength(30)
  })

  it('sends every page with the security headers', async () => {
    for (const path of ['/', '/nowhere', '/health']) {
      const { headers } = await fetch(new URL(path, open().url))
      expect(headers.get('content-security-policy')).toContain("object-src 'none'")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-powered-by')).toBeNull()
    }
  })

  it('counts requests by route template at /metrics, for those nearby alone', async () => {
    await open().browser().get('/c/lamps')
    await open().browser().get('/no/such/page')
    expect((await open().browser().get('/metrics')).status).toBe(404)
    const text = await (await fetch(new URL('/metrics', open().url))).text()
    expect(text).toMatch(/http_server_request_duration_seconds_count\{[^}]*"\/c\/:category"[^}]*\} \d+/)
    expect(text).toMatch(/db_client_operation_duration_seconds_count\{[^}]*"SELECT"[^}]*\} \d+/)
    expect(text).not.toContain('/no/such/page')
  })
}
