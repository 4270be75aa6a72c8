import { type Database, database, server } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { apply } from './apply.ts'
import { type Cache, createCache } from './cache.ts'
import { row, rows } from './sql.ts'

describe('the cache', () => {
  let db: Database
  let pool: pg.Pool
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 10, orders: 10 })
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['cache'] })
    pool = new pg.Pool({ connectionString: db.url, max: 8 })
    pool.on('error', () => {})
  })
  afterAll(async () => {
    await pool.end()
    await db.close()
  })

  test('keeps any JSON under any key', async () => {
    await using cache = createCache({ pool })
    const values = [
      'text',
      0,
      false,
      null,
      [1, { a: 'ü\u2028"\\' }],
      '\\u0000 \\ud83d spelt out, 😀\u001f',
      { deep: { er: [] } },
    ]
    for (const [n, value] of values.entries()) {
      await cache.set(`k${n}'"\\ü`, value)
      await expect(createCache({ pool, localEntries: 0 }).get(`k${n}'"\\ü`)).resolves.toEqual(value)
      expect(await cache.get(`k${n}'"\\ü`)).toEqual(value)
    }
    expect(await cache.get('nothing')).toBeUndefined()
    await cache.delete(`k0'"\\ü`)
    expect(await cache.get(`k0'"\\ü`)).toBeUndefined()
  })

  test('gets of one tick are one query, and so are sets', async () => {
    await using cache = createCache({ pool, localEntries: 0 })
    let queries = 0
    const query = pool.query.bind(pool)
    pool.query = ((...args: Parameters<typeof query>) => (queries++, query(...args))) as typeof pool.query
    try {
      await Promise.all(Array.from({ length: 500 }, (_, n) => cache.set(`many:${n}`, n)))
      expect(queries).toBe(1)
      expect(await Promise.all(Array.from({ length: 500 }, (_, n) => cache.get(`many:${n}`)))).toEqual(
        Array.from({ length: 500 }, (_, n) => n),
      )
      expect(queries).toBe(2)
    } finally {
      pool.query = query
    }
  })

  test('the last of many writes of one key is the one that stays, and a deleted one stays deleted', async () => {
    await using cache = createCache({ pool, localEntries: 0 })
    for (let n = 0; n < 50; n++) {
      void cache.set('busy', n)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await cache.set('busy', 'last')
    expect(await cache.get('busy')).toBe('last')
    void cache.set('busy', 'again')
    await cache.delete('busy')
    expect(await cache.get('busy')).toBeUndefined()
  })

  test('a value expires, here and in the table', async () => {
    await using cache = createCache({ pool })
    await cache.get('warm')
    await cache.set('brief', 1, { ttl: 60 })
    expect(await cache.get('brief')).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(await cache.get('brief')).toBeUndefined()
    expect((await cache.cleanUp()).expired).toBeGreaterThan(0)
  })

  test('many askers in many processes make one load', async () => {
    const caches = Array.from({ length: 4 }, () => createCache({ pool }))
    let loads = 0
    const load = async (): Promise<number> => {
      loads++
      await new Promise((resolve) => setTimeout(resolve, 100))
      return 42
    }
    const asked = await Promise.all(Array.from({ length: 200 }, (_, n) => caches[n % 4]!.wrap('stampede', load)))
    expect(new Set(asked)).toEqual(new Set([42]))
    expect(loads).toBe(1)
    for (const cache of caches) await cache[Symbol.asyncDispose]()
  })

  test('a load that fails is told, and the next asker tries again', async () => {
    await using cache = createCache({ pool })
    await expect(cache.wrap('fails', () => Promise.reject(new Error('no source')))).rejects.toThrow('no source')
    await expect(cache.wrap('fails', () => Promise.resolve(2))).resolves.toBe(2)
  })

  test('a loader that hears no signal is waited for no longer than its time, and the next asker tries again', async () => {
    await using cache = createCache({ pool, loadTimeout: 100 })
    await expect(cache.wrap('deaf', () => new Promise<number>(() => {}))).rejects.toThrow('timeout')
    await expect(cache.wrap('deaf', () => Promise.resolve(2))).resolves.toBe(2)
  })

  describe('what was loaded before a change is not kept after it:', () => {
    const CHANGES: [string, (cache: Cache) => Promise<void>, unknown][] = [
      ['delete', (cache) => cache.delete('old'), undefined],
      ['delete by tag', (cache) => cache.deleteTag('olds'), undefined],
      ['set', (cache) => cache.set('old', 'set since'), 'set since'],
    ]
    test.each(CHANGES.flatMap(([what, change, left]) => [true, false].map((here) => ({ what, change, left, here }))))(
      '$what, in the same process: $here',
      async ({ change, left, here }) => {
        await using cache = createCache({ pool })
        await using other = createCache({ pool })
        await db.client.query(`select shop.cache_delete('old')`)
        await cache.get('warm')
        const gate = Promise.withResolvers<string>()
        const begun = Promise.withResolvers<void>()
        const loading = cache.wrap(
          'old',
          () => {
            begun.resolve()
            return gate.promise
          },
          { tags: ['olds'] },
        )
        await begun.promise
        await change(here ? cache : other)
        const again = left === undefined ? (here ? cache : other).wrap('old', () => Promise.resolve('new')) : undefined
        if (again) expect(await again).toBe('new')
        gate.resolve('loaded before')
        expect(await loading).toBe('loaded before')
        expect(await cache.get('old')).toBe(left ?? 'new')
        expect(await other.get('old')).toBe(left ?? 'new')
      },
    )
  })

  test('a value is JSON and frozen, whoever asks and wherever it comes from', async () => {
    await using cache = createCache({ pool })
    await cache.get('warm')
    const mine = { at: new Date(0) as unknown as string, list: [{ n: 1 }] }
    const loaded = await cache.wrap('frozen', () => Promise.resolve(mine))
    mine.list[0]!.n = 99
    const json = { at: '1970-01-01T00:00:00.000Z', list: [{ n: 1 }] }
    for (const value of [
      loaded,
      await cache.get('frozen'),
      await createCache({ pool, localEntries: 0 }).get('frozen'),
    ]) {
      expect(value).toEqual(json)
      expect(() => ((value as typeof mine).list[0]!.n = 5)).toThrow(TypeError)
    }
    await cache.set('frozen', mine)
    mine.list.pop()
    expect(await cache.get('frozen')).toEqual({ ...json, list: [{ n: 99 }] })
    expect(Object.isFrozen(mine)).toBe(false)
  })

  test('a loader that died holds the others up no longer than its time', async () => {
    await using cache = createCache({ pool, loadTimeout: 300 })
    await db.client.query(`select shop.cache_claim('orphan', interval '300 ms')`)
    const start = performance.now()
    expect(await cache.wrap('orphan', () => Promise.resolve(1))).toBe(1)
    expect(performance.now() - start).toBeGreaterThan(200)
  })

  test('what one process changes, the others forget', async () => {
    await using a = createCache({ pool })
    await using b = createCache({ pool })
    await a.set('shared', 1, { tags: ['t'] })
    await a.get('x')
    await b.get('x')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([await a.get('shared'), await b.get('shared')]).toEqual([1, 1])
    await a.set('shared', 2, { tags: ['t'] })
    await expect.poll(() => b.get('shared')).toBe(2)
    await b.deleteTag('t')
    await expect.poll(() => a.get('shared')).toBeUndefined()
  })

  describe('a read that was overtaken by a change is not kept in the process:', () => {
    /** A pool whose queries of one kind wait, before they are sent or with their answer, until they are let go. */
    function slow(kind: RegExp, when: 'before' | 'after') {
      const gate = Promise.withResolvers<void>()
      const reached = Promise.withResolvers<void>()
      let armed = false
      const query = async (...args: unknown[]): Promise<unknown> => {
        const text = typeof args[0] === 'string' ? args[0] : (args[0] as { text: string }).text
        const send = (): unknown => (pool.query as (...all: unknown[]) => unknown)(...args)
        if (!armed || !kind.test(text)) return send()
        armed = false // only the first one
        const sent = when === 'after' ? await send() : undefined
        reached.resolve()
        await gate.promise
        return sent ?? send()
      }
      return {
        pool: new Proxy(pool, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)) }),
        arm: () => (armed = true),
        reached: reached.promise,
        letGo: gate.resolve,
      }
    }
    async function listening(cache: Cache): Promise<void> {
      const before = cache.counts().localHits
      await cache.set('warm', 1)
      await expect
        .poll(() => cache.get('warm').then(() => cache.counts().localHits), { timeout: 10_000 })
        .toBeGreaterThan(before)
    }
    const old = (key: string): Promise<unknown> => db.client.query(`select shop.cache_set($1, '"old"')`, [key])

    test('by another process', async () => {
      const way = slow(/cache_get_many/, 'after')
      await using cache = createCache({ pool: way.pool })
      await using other = createCache({ pool })
      await old('race')
      await listening(cache)
      await cache.set('marker', 1)
      way.arm()
      const read = cache.get('race')
      await way.reached
      await other.set('race', 'new')
      await other.set('marker', 2) // heard of after the other
      await expect.poll(() => cache.get('marker'), { timeout: 10_000 }).toBe(2)
      way.letGo()
      expect(await read).toBe('old')
      expect(await cache.get('race')).toBe('new')
    })

    test('by a set here', async () => {
      const way = slow(/cache_get_many/, 'after')
      await using cache = createCache({ pool: way.pool })
      await old('race here')
      await listening(cache)
      way.arm()
      const read = cache.get('race here')
      await way.reached
      const set = cache.set('race here', 'new')
      way.letGo()
      await Promise.all([read, set])
      expect(await cache.get('race here')).toBe('new')
    })

    test('by a delete here, when the read began first', async () => {
      const way = slow(/cache_get_many/, 'after')
      await using cache = createCache({ pool: way.pool })
      await old('race gone')
      await listening(cache)
      way.arm()
      const read = cache.get('race gone')
      await way.reached
      await cache.delete('race gone')
      way.letGo()
      expect(await read).toBe('old')
      expect(await cache.get('race gone')).toBeUndefined()
    })

    test.each([
      ['delete', /cache_delete\(/, (cache: Cache) => cache.delete('race going')],
      ['delete by tag', /cache_delete_tag/, (cache: Cache) => cache.deleteTag('going')],
    ])('by a %s here, when the read was over first', async (_what, kind, remove) => {
      const way = slow(kind, 'before')
      await using cache = createCache({ pool: way.pool })
      await db.client.query(`select shop.cache_set('race going', '"old"', new_tags => '{going}')`)
      await listening(cache)
      way.arm()
      const removed = remove(cache)
      await way.reached
      expect(await cache.get('race going')).toBe('old')
      way.letGo()
      await removed
      expect(await cache.get('race going')).toBeUndefined()
    })

    test('before changes were listened to', async () => {
      const way = slow(/cache_get_many/, 'after')
      await using cache = createCache({ pool: way.pool })
      await old('race early')
      way.arm()
      const read = cache.get('race early')
      await way.reached
      await db.client.query(`select shop.cache_set('race early', '"new"')`)
      await listening(cache)
      way.letGo()
      expect(await read).toBe('old')
      expect(await cache.get('race early')).toBe('new')
    })
  })

  test('a write that failed is not served from the process', async () => {
    let fail = false
    const failing = new Proxy(pool, {
      get: (target, name) =>
        name === 'query'
          ? (...args: unknown[]) =>
              fail ? Promise.reject(new Error('no')) : (target.query as (...all: unknown[]) => unknown)(...args)
          : Reflect.get(target, name),
    })
    await using cache = createCache({ pool: failing })
    await cache.set('kept', 'old')
    await expect.poll(() => cache.get('kept').then(() => cache.counts().localHits)).toBeGreaterThan(0)
    fail = true
    await cache.set('kept', 'new')
    fail = false
    expect(await cache.get('kept')).toBe('old')
  })

  test('what keeps nothing in the process opens no connection to listen', async () => {
    await using cache = createCache({ pool, localEntries: 0, schema: 'shop' })
    const listeners = (): Promise<{ n: number } | undefined> =>
      row(
        db.client,
        `select count(*)::int as n from pg_stat_activity where application_name = 'shop-pg cache' and datname = current_database()`,
      )
    await expect.poll(listeners, { timeout: 10_000 }).toEqual({ n: 0 })
    await cache.set('quiet', 1)
    expect(await cache.get('quiet')).toBe(1)
    expect(await listeners()).toEqual({ n: 0 })
  })

  test('keys whose hashes are equal do not answer for each other', async () => {
    await db.client.query(
      `insert into shop.cache_entry (hash, key, value, expires_at, written) values (hashtextextended('mine', 0), 'theirs', '1', now() + interval '1 hour', 0)`,
    )
    await using cache = createCache({ pool })
    expect(await cache.get('mine')).toBeUndefined()
    await cache.set('mine', 2)
    expect(await row(db.client, `select shop.cache_get('mine') as mine, shop.cache_get('theirs') as theirs`)).toEqual({
      mine: 2,
      theirs: null,
    })
  })

  test('is cut down to its bound, oldest first, or least used first where reads are noted', async () => {
    await db.client.query('truncate shop.cache_entry, shop.cache_use')
    for (let n = 0; n < 30; n++) await db.client.query(`select shop.cache_set($1, '1')`, [`e${n}`])
    await db.client.query(`select shop.cache_touch('e0')`)
    await using cache = createCache({ pool, maxEntries: 10 })
    expect(await cache.cleanUp()).toMatchObject({ evicted: 20 })
    const left = (await rows<{ key: string }>(db.client, 'select key from shop.cache_entry order by written')).map(
      ({ key }) => key,
    )
    expect(left).toEqual(['e0', ...Array.from({ length: 9 }, (_, n) => `e${n + 21}`)])
    expect(await row(db.client, 'select entries::int, expired::int from shop.cache_stats()')).toEqual({
      entries: 10,
      expired: 0,
    })
  })

  test('notes what is read where that is what is kept', async () => {
    await db.client.query('truncate shop.cache_entry, shop.cache_use')
    await using cache = createCache({ pool, maxEntries: 3, evict: 'used', localEntries: 0 })
    for (let n = 0; n < 6; n++) await cache.set(`u${n}`, n)
    await cache.get('u1')
    await expect.poll(() => rows(db.client, 'select from shop.cache_use')).toHaveLength(1)
    expect(await cache.cleanUp()).toMatchObject({ evicted: 3 })
    expect(await Promise.all(['u0', 'u1', 'u2', 'u3', 'u4', 'u5'].map((key) => cache.get(key)))).toEqual([
      undefined,
      1,
      undefined,
      undefined,
      4,
      5,
    ])
    await db.client.query('truncate shop.cache_entry')
    await cache.cleanUp()
    await expect.poll(() => rows(db.client, 'select from shop.cache_use')).toEqual([])
    expect(() => createCache({ pool, evict: 'lru' as never })).toThrow(/written or used/)
  })

  test('bounds what it keeps in the process', async () => {
    await using cache = createCache({ pool, localEntries: 5, localBytes: 1000 })
    await cache.get('warm')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await Promise.all(Array.from({ length: 20 }, (_, n) => cache.set(`b${n}`, 'x'.repeat(300))))
    const before = cache.counts().localHits
    for (let n = 0; n < 20; n++) await cache.get(`b${n}`)
    expect(cache.counts().localHits - before).toBeLessThanOrEqual(3)
  })

  test.each([
    ['an empty key', '', 1],
    ['a key too long', 'k'.repeat(1025), 1],
    ['a function', 'k', (() => 1) as never],
    ['a null character', 'k', 'a\0b'],
    ['a null character after a backslash', 'k', '\\\0'],
    ['half a character', 'k', ['a\ud83d']],
    ['a key with half a character', 'k\ud83d', 1],
  ])('refuses %s', async (_what, key, value) => {
    await using cache = createCache({ pool })
    expect(() => cache.set(key, value)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_PG_CACHE' }))
  })

  test('a server that dies makes misses, not errors, and nothing stale comes back with it', async () => {
    await using own = await server({ durable: true })
    const client = new pg.Client(own.url)
    client.on('error', () => {})
    await client.connect()
    await PLAIN.load(client, { products: 10, orders: 10 })
    await apply({ connect: own.url, mapping: PLAIN.mapping, assets: ['cache'] })
    const ownPool = new pg.Pool({ connectionString: own.url, connectionTimeoutMillis: 1000 })
    ownPool.on('error', () => {})
    const errors: Error[] = []
    await using cache = createCache({ pool: ownPool, onError: (error) => errors.push(error) })
    await cache.set('a', 'before the crash')
    await cache.get('warm')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await cache.get('a')).toBe('before the crash')
    await own.kill9()
    await expect.poll(() => cache.get('a'), { timeout: 5000 }).toBeUndefined()
    expect(await cache.wrap('b', () => Promise.resolve('from the source'))).toBe('from the source')
    expect(errors.length).toBeGreaterThan(0)
    await own.restart()
    await expect
      .poll(() => cache.set('c', 1).then(() => createCache({ pool: ownPool, localEntries: 0 }).get('c')), {
        timeout: 10_000,
      })
      .toBe(1)
    expect(await cache.get('a')).toBeUndefined()
    await ownPool.end()
  }, 120_000)
})
