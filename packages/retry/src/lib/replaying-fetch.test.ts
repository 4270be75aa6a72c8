import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import { deadline } from './deadline.ts'
import { pipeline } from './pipeline.ts'
import { DEADLINE_HEADER } from './replaying-fetch.ts'
import { retry } from './retry.ts'

let server: Server
let url: string
let seen: { method: string; body: string; headers: IncomingMessage['headers'] }[] = []
let answer: (request: IncomingMessage, response: ServerResponse, nth: number) => void

beforeAll(async () => {
  server = createServer((request, response) => {
    void text(request).then((body) => {
      seen.push({ method: request.method!, body, headers: request.headers })
      answer(request, response, seen.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  seen = []
  answer = (_request, response, nth) => {
    response.statusCode = nth < 3 ? 503 : 200
    response.end(`answer ${nth}`)
  }
})

const p = pipeline('p', [deadline('5s'), retry({ base: 1, max: 2 })])

test('a failed response is tried again, with the whole body each time', async () => {
  const response = await p.fetch(url, { method: 'POST', body: 'text' })
  expect([response.status, await response.text()]).toEqual([200, 'answer 3'])
  expect(seen.map(({ method, body }) => [method, body])).toEqual([
    ['POST', 'text'],
    ['POST', 'text'],
    ['POST', 'text'],
  ])
})

test('when all attempts fail the last response is handed on, whole', async () => {
  answer = (_request, response, nth) => {
    response.statusCode = 503
    response.end(`no ${nth}`)
  }
  const response = await p.fetch(url)
  expect([response.status, await response.text()]).toEqual([503, 'no 4'])
})

test('the server is told how long the caller will wait', async () => {
  answer = (_request, response) => response.end()
  await p.fetch(url)
  const told = Number(seen[0]!.headers[DEADLINE_HEADER])
  expect(told).toBeGreaterThan(4900)
  expect(told).toBeLessThanOrEqual(5000)
  await pipeline('q', []).fetch(url)
  expect(seen[1]!.headers[DEADLINE_HEADER]).toBeUndefined()
})

test('a 500 of a POST is final, unless it carries an Idempotency-Key', async () => {
  answer = (_request, response, nth) => {
    response.statusCode = nth === 1 ? 500 : 200
    response.end()
  }
  expect((await p.fetch(url, { method: 'POST' })).status).toBe(500)
  seen = []
  expect((await p.fetch(url, { method: 'POST', headers: { 'idempotency-key': 'k' } })).status).toBe(200)
  seen = []
  expect((await p.fetch(url, { method: 'PUT', body: 'x' })).status).toBe(200)
})

test('a body that can be read only once is sent once', async () => {
  const stream = new Response('streamed').body!
  expect((await p.fetch(url, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit)).status).toBe(503)
  expect(seen).toHaveLength(1)
  seen = []
  expect((await p.fetch(new Request(url, { method: 'PUT', body: 'in a Request' }))).status).toBe(503)
  expect(seen.map(({ body }) => body)).toEqual(['in a Request'])
  seen = []
  expect((await p.fetch(new Request(url))).status).toBe(200)
})

test('a broken connection is tried again for a GET, not for a POST', async () => {
  answer = (request, response, nth) => (nth === 1 ? request.socket.destroy() : response.end())
  expect((await p.fetch(url)).status).toBe(200)
  seen = []
  await expect(p.fetch(url, { method: 'POST' })).rejects.toThrow('fetch failed')
  expect(seen).toHaveLength(1)
})

test('the caller’s signal ends the call, and the reading of a body after it', async () => {
  answer = (_request, response) => void response.write('first part')
  const controller = new AbortController()
  const response = await p.fetch(url, { signal: controller.signal })
  const reading = response.text()
  controller.abort(new Error('left'))
  await expect(reading).rejects.toThrow('left')
  answer = () => undefined
  const second = new AbortController()
  const calling = p.fetch(url, { signal: second.signal })
  await wait(10)
  second.abort(new Error('left too'))
  await expect(calling).rejects.toThrow('left too')
})

test('responses nobody gets keep no connection', async () => {
  answer = (_request, response, nth) => {
    response.statusCode = nth % 2 === 1 ? 503 : 200
    response.end('x'.repeat(100_000))
  }
  for (let i = 0; i < 30; i++) await (await p.fetch(url)).text()
  const connections = await new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
  expect(connections).toBeLessThan(15)
})
