import { readFileSync } from 'node:fs'

import type { Policy } from '@shop/middleware'
import { corpus } from '@shop/testkit'
import { view, type ViewInit } from '@shop/testkit/view'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { csrf, type CsrfOptions } from './csrf.ts'
import { csrfRefused, type CsrfRefused } from './events.ts'

const built = new Map<CsrfOptions | undefined, Policy>()

function status(init: ViewInit, options?: CsrfOptions): number {
  const policy = built.get(options) ?? csrf(options)
  built.set(options, policy)
  const verdict = policy.evaluate!(view(init))
  if (verdict instanceof Promise) throw new Error('the check is synchronous')
  return verdict?.deny?.status ?? 200
}

/** The case as Go's table has it. */
interface Case {
  readonly name: string
  readonly method: string
  readonly host: string
  readonly secFetchSite: string | null
  readonly origin: string | null
  readonly status: number
  readonly path?: string
  readonly trustedOrigins?: string[]
  readonly bypass?: string[]
}

describe('csrf(), tokenless', () => {
  test('decides every case of Go’s net/http.CrossOriginProtection as Go does', () => {
    const table = JSON.parse(readFileSync(`${corpus('http')}/cross-origin.json`, 'utf8')) as {
      requests: Case[]
      trustedOrigins: { origin: string; error: boolean }[]
    }
    expect(table.requests.length).toBeGreaterThan(20)
    for (const c of table.requests) {
      const headers: Record<string, string> = { host: c.host }
      if (c.secFetchSite !== null) headers['sec-fetch-site'] = c.secFetchSite
      if (c.origin !== null) headers['origin'] = c.origin
      const options: CsrfOptions = {
        trustedOrigins: c.trustedOrigins ?? [],
        // Go's mux patterns in our spelling
        insecureBypass: (c.bypass ?? []).map((pattern) => pattern.replace(/\/$/, '/*').replace(/\{(\w+)\}/g, ':$1')),
      }
      expect([c.name, status({ method: c.method, url: c.path ?? '/', headers }, options)]).toEqual([c.name, c.status])
    }
    for (const { origin, error } of table.trustedOrigins) {
      const build = (): unknown => csrf({ trustedOrigins: [origin] })
      if (error) expect(build).toThrow(expect.objectContaining({ code: 'ERR_SHOP_SECURITY_ORIGIN' }))
      else expect(build).not.toThrow()
    }
  })

  test('checks every content type, JSON included', () => {
    for (const type of [
      'application/json',
      'application/x-www-form-urlencoded',
      'text/plain',
      'multipart/form-data; boundary=x',
    ]) {
      expect(status({ method: 'POST', headers: { 'content-type': type, 'sec-fetch-site': 'cross-site' } })).toBe(403)
    }
  })

  test('methods nobody thought of are checked', () => {
    for (const method of ['PATCH', 'DELETE', 'PURGE', 'get', 'X'])
      expect(status({ method, headers: { 'sec-fetch-site': 'cross-site' } })).toBe(403)
  })

  test('an origin whose text only ends in the host is another', () => {
    for (const origin of [
      'https://evilshop.example',
      'https://shop.example.evil.example',
      'https://shop.example:8443',
      'shop.example',
      'https://user@shop.example',
    ]) {
      expect(status({ method: 'POST', headers: { origin } })).toBe(403)
    }
    expect(status({ method: 'POST', headers: { origin: 'https://SHOP.example' } })).toBe(200)
  })

  test('a GET that claims a method override is checked like what it claims', () => {
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      expect(status({ headers: { [name]: 'DELETE', 'sec-fetch-site': 'cross-site' } })).toBe(403)
    }
  })

  test('a bypass is not reached by another spelling of its path', () => {
    const options = { insecureBypass: ['/webhooks/*'] }
    const headers = { 'sec-fetch-site': 'cross-site' }
    expect(status({ method: 'POST', url: '/webhooks/stripe', headers }, options)).toBe(200)
    for (const url of [
      '/webhooks/../admin',
      '/webhooks/%2e%2e/admin',
      '/webhooks//admin',
      '/webhooks/x%2fy',
      String.raw`/webhooks/\admin`,
    ]) {
      expect(status({ method: 'POST', url, headers }, options)).toBe(403)
    }
  })

  test('says why on its channel, and nothing of the request but the method', () => {
    const heard: CsrfRefused[] = []
    const hear = (event: CsrfRefused): void => void heard.push(event)
    csrfRefused.subscribe(hear as never)
    status({ method: 'POST', headers: { origin: 'null' } })
    status({ method: 'PUT', headers: { 'sec-fetch-site': 'same-site' } })
    csrfRefused.unsubscribe(hear as never)
    expect(heard).toEqual([
      { reason: 'origin-null', method: 'POST' },
      { reason: 'same-site', method: 'PUT' },
    ])
  })

  test('whatever the headers: an unsafe request passes only on evidence, or without any', () => {
    const trusted = 'https://admin.shop.example'
    const options = { trustedOrigins: [trusted] }
    const header = fc.option(
      fc.oneof(fc.constantFrom('same-origin', 'none', 'same-site', 'cross-site', '', 'Same-Origin'), fc.string()),
      { nil: undefined },
    )
    const origin = fc.option(
      fc.oneof(
        fc.constantFrom('null', 'https://shop.example', 'https://evil.example', trusted, ''),
        fc.stringMatching(/^https?:\/\/[a-z.@]{1,20}(?::\d{1,4})?$/),
        fc.string(),
      ),
      { nil: undefined },
    )
    fc.assert(
      fc.property(fc.constantFrom('POST', 'PUT', 'DELETE', 'PATCH'), header, origin, (method, site, from) => {
        const headers: Record<string, string> = {}
        if (site !== undefined) headers['sec-fetch-site'] = site
        if (from !== undefined) headers['origin'] = from
        if (status({ method, headers }, options) === 403) return
        const evidence =
          site === 'same-origin' || site === 'none' || from === trusted || (!site && from === 'https://shop.example')
        expect(evidence || (!site && !from)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('csrf(), resource isolation', () => {
  const isolation = { isolation: ['/images/*'] }
  const cross = (more: Record<string, string>, url = '/') =>
    status({ url, headers: { 'sec-fetch-site': 'cross-site', ...more } }, isolation)

  test('other sites may link, and may not embed or read', () => {
    expect(cross({ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })).toBe(200)
    expect(cross({ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })).toBe(403)
    expect(cross({ 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' })).toBe(403)
    for (const dest of ['object', 'embed', 'iframe', 'frame'])
      expect(cross({ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': dest })).toBe(403)
  })

  test('open paths, one’s own site and old browsers are not touched', () => {
    expect(cross({ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }, '/images/7.webp')).toBe(200)
    for (const site of ['same-origin', 'same-site', 'none'])
      expect(status({ headers: { 'sec-fetch-site': site } }, isolation)).toBe(200)
    expect(status({}, isolation)).toBe(200)
  })

  test('is off unless asked for', () => {
    expect(status({ headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' } })).toBe(200)
  })
})

test.each([
  [{ trustedOrigin: [] }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  [{ insecureBypass: ['*'] }, 'ERR_SHOP_SECURITY_PATTERN'],
  [{ isolation: ['images'] }, 'ERR_SHOP_SECURITY_PATTERN'],
  [{ token: { secrets: ['short'], session: () => 'x' } }, 'ERR_SHOP_SECURITY_SECRET'],
  [{ token: { secrets: [], session: () => 'x' } }, 'ERR_SHOP_SECURITY_SECRET'],
  [{ token: { secrets: ['x'.repeat(32)] } }, 'ERR_SHOP_SECURITY_OPTION'],
])('csrf(%j) is refused when built', (options, code) => {
  expect(() => csrf(options as never)).toThrow(expect.objectContaining({ code }))
})
