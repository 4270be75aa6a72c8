import { CspEvaluator, DEFAULT_CHECKS, STRICTCSP_CHECKS } from 'csp_evaluator/dist/evaluator.js'
import { Severity } from 'csp_evaluator/dist/finding.js'
import { CspParser } from 'csp_evaluator/dist/parser.js'
import fc from 'fast-check'
import helmet from 'helmet'
import { view } from '@shop/testkit/view'
import { describe, expect, test } from 'vitest'

import type { CspPreset } from './csp-presets.ts'
import { nonceOf } from './nonce.ts'
import { securityHeaders, type SecurityHeadersOptions } from './security-headers.ts'
import { trustedTypesPolicy } from './trusted-types.ts'

const csp = 'content-security-policy'

function sent(options?: SecurityHeadersOptions, url = '/'): Record<string, string> {
  const verdict = securityHeaders(options).evaluate!(view({ url }))
  if (verdict === undefined || verdict instanceof Promise) throw new Error('headers are decided at once')
  return Object.fromEntries(verdict.headers!)
}

function directive(name: string, options?: SecurityHeadersOptions, url = '/'): string | undefined {
  return sent(options, url)
    [csp]!.split('; ')
    .find((part) => part.startsWith(`${name} `))
}

describe('securityHeaders()', () => {
  test('sends what helmet sends by default, and a policy, permissions', () => {
    const theirs: Record<string, string> = {}
    helmet({ contentSecurityPolicy: false })(
      {} as never,
      { setHeader: (name: string, value: string) => (theirs[name.toLowerCase()] = value), removeHeader() {} } as never,
      () => {},
    )
    const ours = sent()
    expect(ours).toMatchObject(theirs)
    expect(Object.keys(ours).filter((name) => !(name in theirs))).toEqual(['permissions-policy', csp])
  })

  test('does not ask for cross-origin isolation, which Stripe’s frames do not support', () => {
    expect(sent({ presets: ['stripeElements'] })).not.toHaveProperty('cross-origin-embedder-policy')
  })

  const everyPreset: readonly CspPreset[] = ['stripeElements', 'stripeCheckout', 'googleTagManager']
  test.each([
    ['the default', {}],
    ...everyPreset.map((preset) => [preset, { presets: [preset] }] as const),
    [
      'all presets with reports and hashes',
      { presets: everyPreset, reportTo: '/reports', inlineScripts: ['go()'], inlineStyles: ['a{}'] },
    ],
  ] satisfies (readonly [string, SecurityHeadersOptions])[])(
    'Google’s csp_evaluator finds nothing in %s',
    (_, options) => {
      const parsed = new CspParser(sent(options)[csp]!).csp
      const findings = new CspEvaluator(parsed)
        .evaluate(STRICTCSP_CHECKS, DEFAULT_CHECKS)
        .filter(({ severity }) => severity !== Severity.NONE)
      expect(findings.map(({ description, directive: at, value }) => `${at} ${value}: ${description}`)).toEqual([])
    },
  )

  test('csp_evaluator does find something in a weaker policy, so the test above tests', () => {
    const parsed = new CspParser(sent({ csp: { 'script-src': ["'unsafe-inline'"] } })[csp]!).csp
    expect(new CspEvaluator(parsed).evaluate().some(({ severity }) => severity <= Severity.HIGH)).toBe(true)
  })

  test('gives every request a nonce of its own, the same in the header and for the page', () => {
    const policy = securityHeaders()
    const nonces = Array.from({ length: 600 }, () => {
      const request = view()
      const { headers } = policy.evaluate!(request) as { headers: [string, string][] }
      const nonce = nonceOf(request)!
      expect(Buffer.from(nonce, 'base64')).toHaveLength(18)
      expect(headers.find(([name]) => name === csp)![1].split(`'nonce-${nonce}'`)).toHaveLength(3)
      return nonce
    })
    expect(new Set(nonces).size).toBe(600)
  })

  test('has no nonce where the policy has none', () => {
    const request = view()
    void securityHeaders({ csp: { 'script-src': ["'self'"], 'style-src': ["'self'"] } }).evaluate!(request)
    expect(nonceOf(request)).toBeUndefined()
  })

  test('hashes the inline code it is given', () => {
    // the SHA-256 of alert('Hello, world.'); from the CSP specification
    expect(directive('script-src', { inlineScripts: ["alert('Hello, world.');"] })).toContain(
      "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='",
    )
  })

  test('a preset adds sources, and what default-src allowed stays allowed', () => {
    expect(directive('frame-src', { presets: ['stripeElements'] })).toBe(
      "frame-src 'self' https://*.js.stripe.com https://js.stripe.com https://hooks.stripe.com",
    )
    expect(sent({ presets: ['stripeElements'] })['permissions-policy']).toContain(
      'payment=(self "https://js.stripe.com")',
    )
  })

  test('a checkout’s form may be redirected to it', () => {
    expect(directive('form-action', { presets: ['stripeCheckout'] })).toBe(
      "form-action 'self' https://checkout.stripe.com",
    )
  })

  test('directives replace by name, false takes one out, [] is one without a value', () => {
    const policy = sent({ csp: { 'img-src': ["'self'"], 'upgrade-insecure-requests': false, sandbox: [] } })[csp]!
    expect(policy).toContain("img-src 'self';")
    expect(policy).not.toContain('upgrade-insecure-requests')
    expect(policy.split('; ')).toContain('sandbox')
  })

  test('enforces one policy and reports on another', () => {
    const headers = sent({ reportOnly: { 'default-src': ["'none'"], 'script-src': ["'nonce'"] }, reportTo: '/reports' })
    expect(headers['content-security-policy-report-only']).toMatch(
      /^default-src 'none'; script-src 'nonce-[\w+/]{24}'; report-to default; report-uri \/reports$/,
    )
    expect(headers[csp]).toContain("'strict-dynamic'")
  })

  test('reporting names one endpoint for CSP, COOP and what browsers send by themselves', () => {
    const headers = sent({ reportTo: '/reports' })
    expect(headers['reporting-endpoints']).toBe('default="/reports"')
    expect(headers['cross-origin-opener-policy']).toBe('same-origin; report-to="default"')
    expect(headers[csp]).toContain('report-to default; report-uri /reports')
  })

  test('a route overrides what it names, the first match wins', () => {
    const options: SecurityHeadersOptions = {
      routes: {
        '/embed/*': { csp: { 'frame-ancestors': ['https://partner.example'] }, helmet: { frameguard: false } },
        '/pay/:step': { presets: ['stripeElements'] },
        '/api/*': { csp: false },
      },
    }
    expect(directive('frame-ancestors', options, '/embed/product/7')).toBe('frame-ancestors https://partner.example')
    expect(sent(options, '/embed/x')).not.toHaveProperty('x-frame-options')
    expect(directive('frame-src', options, '/pay/card')).toContain('js.stripe.com')
    expect(sent(options, '/api/orders')).not.toHaveProperty(csp)
    expect(directive('frame-ancestors', options, '/')).toBe("frame-ancestors 'self'")
  })

  test('another spelling of a path does not reach an override', () => {
    const options = { routes: { '/api/*': { csp: false } } } as const
    for (const url of ['/api/../admin', '/api//x', '/api/%2e%2e/admin', '/api%2fx', String.raw`/api\x`])
      expect(sent(options, url)).toHaveProperty(csp)
  })

  test.each([
    [{ contentSecurityPolicy: {} }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION', 'contentSecurityPolicy'],
    [{ preset: [] }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION', 'Did you mean "presets"?'],
    [{ presets: ['paypal'] }, 'ERR_SHOP_SECURITY_OPTION', 'stripeElements'],
    [{ csp: { 'img-src': ['self'] } }, 'ERR_SHOP_SECURITY_CSP', `Did you mean "'self'"`],
    [{ csp: { 'img-src': ['https://a.example; script-src *'] } }, 'ERR_SHOP_SECURITY_CSP', 'img-src'],
    [{ csp: { 'img-source': ["'self'"] } }, 'ERR_SHOP_SECURITY_CSP', 'img-source'],
    [{ csp: { 'img-src': ["'none'", "'self'"] } }, 'ERR_SHOP_SECURITY_CSP', 'img-src'],
    [{ permissions: { camara: [] } }, 'ERR_SHOP_SECURITY_PERMISSION', 'camara'],
    [{ permissions: { camera: ['https://a.example/path'] } }, 'ERR_SHOP_SECURITY_PERMISSION', 'permissions.camera'],
    [{ permissions: { camera: 'self' } }, 'ERR_SHOP_SECURITY_PERMISSION', 'permissions.camera'],
    [{ reportTo: '//evil.example' }, 'ERR_SHOP_SECURITY_OPTION', 'reportTo'],
    [{ reportTo: '/r"; x' }, 'ERR_SHOP_SECURITY_OPTION', 'reportTo'],
    [{ routes: { 'embed/*': {} } }, 'ERR_SHOP_SECURITY_PATTERN', 'embed/*'],
    [{ routes: { '/e': { reportTo: '/x' } } }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION', 'reportTo'],
  ])('refuses %j when built', (options, code, part) => {
    expect(() => securityHeaders(options as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(part) as string }),
    )
  })

  test('whatever the sources, no header can be broken into two, and no directive into two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (source) => {
        try {
          const value = sent({ csp: { 'img-src': [source] } })[csp]!
          expect(value.split('; ')).toHaveLength(sent()[csp]!.split('; ').length)
          expect(value).toMatch(/^[\u0021-\u007e ]+$/)
        } catch (error) {
          expect(error).toHaveProperty('code', 'ERR_SHOP_SECURITY_CSP')
        }
      }),
    )
  })
})

describe('trustedTypesPolicy()', () => {
  test('is one inline script that names the origins and cannot end its tag', () => {
    const code = trustedTypesPolicy(['https://js.stripe.com'])
    expect(code).toContain('["https://js.stripe.com"]')
    expect(code).not.toContain('<')
    expect(() => trustedTypesPolicy(['https://js.stripe.com/v3'])).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_SECURITY_ORIGIN' }),
    )
  })
})
