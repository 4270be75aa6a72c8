import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { database, needs, redis as startRedis, type RedisServer } from '@shop/testkit'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest'

import { postgresStore, type PostgresStore } from '../postgres.ts'
import { redisStore } from '../redis.ts'
import type { ClaimStore } from './claim-store.ts'
import { claimsSql } from './claims-sql.ts'
import { memoryStore } from './memory-store.ts'

const lease = 60_000
let db: Awaited<ReturnType<typeof database>>
let pool: pg.Pool
let postgres: PostgresStore
beforeAll(async () => {
  db = await database()
  pool = new pg.Pool({ connectionString: db.url, max: 20 })
  postgres = postgresStore({ pool })
  await Promise.all(Array.from({ length: 5 }, () => postgres.migrate()))
})
afterAll(async () => {
  await pool?.end()
  await db?.[Symbol.asyncDispose]()
})

let redisServer: RedisServer | undefined
let client: Redis | undefined
afterAll(async () => {
  client?.disconnect()
  await redisServer?.close()
})
async function redis(ctx: TestContext): Promise<ClaimStore> {
  needs(ctx, 'redis')
  redisServer ??= await startRedis()
  client ??= new Redis(redisServer.url)
  return redisStore({ redis: client })
}

const stores: readonly [string, (ctx: TestContext) => ClaimStore | Promise<ClaimStore>][] = [
  ['memory', () => memoryStore()],
  ['PostgreSQL', () => postgres],
  ['Redis', redis],
]

let number = 0
const fresh = (): string => `key ${++number}`

describe.each(stores)('a claim store in %s', (_, make) => {
  test('claims once; others see it in flight, then completed with its result', async (ctx) => {
    const store = await make(ctx)
    const key = fresh()
    const first = await store.claim(key, { fingerprint: 'f', lease })
    expect(first).toEqual({ state: 'claimed', token: expect.any(String) as string })
    expect(await store.claim(key, { fingerprint: 'f', lease })).toEqual({ state: 'in-flight' })
    if (first.state !== 'claimed') return
    await store.complete(first.token, { status: 200, body: 'zürich' })
    expect(await store.claim(key, { fingerprint: 'f', lease })).toEqual({
      state: 'completed',
      result: { status: 200, body: 'zürich' },
    })
  })

  test('completes without a result', async (ctx) => {
    const store = await make(ctx)
    const key = fresh()
    const first = await store.claim(key, { fingerprint: 'f', lease })
    if (first.state === 'claimed') await store.complete(first.token)
    expect(await store.claim(key, { fingerprint: 'f', lease })).toEqual({ state: 'completed' })
  })

  test('refuses the same key for something else, in flight and completed', async (ctx) => {
    const store = await make(ctx)
    const key = fresh()
    const first = await store.claim(key, { fingerprint: 'f', lease })
    expect(await store.claim(key, { fingerprint: 'other', lease })).toEqual({ state: 'mismatch' })
    if (first.state === 'claimed') await store.complete(first.token)
    expect(await store.claim(key, { fingerprint: 'other', lease })).toEqual({ state: 'mismatch' })
  })

  test('what is released may be claimed at once, by anything', async (ctx) => {
    const store = await make(ctx)
    const key = fresh()
    const first = await store.claim(key, { fingerprint: 'f', lease })
    if (first.state === 'claimed') await store.release(first.token)
    expect(await store.claim(key, { fingerprint: 'other', lease })).toHaveProperty('state', 'claimed')
  })

  test('a lease that ran out is taken over, and the first claimant can do nothing more', async (ctx) => {
    const store = await make(ctx)
    const key = fresh()
    const first = await store.claim(key, { fingerprint: 'f', lease: 20 })
    await sleep(60)
    const second = await store.claim(key, { fingerprint: 'f', lease })
    expect(second).toHaveProperty('state', 'claimed')
    if (first.state !== 'claimed' || second.state !== 'claimed') return
    await store.release(first.token)
    expect(await store.claim(key, { fingerprint: 'f', lease })).toEqual({ state: 'in-flight' })
    await expect(store.complete(first.token)).rejects.toHaveProperty('code', 'ERR_SHOP_SECURITY_CLAIM')
    await store.complete(second.token)
    await expect(store.complete(second.token)).rejects.toHaveProperty('code', 'ERR_SHOP_SECURITY_CLAIM')
  })

  test('of many at once, one claims', async (ctx) => {
    const store = await make(ctx)
    const key = fresh()
    const claims = await Promise.all(
      Array.from({ length: 50 }, async () => store.claim(key, { fingerprint: 'f', lease })),
    )
    expect(claims.filter(({ state }) => state === 'claimed')).toHaveLength(1)
    expect(claims.filter(({ state }) => state === 'in-flight')).toHaveLength(49)
  })

  test('a position moves forward or stays, never back', async (ctx) => {
    const store = await make(ctx)
    const key = fresh()
    const moves: boolean[] = []
    for (const position of [5, 5, 7, 6, 7, 8]) moves.push(await store.advance!(key, position))
    expect(moves).toEqual([true, true, true, false, true, true])
  })
})

describe('postgresStore() in the caller’s transaction', () => {
  async function transaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    const tx = await pool.connect()
    try {
      await tx.query('begin')
      const result = await work(tx)
      await tx.query('commit')
      return result
    } catch (error) {
      await tx.query('rollback')
      throw error
    } finally {
      tx.release()
    }
  }

  test('committing is completing', async () => {
    const key = fresh()
    await transaction((tx) => postgres.claim(key, { fingerprint: 'f', lease, tx }))
    expect(await postgres.claim(key, { fingerprint: 'f', lease })).toEqual({ state: 'completed' })
  })

  test('a result can be added before the commit', async () => {
    const key = fresh()
    await transaction(async (tx) => {
      const claim = await postgres.claim(key, { fingerprint: 'f', lease, tx })
      if (claim.state === 'claimed') await postgres.complete(claim.token, [1])
    })
    expect(await postgres.claim(key, { fingerprint: 'f', lease })).toEqual({ state: 'completed', result: [1] })
  })

  test('a rollback leaves nothing, a second delivery waits for it and then claims', async () => {
    const key = fresh()
    let second: Promise<unknown> | undefined
    await expect(
      transaction(async (tx) => {
        await postgres.claim(key, { fingerprint: 'f', lease, tx })
        second = transaction((other) => postgres.claim(key, { fingerprint: 'f', lease, tx: other }))
        await sleep(50)
        throw new Error('crash')
      }),
    ).rejects.toThrow('crash')
    expect(await second).toHaveProperty('state', 'claimed')
  })

  test('a second delivery waits for a commit and then sees it completed', async () => {
    const key = fresh()
    let second: Promise<unknown> | undefined
    await transaction(async (tx) => {
      await postgres.claim(key, { fingerprint: 'f', lease, tx })
      second = transaction((other) => postgres.claim(key, { fingerprint: 'f', lease, tx: other }))
      await sleep(50)
    })
    expect(await second).toEqual({ state: 'completed' })
  })

  test('release() within it takes the claim back', async () => {
    const key = fresh()
    await transaction(async (tx) => {
      const claim = await postgres.claim(key, { fingerprint: 'f', lease, tx })
      if (claim.state === 'claimed') await postgres.release(claim.token)
    })
    expect(await postgres.claim(key, { fingerprint: 'f', lease })).toHaveProperty('state', 'claimed')
  })

  test('prunes what is beyond its retention, and nothing in flight', async () => {
    const store = postgresStore({ pool, retention: 0 })
    await store.claim(fresh(), { fingerprint: 'f', lease })
    const done = await store.claim(fresh(), { fingerprint: 'f', lease })
    if (done.state === 'claimed') await store.complete(done.token)
    const before = (await pool.query('select count(*)::int as n from shop_security_claims where completed_at is null'))
      .rows[0] as { n: number }
    expect(await store.prune()).toBeGreaterThan(0)
    const after = (
      await pool.query('select count(*)::int as n, count(completed_at)::int as done from shop_security_claims')
    ).rows[0] as { n: number; done: number }
    expect(after).toEqual({ n: before.n, done: 0 })
  })

  test('the module carries the very file', () => {
    expect(claimsSql).toBe(readFileSync(new URL('../../sql/claims.sql', import.meta.url), 'utf8'))
  })
})

describe('memoryStore()', () => {
  test('is bounded: the oldest completed goes, one in flight never', async () => {
    const store = memoryStore({ size: 2 })
    const first = await store.claim('a', { fingerprint: 'f', lease })
    await store.claim('b', { fingerprint: 'f', lease })
    await expect(store.claim('c', { fingerprint: 'f', lease })).rejects.toHaveProperty(
      'code',
      'ERR_SHOP_SECURITY_STORE_FULL',
    )
    if (first.state === 'claimed') await store.complete(first.token)
    expect(await store.claim('c', { fingerprint: 'f', lease })).toHaveProperty('state', 'claimed')
    expect(await store.claim('b', { fingerprint: 'f', lease })).toEqual({ state: 'in-flight' })
  })

  test('forgets what is beyond its retention', async () => {
    let now = 0
    const store = memoryStore({ retention: '1h', now: () => now })
    const first = await store.claim('a', { fingerprint: 'f', lease })
    if (first.state === 'claimed') await store.complete(first.token)
    now = 3_600_001
    expect(await store.claim('a', { fingerprint: 'other', lease })).toHaveProperty('state', 'claimed')
  })
})

test.each([
  [() => memoryStore({ size: 0 }), 'ERR_SHOP_SECURITY_OPTION'],
  [() => memoryStore({ ttl: 1 } as never), 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  [() => postgresStore({ pool: {} as never }), 'ERR_SHOP_SECURITY_OPTION'],
  [() => redisStore({ redis: undefined as never }), 'ERR_SHOP_SECURITY_OPTION'],
  [
    () => redisStore({ redis: { eval: () => Promise.resolve() }, retention: 'x' as never }),
    'ERR_SHOP_SECURITY_DURATION',
  ],
])('%s is refused when built', (build, code) => {
  expect(build).toThrow(expect.objectContaining({ code }))
})
