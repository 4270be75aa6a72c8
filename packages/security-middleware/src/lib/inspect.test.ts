import { compose, type RequestView, type Verdict } from '@shop/middleware'
import { view } from '@shop/testkit/view'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { type ClientScore, memoryScores, type ScoreStore } from './client-score.ts'
import { datadogEngine } from './datadog-engine.ts'
import { engineFailed, scoreStoreFailed, suspicious } from './events.ts'
import { findingOf, inspect, type InspectOptions } from './inspect.ts'
import type { Suspicion } from './suspicion.ts'

const events: Suspicion[] = []
const keep = (event: unknown): void => void events.push(event as Suspicion)
suspicious.subscribe(keep)
afterEach(() => {
  events.length = 0
})

async function run(options: InspectOptions, request: RequestView): Promise<Verdict | undefined> {
  const policy = inspect(options)
  return (await policy.evaluate!(request)) ?? (await policy.inspect!(request))
}
const post = (parsed: unknown, url = '/'): RequestView => view({ method: 'POST', url, parsed })

describe('inspect', () => {
  it('is a policy that protect() takes, operator methods and all', () => {
    const policy = inspect()
    expect(compose(policy)).toEqual([policy])
    expect(policy.forgive).toBeTypeOf('function')
  })

  it('reads path, query, headers, cookies and body', async () => {
    const attack = "' or 1=1--"
    const requests: [string, string, RequestView][] = [
      ['path', '', view({ url: '/files/..%2f..%2fetc%2fpasswd' })],
      ['query', 'q', view({ url: `/s?a=1&q=${encodeURIComponent(attack)}` })],
      ['query', 'q', view({ url: '/s?q=%27+or+1%3D1--' })],
      ['query', 'a[$ne]', view({ url: '/s?a[$ne]=1' })],
      ['header', 'user-agent', view({ headers: { 'user-agent': '${jndi:ldap://x}' } })],
      ['cookie', 'cart', view({ headers: { cookie: `a=b; cart=${attack}` } })],
      ['body', 'lines[].note', post({ lines: [{ note: attack }] })],
      ['body', '$where', post({ a: { $where: '1' } })],
      ['body', '', post(attack)],
    ]
    for (const [place, name, request] of requests) {
      const verdict = await run({ mode: 'enforce' }, request)
      expect([place, name, verdict?.deny?.code]).toEqual([place, name, 'suspicious-request'])
      expect(events.at(-1)).toMatchObject({ kind: 'attack', place, name, decision: 'refused' })
      expect(findingOf(request)?.place).toBe(place)
    }
  })

  it('lets natural requests pass', async () => {
    const request = view({
      method: 'POST',
      url: "/s?q=O'Brien+%26+sons&page=2",
      headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)', cookie: 'a=b; __Host-csrf=x.y' },
      parsed: { name: "D'Arcy", note: 'union jack & select teas; 5\' 10"' },
    })
    expect(await run({ mode: 'enforce' }, request)).toBeUndefined()
    expect(events).toEqual([])
  })

  it('tells in monitor, tells what it would refuse in shadow, refuses in enforce', async () => {
    const request = (): RequestView => post({ a: '<script>x</script>' })
    expect(await run({}, request())).toBeUndefined()
    expect(await run({ mode: 'shadow' }, request())).toBeUndefined()
    expect((await run({ mode: 'enforce' }, request()))?.deny?.status).toBe(403)
    expect(events.map(({ decision }) => decision)).toEqual(['passed', 'would-refuse', 'refused'])
  })

  it('takes a mode by path, and the strictest for a path that routers read differently', async () => {
    const mode = { '/admin/*': 'enforce', '/*': 'monitor' } as const
    expect((await run({ mode }, post({ a: '${jndi:x}' }, '/admin/users')))?.deny?.status).toBe(403)
    expect(await run({ mode }, post({ a: '${jndi:x}' }, '/search'))).toBeUndefined()
    expect((await run({ mode }, post({ a: '${jndi:x}' }, '//admin/users')))?.deny?.status).toBe(403)
    expect(await run({ mode: { '/admin/*': 'enforce' } }, post({ a: '${jndi:x}' }, '/search'))).toBeUndefined()
  })

  it('says nothing of a value or a client in its events', async () => {
    await run({}, post({ note: "' or 'secret'='secret" }))
    const told = JSON.stringify(events[0])
    expect(told).not.toContain('secret')
    expect(told).not.toContain('203.0.113.7')
    expect(events[0]!.client).toHaveLength(22)
  })

  it('never scans a typed field that has the form of its type, and does scan one that has not', async () => {
    const schema = z.toJSONSchema(
      z.object({
        id: z.uuid(),
        email: z.email(),
        when: z.iso.datetime(),
        count: z.number(),
        size: z.enum(['s', '1 or 1=1']),
        ok: z.boolean(),
      }),
    ) as NonNullable<InspectOptions['schema']>
    const good = {
      id: '0c8f0c0e-3f0b-4d5e-9f57-2f1b7f1c0001',
      email: 'a+b@c.example',
      when: '2026-11-24T07:00:00Z',
      count: '12',
      size: '1 or 1=1',
      ok: 'true',
    }
    expect(await run({ mode: 'enforce', schema }, post(good))).toBeUndefined()
    for (const key of Object.keys(good)) {
      const verdict = await run({ mode: 'enforce', schema }, post({ ...good, [key]: "1' or '1'='1" }))
      expect([key, verdict?.deny?.status]).toEqual([key, 403])
    }
    expect(
      await run(
        { mode: 'enforce', fields: { 'lines[].sku': 'enum', q: 'text' } },
        post({ lines: [{ sku: 'select-1' }] }),
      ),
    ).toBeUndefined()
    expect(
      await run({ mode: 'enforce', fields: { n: 'number', d: 'date' } }, view({ url: '/?n=12&d=2026-01-01' })),
    ).toBeUndefined()
  })

  it('jails a client whose score is high enough, tells it how long, and forgives in time or on request', async () => {
    let now = 0
    const policy = inspect({ mode: 'enforce', now: () => now, jailFor: '1m' })
    const visit = async (ip = '203.0.113.7'): Promise<Verdict | undefined> => policy.evaluate!(view({ ip }))
    for (let i = 0; i < 3; i++) await policy.inspect!(post('<script>'))
    expect(await visit()).toEqual({
      deny: expect.objectContaining({ code: 'client-jailed' }),
      headers: [['retry-after', '60']],
    })
    expect(await visit('198.51.100.1')).toBeUndefined()
    expect(await policy.standing('203.0.113.7')).toEqual({ score: 30, jailed: true })
    await policy.forgive('203.0.113.7')
    expect(await visit()).toBeUndefined()
    for (let i = 0; i < 3; i++) await policy.inspect!(post('<script>'))
    now = 60_000
    expect(await visit()).toBeUndefined()
    expect(await policy.standing('203.0.113.7')).toEqual({ score: 0, jailed: false })
  })

  it('lets scores fade', async () => {
    let now = 0
    const policy = inspect({ now: () => now, halfLife: '10s' })
    await policy.inspect!(post('<script>'))
    now = 10_000
    expect(await policy.standing('203.0.113.7')).toEqual({ score: 5, jailed: false })
  })

  it('knows honeypots, scanners and bursts of failed logins', async () => {
    expect((await run({ mode: 'enforce' }, view({ url: '/wp-login.php' })))?.deny?.status).toBe(403)
    expect(await run({ mode: 'enforce', honeypotPaths: false }, view({ url: '/wp-login.php' }))).toBeUndefined()
    expect((await run({ mode: 'enforce', honeypotFields: ['website'] }, post({ website: 'x' })))?.deny?.status).toBe(
      403,
    )
    expect(await run({ mode: 'enforce', honeypotFields: ['website'] }, post({ website: '' }))).toBeUndefined()
    expect(await run({ mode: 'enforce' }, view({ headers: { 'user-agent': 'sqlmap/1.7' } }))).toBeUndefined()
    const policy = inspect({ mode: 'enforce', loginPaths: ['/login'] })
    for (let i = 0; i < 10; i++)
      policy.settle!({
        request: view({ method: 'POST', url: '/login' }),
        kind: 'finished',
        status: 401,
        seconds: 0,
        bytes: 0,
        denied: undefined,
        error: undefined,
      })
    policy.settle!({
      request: view({ method: 'POST', url: '/other' }),
      kind: 'finished',
      status: 401,
      seconds: 0,
      bytes: 0,
      denied: undefined,
      error: undefined,
    })
    expect(await policy.standing('203.0.113.7')).toMatchObject({ jailed: true })
    expect(new Set(events.map(({ kind }) => kind))).toEqual(
      new Set(['honeypot-path', 'honeypot-field', 'scanner', 'login-failure']),
    )
  })

  it('goes on with its own memory when the store fails or is late, and tells', async () => {
    const failures: unknown[] = []
    const note = (event: unknown): void => void failures.push(event)
    scoreStoreFailed.subscribe(note)
    const broken = (how: () => never | Promise<never>): ScoreStore => ({
      add: how,
      read: how,
      forgive: () => undefined,
    })
    for (const store of [
      broken(() => {
        throw new Error('down')
      }),
      broken(() => Promise.reject(new Error('down'))),
      broken(() => new Promise<never>(() => {})),
    ]) {
      const policy = inspect({ mode: 'enforce', store, storeTimeout: '5ms' })
      for (let i = 0; i < 3; i++) expect((await policy.inspect!(post('<script>')))?.deny?.status).toBe(403)
      expect((await policy.evaluate!(view()))?.deny?.code).toBe('client-jailed')
    }
    scoreStoreFailed.unsubscribe(note)
    expect(failures.length).toBe(12)
  })

  describe('while its store is away', () => {
    /** A store that can be turned off, and counts what it is asked. */
    function store(): ScoreStore & { away: 'no' | 'fails' | 'hangs'; asked: number } {
      const inner = memoryScores()
      const answer = async <T>(result: () => T): Promise<T> => {
        switchable.asked++
        if (switchable.away === 'fails') throw new Error('down')
        return switchable.away === 'hangs' ? new Promise<never>(() => {}) : result()
      }
      const switchable: ReturnType<typeof store> = {
        away: 'no',
        asked: 0,
        add: (...rest) => answer(() => inner.add(...rest) as ClientScore),
        read: (...rest) => answer(() => inner.read(...rest) as ClientScore | undefined),
        forgive: (client) => inner.forgive(client),
      }
      return switchable
    }

    it('goes on from what the store last said of a client', async () => {
      const flaky = store()
      const policy = inspect({ mode: 'enforce', store: flaky, storeTimeout: '10s' })
      for (let i = 0; i < 2; i++) await policy.inspect!(post('<script>'))
      flaky.away = 'fails'
      expect(await policy.evaluate!(view())).toBeUndefined()
      await policy.inspect!(post('<script>'))
      expect((await policy.evaluate!(view()))?.deny?.code).toBe('client-jailed')
      expect(await policy.evaluate!(view({ ip: '198.51.100.1' }))).toBeUndefined()
    })

    it('jails nobody when it is to stay open, and still refuses an attack', async () => {
      const flaky = store()
      const policy = inspect({ mode: 'enforce', store: flaky, whenStoreFails: 'open', storeTimeout: '10s' })
      for (let i = 0; i < 3; i++) await policy.inspect!(post('<script>'))
      expect((await policy.evaluate!(view()))?.deny?.code).toBe('client-jailed')
      flaky.away = 'fails'
      expect(await policy.evaluate!(view())).toBeUndefined()
      expect((await policy.inspect!(post('<script>')))?.deny?.code).toBe('suspicious-request')
    })

    it('refuses what it enforces, and only that, when it is to be closed', async () => {
      const flaky = store()
      flaky.away = 'fails'
      const policy = inspect({
        mode: { '/admin/*': 'enforce', '/pay/*': 'shadow', '/*': 'monitor' },
        store: flaky,
        whenStoreFails: 'closed',
      })
      expect((await policy.evaluate!(view({ url: '/admin/users' })))?.deny).toMatchObject({
        status: 503,
        code: 'standing-unknown',
      })
      for (const url of ['/pay/now', '/search']) expect(await policy.evaluate!(view({ url }))).toBeUndefined()
      await expect(policy.standing('203.0.113.7')).rejects.toMatchObject({ code: 'ERR_SHOP_SECURITY_SCORES' })
      flaky.away = 'no'
      expect(await policy.evaluate!(view({ url: '/admin/users' }))).toBeUndefined()
    })

    it('asks a store that hangs no more than a hundred times', async () => {
      const flaky = store()
      flaky.away = 'hangs'
      const policy = inspect({ mode: 'enforce', store: flaky, storeTimeout: 1 })
      await Promise.all(Array.from({ length: 300 }, async () => policy.evaluate!(view())))
      expect(flaky.asked).toBe(100)
    })
  })

  it('keeps scores in a store that is not of this process', async () => {
    const inner = memoryScores()
    const remote: ScoreStore = {
      add: async (...rest) => inner.add(...rest),
      read: async (...rest) => inner.read(...rest),
      forgive: async (client) => inner.forgive(client),
    }
    const [one, two] = [
      inspect({ mode: 'enforce', store: remote, clientKey: 'shared' }),
      inspect({ mode: 'enforce', store: remote, clientKey: 'shared' }),
    ]
    for (let i = 0; i < 3; i++) await one.inspect!(post('<script>'))
    expect((await two.evaluate!(view()))?.deny?.code).toBe('client-jailed')
  })

  it('reads no more than its budget, and refuses the rest where it enforces', async () => {
    const long = 'a'.repeat(200_000)
    expect((await run({ mode: 'enforce' }, post({ long })))?.deny).toMatchObject({
      status: 413,
      code: 'not-inspectable',
    })
    expect(await run({}, post({ long }))).toBeUndefined()
    expect(
      (await run({ mode: 'enforce', maxFields: 10 }, post(Array.from({ length: 11 }, () => 'a'))))?.deny?.status,
    ).toBe(413)
    let deep: unknown = 'x'
    for (let i = 0; i < 100_000; i++) deep = { deep }
    expect((await run({ mode: 'enforce' }, post(deep)))?.deny?.status).toBe(413)
    expect(events.every(({ kind }) => kind === 'over-budget')).toBe(true)
  })

  it('asks a second engine, whose failure is told and changes nothing', async () => {
    using engine = datadogEngine()
    // what only libinjection sees: a bare fragment of two tokens
    expect((await run({ mode: 'enforce', engine, maxFields: 10 }, post({ a: 'plain' })))?.deny).toBeUndefined()
    const saw = engine.run(post({ a: "1' or '1'='1" }))
    expect(saw).toEqual({ class: 'sql-injection', rule: 'libinjection-sqli' })
    expect(
      (
        await run(
          { mode: 'enforce', engine: { name: 'mine', run: () => ({ class: 'xss', rule: 'r1' }) } },
          post({ a: 'plain' }),
        )
      )?.deny?.status,
    ).toBe(403)
    expect(events.at(-1)).toMatchObject({ kind: 'engine', rule: 'mine:r1' })
    const failures: unknown[] = []
    const note = (event: unknown): void => void failures.push(event)
    engineFailed.subscribe(note)
    expect(
      await run(
        {
          mode: 'enforce',
          engine: {
            name: 'mine',
            run: () => {
              throw new Error('broken')
            },
          },
        },
        post({ a: 'plain' }),
      ),
    ).toBeUndefined()
    engineFailed.unsubscribe(note)
    expect(failures).toHaveLength(1)
  })

  it('has a verdict for every body', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.string({ unit: 'binary' }), async (parsed, text) => {
        await run(
          { mode: 'enforce' },
          post(parsed, `/${encodeURIComponent(text.toWellFormed())}?${encodeURI(text.toWellFormed())}`),
        )
      }),
      { numRuns: 100 },
    )
    for (const body of [
      Buffer.from("' or 1=1--"),
      new Date(),
      () => 1,
      Symbol('x'),
      1n,
      Number.NaN,
      Object.create(null),
    ])
      expect(await run({ mode: 'enforce' }, post(body))).toBeUndefined()
  })

  it.each([
    [{ mod: 'enforce' }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
    [{ mode: 'block' }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ mode: { '/a': 'block' } }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ mode: { admin: 'enforce' } }, 'ERR_SHOP_SECURITY_PATTERN'],
    [{ fields: {}, schema: {} }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ points: { attack: -1 } }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ points: { atack: 1 } }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
    [{ jailFor: 'long' }, 'ERR_SHOP_SECURITY_DURATION'],
    [{ maxCharacters: 1 }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ whenStoreFails: 'never' }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ store: { ...memoryScores(), shared: true } }, 'ERR_SHOP_SECURITY_OPTION'],
  ])('refuses %j when it is built', (options, code) => {
    expect(() => inspect(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
