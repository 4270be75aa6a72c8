import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { protect as express } from '@shop/middleware/express'
import { protect as fastify } from '@shop/middleware/fastify'
import { protect as hono } from '@shop/middleware/hono'
import { protect as koa } from '@shop/middleware/koa'
import { protect as nest } from '@shop/middleware/nest'
import { protect as node } from '@shop/middleware/node'
import { FRAMEWORKS, type Route, serve } from '@shop/testkit/frameworks'
import { view } from '@shop/testkit/view'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { expositionText } from './exposition.ts'
import { httpMetrics } from './http-metrics.ts'
import { metricsEndpoint } from './metrics-endpoint.ts'
import { currentTrace } from './trace-context.ts'
import { traceOf, tracing } from './tracing.ts'

const ADAPTERS = { express, fastify, hono, koa, nest, node } as never
const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/orders/:id',
    handle: ({ params }) => ({ body: `order ${params['id']}`, headers: { 'content-type': 'text/plain' } }),
  },
  { method: 'POST', path: '/orders', handle: () => ({ status: 201, body: 'made' }) },
  {
    method: 'GET',
    path: '/fails',
    handle: () => {
      throw new TypeError('broken')
    },
  },
  { method: 'GET', path: '/hangs', handle: () => new Promise(() => {}) },
  {
    method: 'GET',
    path: '/trace',
    handle: async ({ request }) => {
      await sleep(1)
      return { body: JSON.stringify([currentTrace(), traceOf(request)]) }
    },
  },
]

/** Where the framework tells what a handler threw; on the others a 500 is all that is known. */
const TELLS_ERRORS: ReadonlySet<string> = new Set(['fastify', 'koa', 'hono'])

describe.each(FRAMEWORKS.filter((name) => name !== 'http2'))('on %s', (framework) => {
  // plain node:http has no routes, so nothing can know a template there
  const route = (template: string): string => (framework === 'node' ? 'unmatched' : template)

  it('measures by route template, never by URL, and sees clients that go away', async () => {
    const register = new Registry()
    const policies = [
      tracing({ sample: 1 }),
      httpMetrics({ register, legacyNames: true }),
      metricsEndpoint({ register }),
    ]
    await using app = await serve(framework, ADAPTERS, policies, ROUTES)
    for (let i = 0; i < 5; i++) await fetch(`${app.url}/orders/${i}`).then((response) => response.text())
    for (let i = 0; i < 20; i++) await fetch(`${app.url}/no/such/${i}?q=${i}`).then((response) => response.text())
    await fetch(`${app.url}/orders`, {
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    }).then((response) => response.text())
    await fetch(`${app.url}/fails`).then((response) => response.text())
    await abortedRequest(app.port, 'GET /hangs HTTP/1.1\r\nhost: x\r\n\r\n')
    const text = await (await fetch(`${app.url}/metrics`)).text()
    const count = (labels: string): string => `http_server_request_duration_seconds_count{${labels}}`
    expect(text).toContain(
      `${count(`http_request_method="GET",http_route="${route('/orders/:id')}",http_response_status_code="200",url_scheme="http"`)} 5`,
    )
    expect(text).toContain(
      `${count('http_request_method="GET",http_route="unmatched",http_response_status_code="404",url_scheme="http"')} 20`,
    )
    expect(text).toContain(
      `${count(`http_request_method="POST",http_route="${route('/orders')}",http_response_status_code="201",url_scheme="http"`)} 1`,
    )
    expect(text).toContain(
      `${count(`http_request_method="GET",http_route="${route('/fails')}",http_response_status_code="500",url_scheme="http",error_type="${TELLS_ERRORS.has(framework) ? 'TypeError' : '500'}"`)} 1`,
    )
    expect(text).toMatch(
      /http_server_request_duration_seconds_count\{http_request_method="GET",http_route="(\/hangs|unmatched)"[^}]*error_type="aborted"\} 1/,
    )
    expect(text).toContain('http_server_active_requests{http_request_method="GET",url_scheme="http"} 0')
    expect(text).toContain(
      `http_server_request_body_size_bytes_sum{http_request_method="POST",http_route="${route('/orders')}"} 7`,
    )
    // where all routes are one, the aborted request is among them
    expect(text).toMatch(
      new RegExp(
        `http_requests_total\\{method="GET",route="${route('/orders/:id')}",status_code="200"\\} ${framework === 'node' ? 6 : 5}\n`,
      ),
    )
    expect(text).not.toContain('/no/such')
  })

  it('measures the bodies that were sent', async () => {
    const register = new Registry()
    await using app = await serve(framework, ADAPTERS, [httpMetrics({ register })], ROUTES)
    for (const method of ['GET', 'GET', 'HEAD']) await (await fetch(`${app.url}/orders/7`, { method })).text()
    const labels = (method: string): string => `{http_request_method="${method}",http_route="${route('/orders/:id')}"}`
    await expect
      .poll(async () => (await expositionText(register)).split('\n'))
      .toEqual(
        expect.arrayContaining([
          `http_server_response_body_size_bytes_sum${labels('GET')} ${2 * 'order 7'.length}`,
          `http_server_response_body_size_bytes_count${labels('GET')} 2`,
          `http_server_response_body_size_bytes_sum${labels('HEAD')} 0`,
        ]),
      )
  })

  it('gives handlers the trace of the caller, and the caller its request id', async () => {
    await using app = await serve(framework, ADAPTERS, [tracing()], ROUTES)
    const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const response = await fetch(`${app.url}/trace`, { headers: { traceparent: parent } })
    const [current, ofRequest] = (await response.json()) as [Record<string, unknown>, Record<string, unknown>]
    expect(current).toEqual(ofRequest)
    expect(current).toMatchObject({
      traceId: 'a'.repeat(32),
      sampled: true,
      requestId: response.headers.get('x-request-id'),
    })
    expect(current['spanId']).not.toBe('b'.repeat(16))
  })
})

describe('http metrics', () => {
  it('makes at most two series more than routes under 100,000 hostile URLs and methods', async () => {
    const register = new Registry()
    const policy = httpMetrics({ register, bodySizes: false })
    for (let i = 0; i < 100_000; i++) {
      const known = i % 1000 === 0
      const request = view({
        method: known ? 'GET' : `M${i}`,
        url: `/${i}/../%2e/${i}?${i}`,
        ...(known && { route: '/orders/:id' }),
      })
      void policy.evaluate!(request)
      policy.settle!({
        request,
        kind: 'finished',
        status: known ? 200 : 404,
        seconds: 0.01,
        bytes: 0,
        denied: undefined,
        error: undefined,
      })
    }
    const lines = (await expositionText(register))
      .split('\n')
      .filter((line) => line.startsWith('http_server_request_duration_seconds_count'))
    expect(lines.length).toBeLessThanOrEqual(1 + 2)
  })

  it('counts a request once where several policies write to one registry, and in each registry of its own', async () => {
    const [register, other] = [new Registry(), new Registry()]
    const request = view()
    const policies = [httpMetrics({ register }), httpMetrics({ register }), httpMetrics({ register: other })]
    for (const policy of policies) void policy.evaluate!(request)
    expect(await expositionText(register)).toContain('active_requests{http_request_method="GET",url_scheme="https"} 1')
    // the inner ones settle first where a body is watched
    for (const [i, policy] of [...policies.entries()].toReversed()) {
      const outcome = { request, kind: 'finished', status: 200, bytes: 7, denied: undefined, error: undefined } as const
      policy.settle!({ ...outcome, seconds: 10 - i })
    }
    for (const [place, seconds] of [
      [register, 10],
      [other, 8],
    ] as const) {
      const text = await expositionText(place)
      expect(text).toContain('active_requests{http_request_method="GET",url_scheme="https"} 0')
      expect(text).toMatch(new RegExp(`http_server_request_duration_seconds_sum\\{[^}]+\\} ${seconds}\n`))
      expect(text).toMatch(/http_server_request_duration_seconds_count\{[^}]+\} 1\n/)
      expect(text).toMatch(/http_server_response_body_size_bytes_sum\{[^}]+\} 7\n/)
    }
  })

  it('names what broke a response whose status had left', async () => {
    const register = new Registry()
    const policy = httpMetrics({ register })
    const request = view()
    void policy.evaluate!(request)
    const error = new RangeError('broken stream')
    policy.settle!({ request, kind: 'error', status: 200, seconds: 0.01, bytes: 5, denied: undefined, error })
    expect(await expositionText(register)).toContain('status_code="200",url_scheme="https",error_type="RangeError"} 1')
  })

  it('names the reason of a refusal', async () => {
    const register = new Registry()
    const policy = httpMetrics({ register })
    const request = view()
    void policy.evaluate!(request)
    policy.settle!({
      request,
      kind: 'finished',
      status: 403,
      seconds: 0.01,
      bytes: 0,
      denied: 'csrf',
      error: undefined,
    })
    policy.settle!({
      request: view(),
      kind: 'finished',
      status: 403,
      seconds: 0.01,
      bytes: 0,
      denied: 'never-seen',
      error: undefined,
    })
    const text = await expositionText(register)
    expect(text).toContain('http_response_status_code="403",url_scheme="https",error_type="csrf"} 1')
    expect(text).not.toContain('never-seen')
  })

  it('refuses options it does not know', () => {
    expect(() => httpMetrics({ registry: new Registry() } as never)).toThrow(/no option "registry"/)
    expect(() => httpMetrics({ bodySizes: 'yes' as never })).toThrow(/neither true nor false/)
  })
})

async function abortedRequest(port: number, head: string): Promise<void> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(head)
  await sleep(150)
  socket.destroy()
  await sleep(150)
}
