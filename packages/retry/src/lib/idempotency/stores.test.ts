import { database, describeWith, redis as startRedis } from '@shop/testkit'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

import { memoryStore } from './memory-store.ts'
import { IDEMPOTENCY_SQL, postgresStore } from './postgres-store.ts'
import { redisStore } from './redis-store.ts'
import type { IdempotencyStore } from './store.ts'

/** What every store does. */
function conformance(make: () => IdempotencyStore): void {
  const claim = { fingerprint: 'f', lease: 10_000 }
  const token = async (store: IdempotencyStore, key: string): Promise<string> => {
    const claimed = await store.claim(key, claim)
    if (claimed.state !== 'claimed') throw new Error(claimed.state)
    return claimed.token
  }
  test('one claims, the others wait, then all get the result', async () => {
    const store = make()
    const id = await token(store, 'a')
    expect(await store.claim('a', claim)).toEqual({ state: 'in-flight' })
    await store.complete(id, { total: 5, lines: ['x'] })
    expect(await store.claim('a', claim)).toEqual({ state: 'completed', result: { total: 5, lines: ['x'] } })
  })
  test('done without a result is done', async () => {
    const store = make()
    await store.complete(await token(store, 'b'))
    const again = await store.claim('b', claim)
    expect([again.state, 'result' in again ? again.result : undefined]).toEqual(['completed', undefined])
  })
  test('another fingerprint is a mismatch, in flight and completed', async () => {
    const store = make()
    const id = await token(store, 'c')
    expect(await store.claim('c', { ...claim, fingerprint: 'g' })).toEqual({ state: 'mismatch' })
    await store.complete(id, 1)
    expect(await store.claim('c', { ...claim, fingerprint: 'g' })).toEqual({ state: 'mismatch' })
  })
  test('released is free', async () => {
    const store = make()
    await store.release(await token(store, 'd'))
    expect((await store.claim('d', claim)).state).toBe('claimed')
  })
  test('a lease that ran out is taken over, and its holder has no say any more', async () => {
    const store = make()
    const first = await store.claim('e', { ...claim, lease: 20 })
    await wait(60)
    const second = await token(store, 'e')
    await store.complete((first as { token: string }).token, 'first')
    await store.release((first as { token: string }).token)
    expect(await store.claim('e', claim)).toEqual({ state: 'in-flight' })
    await store.complete(second, 'second')
    expect(await store.claim('e', claim)).toEqual({ state: 'completed', result: 'second' })
    await store.release(second)
    expect((await store.claim('e', claim)).state).toBe('completed')
  })
  test('of two hundred at once exactly one claims', async () => {
    const store = make()
    const claims = await Promise.all(Array.from({ length: 200 }, async () => store.claim('f', claim)))
    expect(claims.filter(({ state }) => state === 'claimed')).toHaveLength(1)
    expect(claims.filter(({ state }) => state === 'in-flight')).toHaveLength(199)
  })
}

describe('memory', () => {
  conformance(() => memoryStore())
  test('is bounded: the oldest completed are forgotten first, and what runs never', async () => {
    let now = 0
    const store = memoryStore({ max: 3, ttl: '1h', now: () => now })
    const claim = { fingerprint: 'f', lease: 1000 }
    for (const key of ['a', 'b']) {
      const claimed = await store.claim(key, claim)
      if (claimed.state === 'claimed') await store.complete(claimed.token, key)
    }
    for (const key of ['c', 'd', 'e']) expect((await store.claim(key, claim)).state).toBe('claimed')
    expect((await store.claim('g', claim)).state).toBe('in-flight')
    now = 1001
    expect((await store.claim('g', claim)).state).toBe('claimed')
  })
})

describe('PostgreSQL', () => {
  let db: Awaited<ReturnType<typeof database>>
  let pool: pg.Pool
  beforeAll(async () => {
    db = await database()
    pool = new pg.Pool({ connectionString: db.url, max: 8 })
    await postgresStore(pool).install()
    await postgresStore(pool).install()
  })
  afterAll(async () => {
    await pool.end()
    await db.close()
  })
  conformance(() => postgresStore(pool))
  test('the shipped SQL is what the module carries', () => {
    expect(readFileSync(new URL('../../../sql/idempotency.sql', import.meta.url), 'utf8')).toBe(IDEMPOTENCY_SQL)
  })
  test('in a transaction the claim lives and dies with it', async () => {
    const store = postgresStore(pool)
    const claim = { fingerprint: 'f', lease: 60_000 }
    const [one, two] = [await pool.connect(), await pool.connect()]
    await one.query('begin')
    await two.query('begin')
    const claimed = await store.claim('tx', { ...claim, tx: one })
    expect(claimed.state).toBe('claimed')
    expect(await store.claim('tx', { ...claim, tx: two })).toEqual({ state: 'in-flight' })
    await two.query('rollback')
    await one.query('rollback')
    await one.query('begin')
    const again = await store.claim('tx', { ...claim, tx: one })
    await store.complete((again as { token: string }).token, { done: true }, one)
    await expect(store.complete((claimed as { token: string }).token, 0, one)).rejects.toMatchObject({
      code: 'ERR_SHOP_RETRY_STORE',
    })
    await one.query('commit')
    expect(await store.claim('tx', claim)).toEqual({ state: 'completed', result: { done: true } })
    one.release()
    two.release()
  })
  test('sweeps what is no longer remembered', async () => {
    const store = postgresStore(pool, { ttl: 1 })
    const claimed = await store.claim('old', { fingerprint: 'f', lease: 10_000 })
    await store.complete((claimed as { token: string }).token, 1)
    await wait(20)
    expect(await store.sweep()).toBeGreaterThanOrEqual(1)
  })
})

describeWith('redis', 'Redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  let client: Redis
  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.port, '127.0.0.1')
  })
  afterAll(async () => {
    client.disconnect()
    await server.close()
  })
  conformance(() => redisStore(client))
  test('an answer that is no claim is an error, not a claim', async () => {
    const store = redisStore({ eval: async () => 'OK' })
    await expect(store.claim('x', { fingerprint: 'f', lease: 1 })).rejects.toMatchObject({
      code: 'ERR_SHOP_RETRY_STORE',
    })
  })
})
