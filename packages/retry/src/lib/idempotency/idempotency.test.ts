import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

import { protect } from '@shop/middleware/express'
import { database, type Database } from '@shop/testkit'
import express from 'express'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { exactlyOnce, idempotency } from './idempotency.ts'
import { memoryStore } from './memory-store.ts'
import { postgresStore } from './postgres-store.ts'
import type { IdempotencyStore } from './store.ts'

const stops: (() => Promise<unknown>)[] = []
let db: Database
let pool: pg.Pool

beforeAll(async () => {
  db = await database()
  pool = new pg.Pool({ connectionString: db.url, max: 8 })
  await postgresStore(pool).install()
  await db.client.query('create table effects (id serial, note text)')
})
afterAll(async () => {
  for (const stop of stops) await stop()
  await pool.end()
  await db.close()
})

type Handler = (request: express.Request, response: express.Response) => unknown

async function serve(policy: ReturnType<typeof idempotency>, handle: Handler) {
  const app = express()
  app.use(express.json())
  app.use(protect(policy))
  app.all('/orders', (request, response, next) => {
    Promise.resolve(handle(request, response)).catch(next)
  })
  app.use(((_error, _request, response, _next) => response.status(500).end()) as express.ErrorRequestHandler)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`
  return (key: string | undefined, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...headers,
      },
      body: JSON.stringify(body),
    })
}

const by = (store: IdempotencyStore) =>
  idempotency({ store, principal: (request) => request.header('authorization') ?? 'nobody' })

test('the first is worked on, the second gets the first’s response, whole', async () => {
  let runs = 0
  const post = await serve(by(memoryStore()), (_request, response) => {
    runs++
    response.status(201).set('location', '/orders/1').set('x-other', '1').json({ order: runs })
  })
  const first = await post('"a"', { item: 1, count: 2 })
  const second = await post('"a"', { count: 2, item: 1 })
  expect([first.status, await first.json(), first.headers.get('idempotency-replayed')]).toEqual([
    201,
    { order: 1 },
    null,
  ])
  expect([second.status, await second.json(), second.headers.get('idempotency-replayed')]).toEqual([
    201,
    { order: 1 },
    'true',
  ])
  expect(second.headers.get('location')).toBe('/orders/1')
  expect(second.headers.get('content-type')).toContain('application/json')
  expect(runs).toBe(1)
})

test('400 without a key and for one that is none, 422 for another payload, 409 while it runs; a key is its principal’s own', async () => {
  let open: (() => void) | undefined
  let runs = 0
  const post = await serve(by(memoryStore()), async (_request, response) => {
    runs++
    if (runs === 1) await new Promise<void>((resolve) => (open = resolve))
    response.json({ runs })
  })
  const code = async (response: Response) => [
    response.status,
    ((await response.json()) as { type: string }).type.split(':').at(-1),
  ]
  expect(await code(await post(undefined, {}))).toEqual([400, 'idempotency-key-missing'])
  expect(await code(await post('a, b', {}))).toEqual([400, 'idempotency-key-malformed'])
  const first = post('k', { n: 1 })
  while (!open) await new Promise((resolve) => setTimeout(resolve, 5))
  const busy = await post('k', { n: 1 })
  expect(busy.headers.get('retry-after')).toBe('1')
  expect(await code(busy)).toEqual([409, 'idempotency-key-in-flight'])
  expect(await code(await post('k', { n: 2 }))).toEqual([422, 'idempotency-key-reused'])
  expect((await post('k', { n: 2 }, { authorization: 'somebody else' })).status).toBe(200)
  open()
  expect((await first).status).toBe(200)
  expect(await code(await post('k', { n: 2 }))).toEqual([422, 'idempotency-key-reused'])
})

test('a server error frees the key, a client error is an answer', async () => {
  let status = 500
  let runs = 0
  const post = await serve(by(memoryStore()), (_request, response) => {
    runs++
    response.status(status).json({})
  })
  expect((await post('k', {})).status).toBe(500)
  status = 400
  expect((await post('k', {})).status).toBe(400)
  expect((await post('k', {})).headers.get('idempotency-replayed')).toBe('true')
  expect(runs).toBe(2)
})

test('a lost store refuses, or passes when that is what was decided', async () => {
  const down: IdempotencyStore = {
    claim: () => Promise.reject(new Error('down')),
    complete: () => undefined,
    release: () => undefined,
  }
  const refuse = await serve(by(down), (_request, response) => response.json({}))
  expect((await refuse('k', {})).status).toBe(503)
  const pass = await serve(
    idempotency({ store: down, principal: () => 'x', storeDown: 'pass' }),
    (_request, response) => response.json({}),
  )
  expect((await pass('k', {})).status).toBe(200)
})

test('of a thousand concurrent duplicates exactly one is executed, in the handler’s transaction', async () => {
  const policy = idempotency({ store: postgresStore(pool), principal: () => 'x', mode: 'in-transaction' })
  const post = await serve(policy, async (request, response) => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      const once = await exactlyOnce(request, client, async () => {
        const { rows } = await client.query(`insert into effects (note) values ('paid') returning id`)
        return (rows[0] as { id: number }).id
      })
      await client.query('commit')
      if (!('result' in once)) return response.status(once.state === 'mismatch' ? 422 : 409).end()
      response.json({ id: once.result, replayed: once.state === 'replayed' })
    } finally {
      client.release()
    }
  })
  const statuses: number[] = []
  const ids = new Set<number>()
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const response = await post('pay-1', { amount: 5 })
        statuses.push(response.status)
        if (response.status === 200) ids.add(((await response.json()) as { id: number }).id)
        else await response.arrayBuffer()
      }),
    )
  }
  const { rows } = await db.client.query(`select count(*)::int as n from effects where note = 'paid'`)
  expect(rows[0].n).toBe(1)
  expect(ids.size).toBe(1)
  expect(statuses.every((status) => status === 200 || status === 409)).toBe(true)
  expect((await post('pay-1', { amount: 6 })).status).toBe(422)
})

const DRILL = `
import pg from 'pg'
const [url, module, point] = process.argv.slice(1)
const { postgresStore } = await import(module)
const client = new pg.Client(url)
await client.connect()
const die = (here) => { if (here === point) process.kill(process.pid, 'SIGKILL') }
const store = postgresStore(client)
await client.query('begin')
const claim = await store.claim('drill', { fingerprint: 'f', lease: 60000, tx: client })
if (claim.state === 'claimed') {
  die('claimed')
  await client.query("insert into effects (note) values ('drill')")
  die('worked')
  await store.complete(claim.token, 'receipt', client)
  die('recorded')
}
await client.query('commit')
process.stdout.write(claim.state)
await client.end()
`

test('killed anywhere between claim, effect, record and commit, the work happens exactly once', async () => {
  const module = new URL('./postgres-store.ts', import.meta.url).href
  const run = async (point: string): Promise<string> => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', DRILL, db.url, module, point], {
      cwd: import.meta.dirname,
    })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => (out += String(chunk)))
    child.stderr.on('data', (chunk) => (err += String(chunk)))
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    return signal ?? (code === 0 ? out : err)
  }
  expect([await run('claimed'), await run('worked'), await run('recorded')]).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL'])
  let last = await run('never')
  // the killed session's locks end when the server notices that its client is gone
  for (let tries = 0; last === 'in-flight' && tries < 50; tries++) last = await run('never')
  expect(last).toBe('claimed')
  expect(await run('never')).toBe('completed')
  const { rows } = await db.client.query(`select count(*)::int as n from effects where note = 'drill'`)
  expect(rows[0].n).toBe(1)
})
