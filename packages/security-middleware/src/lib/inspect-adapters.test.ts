import { protect as express } from '@shop/middleware/express'
import { protect as fastify } from '@shop/middleware/fastify'
import { protect as hono } from '@shop/middleware/hono'
import { protect as koa } from '@shop/middleware/koa'
import { protect as nest } from '@shop/middleware/nest'
import { protect as node } from '@shop/middleware/node'
import { type Adapters, FRAMEWORKS, type Route, serve } from '@shop/testkit/frameworks'
import { describe, expect, it } from 'vitest'

import { inspect } from './inspect.ts'
import { sanitizedBody, sanitizeInput } from './sanitize-input.ts'

const adapters = { express, fastify, hono, koa, nest, node } as unknown as Adapters
const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/reviews',
    handle: ({ request }) => ({
      body: JSON.stringify(sanitizedBody(request)),
      headers: { 'content-type': 'application/json' },
    }),
  },
]

describe.each(FRAMEWORKS.filter((name) => name !== 'http2'))('inspect and sanitizeInput on %s', (framework) => {
  it('refuse an attack in the query and in the body, and hand the sanitised body on', async () => {
    const policies = [
      inspect({ mode: 'enforce', jailAt: 1_000, fields: { html: 'html' } }),
      sanitizeInput({ fields: { html: 'html' } }),
    ]
    await using served = await serve(framework, adapters, policies, routes)
    const post = async (body: unknown, query = ''): Promise<{ status: number; body: unknown }> => {
      const response = await fetch(`${served.url}/reviews${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return { status: response.status, body: await response.json() }
    }
    expect(await post({ name: "O'Brien", html: '<p>ok<u class="x">!</u></p>' })).toEqual({
      status: 200,
      body: { name: "O'Brien", html: '<p>ok<u>!</u></p>' },
    })
    expect(await post({ name: "' or 1=1--" })).toMatchObject({
      status: 403,
      body: { type: 'urn:shop:problem:suspicious-request' },
    })
    expect((await post({}, '?q=%27%20or%201%3D1--')).status).toBe(403)
    expect(served.errors).toEqual([])
  })
})
