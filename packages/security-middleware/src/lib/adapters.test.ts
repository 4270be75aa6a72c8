import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { gzipSync } from 'node:zlib'

import type { Policy } from '@shop/middleware'
import * as express from '@shop/middleware/express'
import * as fastify from '@shop/middleware/fastify'
import * as hono from '@shop/middleware/hono'
import * as koa from '@shop/middleware/koa'
import * as nest from '@shop/middleware/nest'
import * as node from '@shop/middleware/node'
import { corpus } from '@shop/testkit'
import { type Adapters, type Framework, FRAMEWORKS, type Route, serve, type Served } from '@shop/testkit/frameworks'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'

import {
  csrf,
  cspReports,
  csrfToken,
  memoryStore,
  nonceOf,
  probeStripeWebhook,
  respondAt,
  securityHeaders,
  signStripePayload,
  stripeEvent,
  stripeWebhook,
  timingAttackProtection,
  trustedOrigins,
} from '../index.ts'
import { valid, validate } from '../validate.ts'
import { cookieOf } from './cookie.ts'

const adapters = {
  express: express.protect,
  fastify: fastify.protect,
  hono: hono.protect,
  koa: koa.protect,
  nest: nest.protect,
  node: node.protect,
} as unknown as Adapters

interface Asked {
  readonly method?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Uint8Array
}
interface Answered {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

function ask(served: Served, path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const request = http.request(
      { host: '127.0.0.1', port: served.port, path, method, headers: { ...length, ...headers }, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }))
      },
    )
    request.on('error', reject).end(body)
  })
}

const open: Served[] = []
afterAll(async () => {
  for (const served of open) await served[Symbol.asyncDispose]()
})
async function start(framework: Framework, policies: readonly Policy[], routes: readonly Route[]): Promise<Served> {
  const served = await serve(framework, adapters, policies, routes)
  open.push(served)
  return served
}

const ok: Route['handle'] = () => ({ body: 'ok' })
const json = { 'content-type': 'application/json' }

// http2 shares its exchange with node:http, and has the kernel's own contract suite
describe.each(FRAMEWORKS.filter((framework) => framework !== 'http2'))('on %s', (framework) => {
  test('securityHeaders(): the page’s nonce is the header’s', async () => {
    const served = await start(
      framework,
      [securityHeaders({ presets: ['stripeElements'], reportTo: '/reports' })],
      [{ method: 'GET', path: '/', handle: ({ request }) => ({ body: nonceOf(request) ?? 'none' }) }],
    )
    const first = await ask(served, '/')
    const second = await ask(served, '/')
    expect(first.body).toMatch(/^[\w+/]{24}$/)
    expect(first.headers['content-security-policy']).toContain(`'nonce-${first.body}'`)
    expect(first.headers['x-content-type-options']).toBe('nosniff')
    expect(first.headers).not.toHaveProperty('x-powered-by') // Express and Nest had set it
    expect(first.headers['reporting-endpoints']).toBe('default="/reports"')
    expect(second.body).not.toBe(first.body)
    // Express writes a stricter one of its own on its 404
    expect((await ask(served, '/nowhere')).headers['content-security-policy']).toMatch(
      /'strict-dynamic'|^default-src 'none'$/,
    )
  })

  test('csrf(): every case of Go’s cross-origin table', async () => {
    const { requests } = JSON.parse(readFileSync(`${corpus('http')}/cross-origin.json`, 'utf8')) as {
      requests: {
        name: string
        method: string
        host: string
        secFetchSite: string | null
        origin: string | null
        status: number
        path?: string
        trustedOrigins?: string[]
        bypass?: string[]
      }[]
    }
    const groups = Map.groupBy(requests, (c) => JSON.stringify([c.trustedOrigins, c.bypass]))
    for (const cases of groups.values()) {
      const { trustedOrigins: trusted = [], bypass = [] } = cases[0]!
      const insecureBypass = bypass.map((pattern) => pattern.replace(/\/$/, '/*').replace(/\{(\w+)\}/g, ':$1'))
      const routes = ['/', '/bypass/', '/api/', '/only/:foo', '/only/:foo/foo'].flatMap((path) =>
        (['GET', 'POST', 'PUT'] as const).map((method): Route => ({ method, path, handle: ok })),
      )
      const served = await start(framework, [csrf({ trustedOrigins: trusted, insecureBypass })], routes)
      for (const c of cases) {
        const headers: http.OutgoingHttpHeaders = { host: c.host }
        if (c.secFetchSite !== null) headers['sec-fetch-site'] = c.secFetchSite
        if (c.origin !== null) headers['origin'] = c.origin
        const { status } = await ask(served, c.path ?? '/', { method: c.method, headers })
        // whether OPTIONS, or a path with a slash at its end, has a handler is the framework's own affair: it was not refused
        expect([c.name, status === 403 ? 403 : 200]).toEqual([c.name, c.status])
        if (c.method === 'POST' && c.path === undefined) expect(status).toBe(c.status)
      }
    }
  })

  test('csrf() with tokens: endpoint, header, form, and a page that asks', async () => {
    const policy = csrf({
      token: { secrets: ['a-secret-of-at-least-32-characters!'], session: (request) => cookieOf(request, 'session') },
    })
    const served = await start(
      framework,
      [policy],
      [
        { method: 'GET', path: '/form', handle: ({ request }) => ({ body: csrfToken(request) ?? 'none' }) },
        { method: 'POST', path: '/orders', handle: ok },
      ],
    )
    const session = { cookie: 'session=alice' }
    const { body, headers } = await ask(served, '/api/csrf-token', { headers: session })
    const { token } = JSON.parse(body) as { token: string }
    expect(headers['set-cookie']).toEqual([`__Host-csrf=${token}; Path=/; Secure; HttpOnly; SameSite=Lax`])
    const cookie = `session=alice; __Host-csrf=${token}`
    const post = (more: http.OutgoingHttpHeaders, sent: string) =>
      ask(served, '/orders', { method: 'POST', headers: { cookie, ...more }, body: sent }).then(({ status }) => status)
    expect(await post({ ...json, 'x-csrf-token': token }, '{}')).toBe(200)
    expect(await post(json, '{}')).toBe(403)
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await post(form, `_csrf=${token}`)).toBe(200)
    expect(await post(form, 'other=1')).toBe(403)
    expect(await post({ ...form, cookie: `session=mallory; __Host-csrf=${token}` }, `_csrf=${token}`)).toBe(403)
    const page = await ask(served, '/form', { headers: session })
    expect(page.headers['set-cookie']?.[0]).toContain(`__Host-csrf=${page.body};`)
  })

  test('trustedOrigins(): a poisoned Host is refused, CORS is answered', async () => {
    const policy = trustedOrigins({
      hosts: ['shop.example'],
      cors: { origins: ['https://admin.example'], credentials: true },
    })
    const served = await start(framework, [policy], [{ method: 'GET', path: '/', handle: ok }])
    const status = async (headers: http.OutgoingHttpHeaders) => (await ask(served, '/', { headers })).status
    expect([
      await status({ host: 'shop.example' }),
      await status({ host: 'evil.example' }),
      await status({ host: 'shop.example', 'x-forwarded-host': 'evil.example' }),
    ]).toEqual([200, 421, 400])
    const read = await ask(served, '/', { headers: { host: 'shop.example', origin: 'https://admin.example' } })
    expect([read.headers['access-control-allow-origin'], read.headers.vary]).toEqual([
      'https://admin.example',
      'Origin',
    ])
    const preflight = await ask(served, '/', {
      method: 'OPTIONS',
      headers: { host: 'shop.example', origin: 'https://admin.example', 'access-control-request-method': 'POST' },
    })
    expect([preflight.status, preflight.headers['access-control-allow-credentials']]).toEqual([204, 'true'])
  })

  test('validate(): typed input for the handler, problem+json for the client', async () => {
    const policy = validate({
      route: 'POST /shops/:shop/orders',
      params: z.object({ shop: z.string() }),
      query: z.object({ dry: z.string().optional() }),
      body: z.object({ sku: z.string(), quantity: z.int().min(1) }),
    })
    const served = await start(
      framework,
      [policy],
      [
        {
          method: 'POST',
          path: '/shops/:shop/orders',
          handle: ({ request }) => ({ body: JSON.stringify(valid(request, policy)) }),
        },
      ],
    )
    const post = (body: string, path = '/shops/z%C3%BCrich/orders?dry=1') =>
      ask(served, path, { method: 'POST', headers: json, body })
    const good = await post('{"sku":"A","quantity":2,"extra":true}')
    expect([good.status, JSON.parse(good.body)]).toEqual([
      200,
      { params: { shop: 'zürich' }, query: { dry: '1' }, body: { sku: 'A', quantity: 2 } },
    ])
    const bad = await post('{"sku":"A","quantity":0}')
    expect([bad.status, bad.headers['content-type']]).toEqual([422, 'application/problem+json'])
    expect(JSON.parse(bad.body)).toMatchObject({
      type: 'urn:shop:problem:validation',
      status: 422,
      errors: [{ path: '/quantity', in: 'body' }],
    })
  })

  test('stripeWebhook(): the bytes as they came, once, and the probe at boot', async () => {
    const secret = 'whsec_secret_of_this_test'
    const policy = stripeWebhook({ secrets: { current: secret }, livemode: false, store: memoryStore() })
    const seen: unknown[] = []
    const served = await start(
      framework,
      [policy],
      [
        {
          method: 'POST',
          path: '/webhooks/stripe',
          handle: ({ request }) => (seen.push(stripeEvent(request)), { body: 'ok' }),
        },
      ],
    )
    await probeStripeWebhook(policy, `${served.url}/webhooks/stripe`)
    // blanks, escapes and key order that no parser would write the same way again
    const payload = String.raw`{ "object": "event","id":"evt_1",  "type":"a.b", "created":1, "livemode":false, "data":{"object":{"name":"Z\u00fcrich ü","n":1.0}}}`
    const post = (header: string) =>
      ask(served, '/webhooks/stripe', {
        method: 'POST',
        headers: { ...json, 'stripe-signature': header },
        body: payload,
      })
    expect((await post(signStripePayload(payload, secret))).status).toBe(200)
    expect((await post(signStripePayload(payload, 'whsec_another_secret_than_that'))).status).toBe(400)
    const again = await post(signStripePayload(payload, secret))
    expect([again.status, again.body]).toEqual([200, '{"received":true,"duplicate":true}'])
    expect(seen).toEqual([JSON.parse(payload)])
    await expect(probeStripeWebhook(policy, `${served.url}/webhooks/elsewhere`)).rejects.toHaveProperty(
      'code',
      'ERR_SHOP_SECURITY_RAW_BODY',
    )
  })

  test('cspReports(): what a browser posts', async () => {
    const reports: unknown[] = []
    const served = await start(framework, [cspReports({ onReport: (report) => reports.push(report) }), csrf()], [])
    const body = JSON.stringify([{ type: 'deprecation', url: 'https://shop.example/', body: { id: 'X' } }])
    expect(
      (await ask(served, '/reports', { method: 'POST', headers: { 'content-type': 'application/reports+json' }, body }))
        .status,
    ).toBe(204)
    expect(reports).toHaveLength(1)
  })

  test('respondAt(): no response before its deadline', async () => {
    const served = await start(
      framework,
      [respondAt(60, { routes: ['/login'] })],
      [
        { method: 'GET', path: '/login', handle: ok },
        { method: 'GET', path: '/', handle: ok },
      ],
    )
    const took = async (path: string): Promise<number> => {
      const begun = performance.now()
      expect((await ask(served, path)).status).toBe(200)
      return performance.now() - begun
    }
    expect(await took('/login')).toBeGreaterThanOrEqual(59)
    expect(Math.min(await took('/'), await took('/'), await took('/'))).toBeLessThan(59)
  })

  test('timingAttackProtection(): "no such user" and "wrong password" are the same bytes', async () => {
    const served = await start(
      framework,
      [timingAttackProtection({ deadline: 30 })],
      [
        {
          method: 'POST',
          path: '/login',
          handle: ({ body }) => {
            const { user } = body as { user: string }
            return user === 'alice'
              ? { status: 401, body: '{"error":"wrong password for alice"}', headers: json }
              : { status: 401, body: 'no such user', headers: { 'content-type': 'text/plain' } }
          },
        },
      ],
    )
    const login = async (user: string) => {
      const {
        status,
        headers: { date: _, ...headers },
        body,
      } = await ask(served, '/login', { method: 'POST', headers: json, body: JSON.stringify({ user }) })
      return { status, headers, body }
    }
    const [known, unknown] = [await login('alice'), await login('bob')]
    expect(known).toEqual(unknown)
    expect(known.body).not.toContain('alice')
    expect(known.status).toBe(401)
  })

  describe('bad input is answered with a 4xx, and harms nothing', async () => {
    const policies = (): Policy[] => [
      securityHeaders(),
      cspReports(),
      trustedOrigins({ hosts: ['127.0.0.1:*', 'localhost:*'] }),
      csrf(),
      validate({ route: '/echo', body: z.unknown(), query: z.unknown() }),
    ]
    const routes: Route[] = [
      {
        method: 'POST',
        path: '/echo',
        handle: ({ request }) => ({ body: JSON.stringify(valid(request).body ?? null) }),
      },
      { method: 'GET', path: '/echo', handle: ok },
    ]
    let served: Served | undefined
    const target = async (): Promise<Served> => (served ??= await start(framework, policies(), routes))
    const post = async (body: string | Uint8Array, headers: http.OutgoingHttpHeaders = {}, path = '/echo') =>
      ask(await target(), path, { method: 'POST', headers: { ...json, ...headers }, body })

    test.each([
      ['a depth bomb', () => post('['.repeat(50_000))],
      ['an object bomb', () => post('{"a":'.repeat(10_000))],
      ['__proto__ in JSON', () => post('{"__proto__":{"polluted":1}}')],
      ['constructor.prototype in JSON', () => post('{"constructor":{"prototype":{"polluted":1}}}')],
      ['__proto__ in the query', () => post('{}', {}, '/echo?__proto__[polluted]=1')],
      ['constructor in the query', () => post('{}', {}, '/echo?constructor[prototype][polluted]=1')],
      [
        '__proto__ in a form',
        () => post('__proto__[polluted]=1', { 'content-type': 'application/x-www-form-urlencoded' }),
      ],
      ['10,000 parameters', () => post('{}', {}, `/echo?${'a&'.repeat(7000)}`)],
      [
        '100,000 form fields',
        () => post('a=1&'.repeat(25_000), { 'content-type': 'application/x-www-form-urlencoded' }),
      ],
      ['100,000 members', () => post(`{${Array.from({ length: 8000 }, (_, i) => `"k${i}":1`).join()}}`)],
      ['a lone surrogate', () => post(String.raw`{"a":"\ud800"}`)],
      ['invalid UTF-8', () => post(Buffer.from([0x22, 0xff, 0xfe, 0x22]))],
      ['invalid percent encoding', () => post('{}', {}, '/echo?a=%zz')],
      ['a gzip bomb', () => post(gzipSync(Buffer.alloc(10_000_000, '[')), { 'content-encoding': 'gzip' })],
      ['an encoding nobody knows', () => post('{}', { 'content-encoding': 'x-evil' })],
      ['a body that is too large', () => post('x'.repeat(200_000))],
      ['a type that lies', () => post('not json', { 'content-type': 'application/json' })],
      ['JSON under another type', () => post('{}', { 'content-type': 'text/plain' })],
    ])('%s', async (_, send) => {
      const { status, headers, body } = await send()
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
      expect(headers['content-type']).toContain('problem+json')
      expect(JSON.parse(body)).toMatchObject({ type: expect.stringMatching(/^urn:shop:problem:/) as string, status })
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
      expect((await target()).errors).toEqual([])
    })

    test('100,000 parameters in a request line, a header flood: node itself refuses, and lives', async () => {
      const { port } = await target()
      expect(
        await raw(
          port,
          `GET /echo?${'a&'.repeat(100_000)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
        ),
      ).toMatch(/^HTTP\/1\.1 4\d\d/)
      const flood = Array.from({ length: 5000 }, (_, i) => `X-H${i}: ${'v'.repeat(50)}`).join('\r\n')
      expect(
        await raw(port, `GET /echo HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${flood}\r\nConnection: close\r\n\r\n`),
      ).toMatch(/^HTTP\/1\.1 4\d\d/)
      expect((await ask(await target(), '/echo')).status).toBe(200)
    })

    test('a body that lies about its length', async () => {
      const { port } = await target()
      const head = `POST /echo HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`
      // longer than it says: the rest is taken for a next request, which it is not
      expect(await raw(port, `${head}Content-Length: 2\r\n\r\n{}{"evil":1}\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 (?:200[^]*HTTP\/1\.1 400|400)/,
      )
      // shorter than it says: the client goes, nobody is answered, and the server lives
      expect(await raw(port, `${head}Content-Length: 100\r\nConnection: close\r\n\r\n{}`, true)).toMatch(
        /^(?:$|HTTP\/1\.1 4)/,
      )
      expect(
        await raw(port, `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`),
      ).toMatch(/^HTTP\/1\.1 400/)
      expect(await raw(port, `${head}Content-Length: -1\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/)
      expect((await ask(await target(), '/echo')).status).toBe(200)
    })
  })
})

/** Sends bytes as they are, and gives what came back until the connection closed or fell silent. */
function raw(port: number, bytes: string, leave = false): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write(bytes)
      if (leave) setTimeout(() => socket.destroy(), 50)
    })
    socket.setTimeout(1500, () => socket.destroy())
    socket
      .on('data', (chunk) => (received += chunk.toString('latin1')))
      .on('error', () => {})
      .on('close', () => resolve(received))
  })
}
