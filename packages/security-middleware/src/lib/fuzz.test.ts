import type { Policy, Verdict } from '@shop/middleware'
import { view } from '@shop/testkit/view'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'

import { cookieOf } from './cookie.ts'
import { csrf } from './csrf.ts'
import { memoryStore } from './memory-store.ts'
import { cspReports } from './reports.ts'
import { respondAt } from './respond-at.ts'
import { securityHeaders } from './security-headers.ts'
import { stripeWebhook } from './stripe-webhook.ts'
import { trustedOrigins } from './trusted-origins.ts'
import { validate } from './validate.ts'

const policies: readonly Policy[] = [
  securityHeaders({ reportTo: '/reports', routes: { '/embed/*': { csp: false } } }),
  cspReports(),
  trustedOrigins({
    hosts: ['shop.example', '*.shop.example'],
    cors: { origins: ['https://admin.example'], credentials: true },
  }),
  csrf({
    isolation: ['/images/*'],
    insecureBypass: ['/webhooks/*'],
    token: { secrets: ['s'.repeat(32)], session: (request) => cookieOf(request, 'session') },
  }),
  validate({
    route: '/orders/:id',
    params: z.object({ id: z.string() }),
    query: z.unknown(),
    headers: z.unknown(),
    body: z.unknown(),
  }),
  stripeWebhook({ secrets: { current: 'whsec_secret_of_the_fuzz_test' }, livemode: true, store: memoryStore() }),
  respondAt('1s', { routes: ['POST /login'] }),
]

const names = [
  'host',
  'origin',
  'referer',
  'cookie',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'sec-fetch-site',
  'sec-fetch-mode',
  'sec-fetch-dest',
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-csrf-token',
  'x-http-method-override',
  'access-control-request-method',
  'access-control-request-headers',
  'stripe-signature',
] as const
const values = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 60 }),
  fc.constantFrom(
    'shop.example',
    'https://shop.example',
    'null',
    '*',
    'same-origin',
    'cross-site',
    'application/json',
    'application/x-www-form-urlencoded',
    'gzip',
    '__proto__',
    'session=a; session=b',
    't=1,v1=0',
    '-1',
    '1e9',
  ),
)
const request = fc.record({
  method: fc.oneof(
    fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE'),
    fc.stringMatching(/^[A-Z]{1,8}$/),
  ),
  path: fc.oneof(
    fc.constantFrom(
      '/',
      '/reports',
      '/orders/1',
      '/orders/%zz',
      '/orders/__proto__',
      '/webhooks/stripe',
      '/login',
      '/api/csrf-token',
      '/embed/../x',
    ),
    fc.stringMatching(/^\/[!-~]{0,40}$/),
  ),
  query: fc.oneof(
    fc.constant(''),
    fc.string({ unit: 'binary-ascii', maxLength: 60 }),
    fc.constantFrom('a=1&a=2', '__proto__[x]=1', '%', 'a=%ff'),
  ),
  headers: fc.array(fc.tuple(fc.constantFrom(...names), values), { maxLength: 8 }),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc.json().map((text) => Buffer.from(text)),
    fc.constantFrom('{"__proto__":1}', '[[[[', '{"a":1,"a":2}').map((text) => Buffer.from(text)),
  ),
})

test.each(policies.map((policy) => [policy.name, policy] as const))(
  '%s answers every request with nothing, a refusal or an answer, and never throws',
  async (_, policy) => {
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, query, headers, body }) => {
        const asked = view({ method, url: query === '' ? path : `${path.replaceAll('?', '')}?${query}`, headers, body })
        for (const hook of ['evaluate', 'inspect'] as const) {
          const verdict: Verdict | undefined = (await policy[hook]?.(asked)) ?? undefined
          if (verdict?.deny) expect(verdict.deny.status).toBeOneOf([400, 401, 403, 409, 413, 415, 421, 422])
          if (verdict?.answer) expect(verdict.answer.status).toBeOneOf([200, 204])
          for (const [name, value] of [...(verdict?.headers ?? []), ...(verdict?.answer?.headers ?? [])]) {
            expect(name).toMatch(/^[a-z-]+$/)
            expect(value).toMatch(/^[\t -~]*$/)
          }
        }
        expect(Object.keys(Object.prototype)).toEqual([])
      }),
      { numRuns: 400 },
    )
  },
)
