import { database, describeWith, redis as startRedis, server as startPostgres } from '@shop/testkit'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setTimeout as wait } from 'node:timers/promises'

import { breaker } from '../breaker.ts'
import { pipeline } from '../pipeline.ts'
import { clusterLink } from './link.ts'
import { postgresTransport } from './postgres-transport.ts'
import { Quorum } from './quorum.ts'
import { redisTransport } from './redis-transport.ts'
import type { Transport } from './transport.ts'

async function until(what: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!what()) {
    if (performance.now() > end) throw new Error('it did not come')
    await wait(10)
  }
}

function node(transport: Transport) {
  const b = breaker({ minimum: 1, failureRate: 0.5, openFor: '1m', maxOpenFor: '1m' })
  const link = clusterLink({ breakers: { payments: b }, transport, heartbeat: 100 })
  const p = pipeline('payments', [b])
  const fail = () => p.tryRun(() => Promise.reject(Object.assign(new Error('x'), { status: 503 })))
  return { b, link, p, fail }
}

function conformance(transport: () => Transport): void {
  test('one bad node cannot open the others; a majority can', async () => {
    const nodes = Array.from({ length: 4 }, () => node(transport()))
    try {
      await until(() => nodes.every(({ link }) => link.up && link.nodes === 4))
      await nodes[0]!.fail()
      await wait(300)
      expect(nodes.map(({ b }) => b.state.kind)).toEqual(['open', 'closed', 'closed', 'closed'])
      await nodes[1]!.fail()
      await wait(300)
      expect(nodes.map(({ b }) => b.state.kind)).toEqual(['open', 'open', 'closed', 'closed'])
      await nodes[2]!.fail()
      await until(() => nodes[3]!.b.state.kind === 'open')
      expect(nodes[3]!.b.state).toMatchObject({ why: 'a quorum of the cluster' })
    } finally {
      await Promise.all(nodes.map(({ link }) => link[Symbol.asyncDispose]()))
    }
  })
}

describe('PostgreSQL', () => {
  let db: Awaited<ReturnType<typeof database>>
  beforeAll(async () => {
    db = await database()
  })
  afterAll(() => db.close())
  // upper case, for PostgreSQL folds names that are not quoted
  conformance(() => postgresTransport(() => new pg.Client(db.url), { channel: 'Shop_Retry' }))
  test('when the database is gone every node decides alone, no call fails by it, and the link comes back', async () => {
    await using own = await disposable()
    const one = node(postgresTransport(() => new pg.Client(own.url)))
    try {
      await until(() => one.link.up)
      await own.terminate()
      await until(() => !one.link.up)
      expect(await one.p.run(() => 'served')).toBe('served')
      await until(() => one.link.up)
    } finally {
      await one.link[Symbol.asyncDispose]()
    }
  })
})

async function disposable() {
  const own = await startPostgres()
  const admin = new pg.Client(own.url)
  await admin.connect()
  admin.on('error', () => undefined)
  return {
    url: own.url,
    terminate: () =>
      admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = $1',
        ['client backend'],
      ),
    async [Symbol.asyncDispose]() {
      await admin.end()
      await own.stop()
    },
  }
}

test('a database that never answers harms no call', async () => {
  const one = node(postgresTransport(() => new pg.Client('postgres://nobody:nothing@127.0.0.1:9/none')))
  expect(await one.p.run(() => 1)).toBe(1)
  await one.fail()
  expect(one.b.state.kind).toBe('open')
  expect(one.link.up).toBe(false)
  await one.link[Symbol.asyncDispose]()
})

describeWith('redis', 'Redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  const clients: Redis[] = []
  const connect = (): Redis => {
    const client = new Redis(server.port, '127.0.0.1', { maxRetriesPerRequest: 0 })
    client.on('error', () => undefined)
    clients.push(client)
    return client
  }
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(async () => {
    for (const client of clients) client.disconnect()
    await server.close()
  })
  conformance(() => redisTransport(connect()))
  test('Redis killed: local decisions, no failed call, and the link comes back', async () => {
    const one = node(redisTransport(connect()))
    await until(() => one.link.up)
    await server.kill9()
    await until(() => !one.link.up)
    expect(await one.p.run(() => 'served')).toBe('served')
    await server.restart()
    await until(() => one.link.up)
    await one.link[Symbol.asyncDispose]()
  })
})

test('a node that fell silent has no voice, and messages that are none are ignored', async () => {
  const quorum = new Quorum(0.5, 2, 1000)
  for (const name of ['a', 'b', 'c']) quorum.hear(name, new Set(['x']), 0)
  expect(quorum.reached('x', 500)).toBe(true)
  quorum.hear('d', new Set(), 1500)
  expect(quorum.alive(1600)).toBe(1)
  expect(quorum.reached('x', 1600)).toBe(false)

  let hear: (message: string) => void = () => undefined
  const silent: Transport = {
    start: (onMessage) => (hear = onMessage),
    send: async () => true,
    [Symbol.asyncDispose]: async () => undefined,
  }
  const one = node(silent)
  for (const message of [
    '',
    'null',
    '{}',
    '[1]',
    '{"node":1,"open":[]}',
    '{"node":"a","open":"payments"}',
    '{"node":"a","open":["__proto__",3]}',
    'x'.repeat(5000),
  ])
    hear(message)
  for (const name of ['a', 'b', 'c']) hear(JSON.stringify({ node: name, open: ['payments', 'unknown'] }))
  expect(one.b.state.kind).toBe('open')
  await one.link[Symbol.asyncDispose]()
})

test('what cannot be linked is refused', () => {
  expect(() => clusterLink({ breakers: {}, transport: {} as never })).toThrow('clusterLink.breakers')
  expect(() => clusterLink({ breakers: { a: 1 as never }, transport: {} as never })).toThrow('clusterLink.breakers')
  expect(() => clusterLink({ breakers: { a: breaker() }, transport: {} as never })).toThrow('clusterLink.transport')
  expect(() => postgresTransport(() => ({}) as never, { channel: 'a b' })).toThrow('postgresTransport.channel')
  expect(() => redisTransport({} as never, { channel: '' })).toThrow('redisTransport.channel')
})
