import express from 'express'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { describe, expect, test } from 'vitest'

import { explain, protect } from './express.ts'
import type { Outcome } from './lib/policy.ts'

// the types of Express 5 stand for both
const { default: express4 } = (await import('express4' as string)) as { default: typeof express }

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('explain on %s', (_name, create) => {
  test('prints the policies and finds nothing wrong with protect() first', () => {
    const app = create()
    app.use(protect({ name: 'csrf', evaluate: () => undefined }))
    app.use(create.json())
    app.get('/', (_request, response) => void response.end())
    expect(explain(app)).toBe(' 1. csrf  evaluate')
  })

  test('warns of routes and parsers that stand before it', () => {
    const app = create()
    app.use(create.json())
    app.post('/orders', (_request, response) => void response.end())
    app.use(protect({ name: 'csrf', evaluate: () => undefined }))
    expect(explain(app).split('\n').slice(1)).toEqual([
      'warning: routes stand before protect(), which does not see them: /orders',
      'warning: jsonParser stands before protect(): policies cannot refuse a body before it is parsed, nor read its raw bytes',
    ])
  })

  test('says when there is none', () => {
    expect(explain(create())).toBe('warning: no protect() in this application')
  })
})

test.each([
  ['application/json', '{"a":1}'],
  ['application/x-www-form-urlencoded; note=json', 'a=1'],
])(
  'a second protect() on a route has the raw body that the first had read as %s, and its denial is told to the first',
  async (type, sent) => {
    const outcomes: Outcome[] = []
    const raw: string[] = []
    const app = express()
    app.use(
      protect(
        { name: 'inspect', inspect: () => undefined },
        { name: 'metrics', settle: (outcome) => void outcomes.push(outcome) },
      ),
    )
    const signed = protect({
      name: 'signed',
      evaluate: async (request) => {
        raw.push(Buffer.from(await request.bytes(100)).toString())
        return request.query === '' ? undefined : { deny: { status: 403, code: 'forged', title: 'Forged' } }
      },
    })
    app.post(
      '/',
      signed,
      express.urlencoded({ extended: false }),
      (request, response) => void response.json(request.body),
    )
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const post = (path: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: sent,
      })
    expect(await (await post('/')).json()).toEqual(type.includes('form') ? { a: '1' } : { a: 1 })
    expect((await post('/?forged')).status).toBe(403)
    expect(raw).toEqual([sent, sent])
    await expect.poll(() => outcomes.map(({ denied }) => denied)).toEqual([undefined, 'forged'])
    server.closeAllConnections()
    server.close()
  },
)

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('secure on %s', (_name, create) => {
  /** What a policy and the framework itself say of one request. */
  async function said(trust: boolean, encrypted: boolean, forwarded?: string): Promise<readonly boolean[]> {
    const seen: boolean[] = []
    const app = create()
    app.set('trust proxy', trust)
    app.use(protect({ name: 'look', evaluate: ({ secure }) => void seen.push(secure) }))
    app.use((request, response) => {
      seen.push(request.secure)
      response.end()
    })
    const server = createServer((request, response) => {
      // how a TLS socket says that it is one
      if (encrypted) Object.assign(request.socket, { encrypted })
      app(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const headers: Record<string, string> = forwarded === undefined ? {} : { 'x-forwarded-proto': forwarded }
    await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers })).text()
    server.closeAllConnections()
    server.close()
    return seen
  }

  test.each([
    [false, false, undefined, false],
    [false, true, undefined, true],
    [false, false, 'https', false],
    [false, true, 'http', true],
    [true, false, undefined, false],
    [true, true, undefined, true],
    [true, false, 'https', true],
    [true, true, 'http', false],
    [true, true, '', true],
  ])('trust %s, TLS %s, x-forwarded-proto %s: %s, as the framework says', async (trust, tls, forwarded, secure) => {
    expect(await said(trust, tls, forwarded)).toEqual([secure, secure])
  })
})
