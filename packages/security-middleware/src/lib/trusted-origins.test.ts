import { view, type ViewInit } from '@shop/testkit/view'
import type { HeaderPairs, Policy, Verdict } from '@shop/middleware'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { validateSecurityHeaders } from '../index.ts'
import { trustedOrigins, type TrustedOriginsOptions } from './trusted-origins.ts'

const shop: TrustedOriginsOptions = {
  hosts: ['shop.example', '*.shop.example', 'localhost:*'],
  origins: ['https://partner.example'],
}

const built = new Map<TrustedOriginsOptions, Policy>()

function decide(init: ViewInit, options = shop): Verdict | undefined {
  const policy = built.get(options) ?? trustedOrigins(options)
  built.set(options, policy)
  const verdict = policy.evaluate!(view(init))
  if (verdict instanceof Promise) throw new Error('the check is synchronous')
  return verdict
}
const code = (init: ViewInit, options = shop): string => decide(init, options)?.deny?.code ?? 'passed'

test('a form of its own passes where no-referrer made the Origin null; another site’s does not', () => {
  const form = (site: string): ViewInit => ({
    method: 'POST',
    headers: { host: 'shop.example', origin: 'null', 'sec-fetch-site': site },
  })
  expect(code(form('same-origin'))).toBe('passed')
  expect(code(form('cross-site'))).toBe('origin-untrusted')
})

describe('trustedOrigins(): Host', () => {
  test.each(['shop.example', 'shop.example:443', 'SHOP.example', 'a.shop.example', 'localhost:3000', 'localhost'])(
    'answers for %s',
    (host) => {
      expect(code({ headers: { host } })).toBe('passed')
    },
  )

  test.each([
    'evil.example',
    'shop.example:8443',
    'a.b.shop.example',
    'shop.example.evil.example',
    'evilshop.example',
    '.shop.example',
    'shop.example.',
  ])('does not answer for %s', (host) => {
    expect(code({ headers: { host } })).toBeOneOf(['host-unknown', 'host-invalid'])
  })

  test.each([
    '',
    'shop.example@evil.example',
    'evil.example/shop.example',
    'shop.example evil',
    'shop.example:x',
    '%00',
    'a'.repeat(300),
  ])('refuses %j as no host', (host) => {
    expect(code({ headers: { host } })).toBe('host-invalid')
  })

  test('refuses a second Host header', () => {
    expect(
      code({
        headers: [
          ['Host', 'shop.example'],
          ['HOST', 'evil.example'],
        ],
      }),
    ).toBe('host-invalid')
  })
})

describe('trustedOrigins(): HTTP/2', () => {
  const policy = trustedOrigins(shop)
  const asked = (headers: Record<string, string>) => {
    const verdict = policy.evaluate!({
      ...view(),
      header: (name) => headers[name],
      rawHeaders: Object.entries(headers).flat(),
    })
    return verdict instanceof Promise ? undefined : (verdict?.deny?.code ?? 'passed')
  }

  test('takes :authority for Host, and refuses two that differ', () => {
    expect(asked({ ':authority': 'shop.example' })).toBe('passed')
    expect(asked({ ':authority': 'evil.example' })).toBe('host-unknown')
    expect(asked({ ':authority': 'shop.example', host: 'evil.example' })).toBe('host-invalid')
    expect(asked({})).toBe('host-invalid')
  })
})

describe('trustedOrigins(): forwarding headers', () => {
  test.each([
    { 'x-forwarded-host': 'evil.example' },
    { 'x-forwarded-host': 'shop.example, evil.example' },
    { 'x-forwarded-proto': 'javascript' },
    { 'x-forwarded-port': '443, x' },
    { forwarded: 'for=192.0.2.1;host=evil.example' },
    { forwarded: 'host="shop.example";proto=gopher' },
    { forwarded: 'host=shop.example, host=evil.example' },
    { forwarded: 'nonsense' },
    { forwarded: `for=${'1'.repeat(3000)}` },
    { 'x-original-url': '/admin' },
    { 'x-rewrite-url': '/admin' },
    { 'x-host': 'shop.example' },
  ])('refuses %j', (headers) => {
    expect(code({ headers })).toBe('forwarded-invalid')
  })

  test.each([
    {
      'x-forwarded-host': 'shop.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-forwarded-for': '192.0.2.1',
    },
    { forwarded: 'for="[2001:db8::1]:4711";proto=https;host=shop.example, for=198.51.100.17' },
  ])('takes what a proxy says of the hosts that are served: %j', (headers) => {
    expect(code({ headers })).toBe('passed')
  })

  test('an application without a proxy takes none', () => {
    for (const headers of [
      { 'x-forwarded-for': '192.0.2.1' },
      { 'x-forwarded-host': 'shop.example' },
      { forwarded: 'for=192.0.2.1' },
    ]) {
      expect(code({ headers }, { ...shop, forwarded: 'refuse' })).toBe('forwarded-invalid')
    }
  })
})

describe('trustedOrigins(): Origin and Referer', () => {
  test.each(['https://shop.example', 'https://a.shop.example', 'http://localhost:3000', 'https://partner.example'])(
    '%s may change something',
    (origin) => {
      expect(code({ method: 'POST', headers: { origin } })).toBe('passed')
      expect(code({ method: 'POST', headers: { referer: `${origin}/page?x=1` } })).toBe('passed')
    },
  )

  test.each([
    'https://evil.example',
    'null',
    '',
    'https://shop.example/',
    'https://partner.example:8443',
    'https://shop.example@evil.example',
  ])('%j may not', (origin) => {
    expect(code({ method: 'POST', headers: { origin } })).toBe('origin-untrusted')
  })

  test.each(['https://evil.example/shop.example', 'https://shop.example@evil.example/', 'about:blank', 'nonsense'])(
    'nor a page %s',
    (referer) => {
      expect(code({ method: 'POST', headers: { referer } })).toBe('referer-untrusted')
    },
  )

  test('reading is the browser’s to refuse', () => {
    expect(code({ headers: { origin: 'https://evil.example' } })).toBe('passed')
  })
})

describe('trustedOrigins(): CORS', () => {
  const cors = {
    origins: ['https://admin.example'],
    credentials: true,
    methods: ['GET', 'PUT'],
    headers: ['Content-Type', 'X-Csrf-Token'],
    exposed: ['x-total'],
    maxAge: 60,
  }
  const options: TrustedOriginsOptions = { ...shop, cors }
  const headers = (verdict: Verdict | undefined): HeaderPairs => verdict?.headers ?? verdict?.answer?.headers ?? []
  const value = (verdict: Verdict | undefined, name: string): string | undefined =>
    headers(verdict).find(([given]) => given === name)?.[1]
  const preflight = (origin: string, method = 'PUT', wanted?: string) =>
    decide(
      {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': method,
          ...(wanted !== undefined && { 'access-control-request-headers': wanted }),
        },
      },
      options,
    )

  test('echoes a listed origin, allows its cookies, and varies', () => {
    const verdict = decide({ headers: { origin: 'https://admin.example' } }, options)
    expect(headers(verdict)).toEqual([
      ['vary', 'Origin'],
      ['access-control-allow-origin', 'https://admin.example'],
      ['access-control-allow-credentials', 'true'],
      ['access-control-expose-headers', 'x-total'],
    ])
  })

  test.each(['https://evil.example', 'null', 'https://admin.example.evil.example', 'HTTPS://ADMIN.EXAMPLE'])(
    'says nothing to %s but that it varies',
    (origin) => {
      expect(headers(decide({ headers: { origin } }, options))).toEqual([['vary', 'Origin']])
    },
  )

  test('varies without an Origin too, so that no cache mixes the two', () => {
    expect(headers(decide({}, options))).toEqual([['vary', 'Origin']])
  })

  test('a preflight is granted for listed origins, methods and headers together', () => {
    const granted = preflight('https://admin.example', 'PUT', 'content-type, x-csrf-token')
    expect(granted?.answer?.status).toBe(204)
    expect(value(granted, 'access-control-allow-methods')).toBe('GET, PUT')
    expect(value(granted, 'access-control-max-age')).toBe('60')
    for (const refused of [
      preflight('https://evil.example'),
      preflight('https://admin.example', 'DELETE'),
      preflight('https://admin.example', 'PUT', 'x-other'),
    ]) {
      expect(headers(refused)).toEqual([['vary', 'Origin']])
    }
  })

  test('everybody may read what needs no cookies', () => {
    const open = { ...shop, cors: { origins: '*' } } as const
    expect(value(decide({ headers: { origin: 'https://any.example' } }, open), 'access-control-allow-origin')).toBe('*')
  })

  test('no request makes it echo an origin that is not listed, or allow cookies to one', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.stringMatching(/^https?:\/\/[a-z.@]{1,20}(?::\d{1,4})?$/),
          fc.constantFrom('null', '*', 'https://admin.example'),
        ),
        fc.constantFrom('GET', 'POST', 'OPTIONS'),
        (origin, method) => {
          const allowed = value(
            decide({ method, headers: { origin, 'access-control-request-method': 'GET' } }, options),
            'access-control-allow-origin',
          )
          expect(allowed === undefined || (allowed === origin && cors.origins.includes(origin))).toBe(true)
        },
      ),
    )
  })
})

test('is the specification’s validateSecurityHeaders', () => {
  expect(validateSecurityHeaders).toBe(trustedOrigins)
})

test.each([
  [{ hosts: [] }, 'ERR_SHOP_SECURITY_HOST'],
  [{}, 'ERR_SHOP_SECURITY_HOST'],
  [{ hosts: ['https://shop.example'] }, 'ERR_SHOP_SECURITY_HOST'],
  [{ hosts: ['*.example'] }, 'ERR_SHOP_SECURITY_HOST'],
  [{ hosts: ['*'] }, 'ERR_SHOP_SECURITY_HOST'],
  [{ hosts: ['a.example'], origins: ['a.example'] }, 'ERR_SHOP_SECURITY_ORIGIN'],
  [{ hosts: ['a.example'], origin: [] }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  [{ hosts: ['a.example'], forwarded: 'trust' }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ hosts: ['a.example'], cors: { origins: '*', credentials: true } }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ hosts: ['a.example'], cors: { origins: ['null'] } }, 'ERR_SHOP_SECURITY_ORIGIN'],
  [{ hosts: ['a.example'], cors: { origins: [], headers: ['a b'] } }, 'ERR_SHOP_SECURITY_OPTION'],
])('trustedOrigins(%j) is refused when built', (options, expected) => {
  expect(() => trustedOrigins(options as never)).toThrow(expect.objectContaining({ code: expected }))
})
