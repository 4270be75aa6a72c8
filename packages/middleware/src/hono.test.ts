import { Hono } from 'hono'
import { expect, test } from 'vitest'

import { protect } from './hono.ts'
import type { Outcome } from './lib/policy.ts'

/** Without @hono/node-server: fetch alone, as on Bun, Deno or workers. */
function app(outcomes: Outcome[] = []): Hono {
  const hono = new Hono()
  const policy = {
    name: 'all',
    evaluate: () => ({ headers: [['x-a', '1']] as const }),
    settle: (outcome: Outcome) => void outcomes.push(outcome),
  }
  hono.use(protect({ ipOf: (request) => request.headers.get('x-client') ?? 'unknown' }, policy))
  hono.get('/items/:id', (context) => context.text(context.req.param('id')))
  hono.get(
    '/stream',
    () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.from('more')) })),
  )
  hono.post('/echo', async (context) => context.json(await context.req.json()))
  return hono
}

test('works where there is only fetch, and settles when the body has been read', async () => {
  const outcomes: Outcome[] = []
  const response = await app(outcomes).request('/items/7', { headers: { 'x-client': '1.2.3.4' } })
  expect(response.headers.get('x-a')).toBe('1')
  expect(await response.text()).toBe('7')
  expect(outcomes).toMatchObject([{ kind: 'finished', status: 200, bytes: 1 }])
  const { route, ip, host } = outcomes[0]!.request
  expect({ route, ip, host }).toEqual({ route: '/items/:id', ip: '1.2.3.4', host: 'localhost' })
})

test('a HEAD settles, though nobody reads its body', async () => {
  const outcomes: Outcome[] = []
  await app(outcomes).request('/items/7', { method: 'HEAD' })
  expect(outcomes).toMatchObject([{ kind: 'finished', status: 200, bytes: 0 }])
})

test('a reader that gives up is an abort', async () => {
  const outcomes: Outcome[] = []
  const response = await app(outcomes).request('/stream')
  await response.body!.cancel()
  expect(outcomes).toMatchObject([{ kind: 'aborted' }])
})

test('a second protect() has the raw body that the first had read', async () => {
  const hono = new Hono()
  const read: string[] = []
  const policy = {
    name: 'bytes',
    evaluate: async (request: { bytes(limit: number): Promise<Uint8Array> }) =>
      void read.push(Buffer.from(await request.bytes(100)).toString()) as undefined,
  }
  hono.use(protect(policy))
  hono.use(protect(policy))
  hono.post('/', async (context) => context.json(await context.req.json()))
  const response = await hono.request('/', { method: 'POST', body: '{"a":1}' })
  expect(await response.json()).toEqual({ a: 1 })
  expect(read).toEqual(['{"a":1}', '{"a":1}'])
})
