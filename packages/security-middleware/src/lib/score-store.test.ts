import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

import { database, needs, redis as startRedis, type RedisServer } from '@shop/testkit'
import { view } from '@shop/testkit/view'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest'

import { postgresScores, type PostgresScores } from '../postgres.ts'
import { redisScores } from '../redis.ts'
import { memoryScores, type ScoreStore } from './client-score.ts'
import { inspect } from './inspect.ts'
import { scoresSql } from './scores-sql.ts'

let db: Awaited<ReturnType<typeof database>>
let pool: pg.Pool
let postgres: PostgresScores
beforeAll(async () => {
  db = await database()
  pool = new pg.Pool({ connectionString: db.url, max: 10 })
  postgres = postgresScores({ pool })
  await Promise.all(Array.from({ length: 5 }, () => postgres.migrate()))
})
afterAll(async () => {
  await pool?.end()
  await db?.[Symbol.asyncDispose]()
})

let server: RedisServer | undefined
let client: Redis | undefined
afterAll(async () => {
  client?.disconnect()
  await server?.close()
})
async function redisClient(ctx: TestContext): Promise<Redis> {
  needs(ctx, 'redis')
  server ??= await startRedis()
  return (client ??= new Redis(server.url))
}

const stores: readonly [string, (ctx: TestContext) => ScoreStore | Promise<ScoreStore>][] = [
  ['memory', () => memoryScores()],
  ['PostgreSQL', () => postgres],
  ['Redis', async (ctx) => redisScores({ redis: await redisClient(ctx) })],
]

// long enough that no key expires while a test runs
const rules = { halfLife: 600_000, jailAt: 25, jailFor: 900_000 }
let number = 0
const fresh = (): string => `client ${++number}`

describe.each(stores)('scores in %s', (_, make) => {
  test('fade, add, jail once, and forgive after the sentence', async (ctx) => {
    const store = await make(ctx)
    const who = fresh()
    expect(await store.read(who, 0, rules)).toBeUndefined()
    expect(await store.add(who, 10, 1_000, rules)).toEqual({ score: 10, at: 1_000, jailedUntil: 0 })
    expect(await store.read(who, 601_000, rules)).toEqual({ score: 5, at: 601_000, jailedUntil: 0 })
    expect(await store.add(who, 15, 601_000, rules)).toEqual({ score: 20, at: 601_000, jailedUntil: 0 })
    expect(await store.add(who, 5, 601_000, rules)).toEqual({ score: 25, at: 601_000, jailedUntil: 1_501_000 })
    expect(await store.add(who, 5, 602_000, rules)).toHaveProperty('jailedUntil', 1_501_000)
    expect(await store.read(who, 1_500_999, rules)).toHaveProperty('jailedUntil', 1_501_000)
    expect(await store.read(who, 1_501_000, rules)).toEqual({ score: 0, at: 1_501_000, jailedUntil: 0 })
    expect(await store.add(who, 10, 1_501_000, rules)).toEqual({ score: 10, at: 1_501_000, jailedUntil: 0 })
  })

  test('forget a client on amnesty, and no other', async (ctx) => {
    const store = await make(ctx)
    const [one, other] = [fresh(), fresh()]
    for (const who of [one, other]) await store.add(who, 100, 0, rules)
    await store.forgive(one)
    expect(await store.read(one, 0, rules)).toBeUndefined()
    expect(await store.read(other, 0, rules)).toHaveProperty('jailedUntil', 900_000)
  })

  test('lose no offence of many at once', async (ctx) => {
    const store = await make(ctx)
    const who = fresh()
    const all = await Promise.all(
      Array.from({ length: 40 }, async () => store.add(who, 1, 0, { ...rules, jailAt: 30 })),
    )
    expect(all.map(({ score }) => score).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    expect(all.filter(({ jailedUntil }) => jailedUntil > 0)).toHaveLength(11)
  })

  test('are, after any interleaving of offences, readings and amnesties by clocks that disagree, what memory has', async (ctx) => {
    const store = await make(ctx)
    const step = fc.record({
      what: fc.constantFrom('add', 'add', 'add', 'read', 'forgive'),
      client: fc.nat({ max: 2 }),
      points: fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(0, 0.5, 1_000)),
      // mostly on, now and then back as another process's clock may be
      passes: fc.oneof(
        fc.integer({ min: -5_000, max: 1_200_000 }),
        fc.constantFrom(0, 600_000, 900_000, 10_000_000_000),
      ),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.constantFrom(1, 25, 90),
        async (steps, jailAt) => {
          const memory = memoryScores()
          const here = { ...rules, jailAt }
          const names = [fresh(), fresh(), fresh()]
          let now = 1_700_000_000_000
          for (const { what, client: which, points, passes } of steps) {
            now += passes
            const who = names[which]!
            if (what === 'forgive') {
              await memory.forgive(who)
              await store.forgive(who)
            } else if (what === 'add')
              same(await store.add(who, points, now, here), await memory.add(who, points, now, here))
            else same(await store.read(who, now, here), await memory.read(who, now, here))
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

/** Two records say the same: a record with nothing in it is none, and a double may be off in its last digits. */
function same(record: Awaited<ReturnType<ScoreStore['read']>>, wanted: typeof record): void {
  const [a, b] = [record, wanted].map((one) => ({ score: one?.score ?? 0, jailedUntil: one?.jailedUntil ?? 0 }))
  expect(a!.jailedUntil).toBe(b!.jailedUntil)
  expect(Math.abs(a!.score - b!.score)).toBeLessThanOrEqual(1e-9 * b!.score)
  if (b!.score > 0) expect(record?.at).toBe(wanted?.at)
}

describe.each(stores.slice(1))('policies of two processes with one store in %s', (_, make) => {
  test('jail together, and do not know a client by name', async (ctx) => {
    const store = await make(ctx)
    const seen: string[] = []
    const watched: ScoreStore = {
      ...store,
      add: (who, ...rest) => (seen.push(who), store.add(who, ...rest)),
    }
    const ip = `203.0.113.${++number}`
    const [one, other] = [store, watched].map((each) =>
      inspect({ mode: 'enforce', store: each, clientKey: 'shared', storeTimeout: '10s' }),
    )
    const attack = view({ method: 'POST', url: '/', ip, parsed: { note: "' or 1=1--" } })
    for (let i = 0; i < 2; i++) await one!.inspect!(attack)
    expect(await other!.evaluate!(view({ ip }))).toBeUndefined()
    await other!.inspect!(attack)
    expect((await one!.evaluate!(view({ ip })))?.deny?.code).toBe('client-jailed')
    expect((await other!.evaluate!(view({ ip })))?.deny?.code).toBe('client-jailed')
    expect(await other!.standing(ip)).toMatchObject({ jailed: true })
    expect(seen.join('')).not.toContain(ip)
    await other!.forgive(ip)
    expect(await one!.evaluate!(view({ ip }))).toBeUndefined()
  })

  test('need a key they both know', async (ctx) => {
    const store = await make(ctx)
    expect(() => inspect({ store })).toThrow(expect.objectContaining({ code: 'ERR_SHOP_SECURITY_OPTION' }))
  })
})

test('a client jailed by a process that is gone is jailed in the next one', async () => {
  const script = `
    import pg from 'pg'
    import { postgresScores } from '../postgres.ts'
    import { inspect } from '../inspect.ts'
    import { view } from '@shop/testkit/view'
    const pool = new pg.Pool({ connectionString: process.env.SCORES_URL })
    const policy = inspect({ mode: 'enforce', store: postgresScores({ pool }), clientKey: 'shared', storeTimeout: '10s' })
    for (let i = 0; i < 3; i++)
      await policy.inspect(view({ method: 'POST', ip: '198.51.100.9', parsed: { q: '<script>alert(1)</script>' } }))
    await pool.end()`
  await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', script],
    { cwd: import.meta.dirname, env: { ...process.env, SCORES_URL: db.url } },
  )
  const here = inspect({ mode: 'enforce', store: postgres, clientKey: 'shared', storeTimeout: '10s' })
  expect((await here.evaluate!(view({ ip: '198.51.100.9' })))?.deny?.code).toBe('client-jailed')
})

describe('postgresScores()', () => {
  const count = async (): Promise<number> =>
    ((await pool.query('select count(*)::int as n from shop_security_scores')).rows[0] as { n: number }).n

  test('prunes what has faded and served its time, and what is beyond its size', async () => {
    const brief = { halfLife: 1, jailAt: 25, jailFor: 1 }
    await pool.query('delete from shop_security_scores')
    await postgres.add(fresh(), 1, 0, brief)
    await postgres.add(fresh(), 100, 0, brief)
    for (let i = 1; i <= 4; i++) await postgres.add(`kept ${i}`, 10, i, rules)
    await pool.query('select pg_sleep(0.05)')
    expect(await postgres.prune()).toBe(2)
    expect(await count()).toBe(4)
    expect(await postgresScores({ pool, size: 3 }).prune()).toBe(1)
    expect(await postgres.read('kept 1', 4, rules)).toBeUndefined()
    expect(await postgres.read('kept 4', 4, rules)).toHaveProperty('score', 10)
  })

  test('the module carries the very file', () => {
    expect(scoresSql).toBe(readFileSync(new URL('../../sql/scores.sql', import.meta.url), 'utf8'))
  })
})

test('redisScores() lets a key live as long as it says something', async (ctx) => {
  const redis = await redisClient(ctx)
  const store = redisScores({ redis, prefix: 'shop:test:' })
  const [fading, jailed] = [fresh(), fresh()]
  await store.add(fading, 10, 0, rules)
  await store.add(jailed, 30, 0, rules)
  // ten points are a hundredth after just under ten half-lives
  for (const [who, most] of [
    [fading, 6_000_000],
    [jailed, 900_000],
  ] as const) {
    const left = await redis.pttl(`shop:test:${who}`)
    expect(left).toBeGreaterThan(most * 0.9)
    expect(left).toBeLessThanOrEqual(most)
  }
})

test.each([
  [() => postgresScores({ pool: {} as never }), 'ERR_SHOP_SECURITY_OPTION'],
  [() => postgresScores({ pool, size: 0 }), 'ERR_SHOP_SECURITY_OPTION'],
  [() => postgresScores({ pool, retention: 1 } as never), 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  [() => redisScores({ redis: undefined as never }), 'ERR_SHOP_SECURITY_OPTION'],
  [
    () => redisScores({ redis: { eval: () => Promise.resolve() }, ttl: 1 } as never),
    'ERR_SHOP_SECURITY_UNKNOWN_OPTION',
  ],
])('%s is refused when built', (build, code) => {
  expect(build).toThrow(expect.objectContaining({ code }))
})
