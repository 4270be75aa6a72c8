// The cache against Redis 7: 400-byte values, nine gets to one set, by 64 askers at once. Once every key is visited evenly,
// over and over; once as shops are visited, few keys often: Zipf's law with theta 0.99, the popular keys scattered, as YCSB
// has it (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010; drawn by Gray et al., "Quickly Generating
// Billion-Record Synthetic Databases", SIGMOD 1994). CPU does not compare across two servers, so this is throughput, in
// turns, the best of each.
import { benchTable, progress } from '@shop/testkit/bench'
import { redis } from '@shop/testkit'
import { startPostgres } from '@shop/testkit/postgres'
import { Redis } from 'ioredis'
import pg from 'pg'

import { PLAIN } from '../fixtures/shops.ts'
import { apply, createCache } from '../src/index.ts'

const seconds = 2
const askers = 64
const keys = 5000
const value = { text: 'x'.repeat(380) }

const server = await startPostgres({ settings: { shared_buffers: '512MB' } })
const client = new pg.Client(server.url)
client.on('error', () => {})
await client.connect()
await PLAIN.load(client, { products: 10, orders: 10 })
await apply({ connect: server.url, mapping: PLAIN.mapping, assets: ['cache'] })
await client.end()
const pool = new pg.Pool({ connectionString: server.url, max: 4 })
pool.on('error', () => {})
const other = await redis()

interface Arm extends AsyncDisposable {
  get(key: string): Promise<unknown>
  set(key: string): Promise<unknown>
}
const ours = (local: { readonly localEntries?: number }): Arm => {
  const cache = createCache({ pool, ...local })
  return {
    get: (key) => cache.get(key),
    set: (key) => cache.set(key, value),
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  }
}
const ARMS: Readonly<Record<'redis' | 'far' | 'near' | 'small', () => Arm>> = {
  redis: () => {
    // like ours, one write for what one tick asks
    const peer = new Redis(other.url, { enableAutoPipelining: true })
    return {
      get: async (key) => JSON.parse((await peer.get(key)) ?? 'null'),
      set: (key) => peer.set(key, JSON.stringify(value), 'EX', 300),
      [Symbol.asyncDispose]: async () => peer.disconnect(),
    }
  },
  far: () => ours({ localEntries: 0 }),
  near: () => ours({}),
  small: () => ours({ localEntries: keys / 10 }),
}

const popular = zipf(0.99, 1 << 18)
const VISITS: Readonly<Record<'even' | 'skewed', (asker: number, n: number) => number>> = {
  even: (_asker, n) => (n * 31) % keys,
  skewed: (asker, n) => popular[(asker * 4099 + n) % popular.length]!,
}

/** Keys drawn by Zipf's law, the same on every run. */
function zipf(theta: number, draws: number): Uint16Array {
  const zeta = (n: number): number => Array.from({ length: n }, (_, i) => (i + 1) ** -theta).reduce((a, b) => a + b)
  const whole = zeta(keys)
  const eta = (1 - (2 / keys) ** (1 - theta)) / (1 - zeta(2) / whole)
  let seed = 1
  return Uint16Array.from({ length: draws }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    const u = seed / 2 ** 32
    const first = u * whole
    const rank =
      first < 1 ? 0 : first < 1 + 0.5 ** theta ? 1 : Math.floor(keys * (eta * u - eta + 1) ** (1 / (1 - theta)))
    return (Math.min(rank, keys - 1) * 2741) % keys
  })
}

async function throughput(open: () => Arm, visit: (asker: number, n: number) => number): Promise<number> {
  await using arm = open()
  const all = Array.from({ length: keys }, (_, n) => `k${n}`)
  await Promise.all(all.map((key) => arm.set(key)))
  await Promise.all(all.map((key) => arm.get(key)))
  const until = performance.now() + seconds * 1000
  let done = 0
  await Promise.all(
    Array.from({ length: askers }, async (_, asker) => {
      for (let n = asker; performance.now() < until; n += 7) {
        const key = `k${visit(asker, n)}`
        if (n % 10 === 0) await arm.set(key)
        else await arm.get(key)
        // a local hit is no round trip: give the others their turn now and then
        if (++done % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }),
  )
  return done / seconds
}

const TURNS = (['even', 'skewed'] as const).flatMap((visits) =>
  (['redis', 'far', 'near', 'small'] as const).map((arm) => ({ visits, arm })),
)
const best = new Map<string, number>()
const bar = progress('turns', 3 * TURNS.length)
for (let repeat = 0; repeat < 3; repeat++) {
  for (const { visits, arm } of TURNS) {
    const name = `${visits} ${arm}`
    best.set(name, Math.max(best.get(name) ?? 0, await throughput(ARMS[arm], VISITS[visits])))
    bar.tick()
  }
}
bar.done()
benchTable(
  (['even', 'skewed'] as const).flatMap((visits) => {
    const peer = best.get(`${visits} redis`)!
    return [
      {
        name: `${visits}, without the local part vs redis`,
        ours: best.get(`${visits} far`)!,
        peer,
        unit: '/s',
        goal: '>= 0.6',
      },
      {
        name: `${visits}, with the local part vs redis`,
        ours: best.get(`${visits} near`)!,
        peer,
        unit: '/s',
        goal: '>= 3',
      },
      {
        name: `${visits}, with a local part of a tenth of the keys vs redis`,
        ours: best.get(`${visits} small`)!,
        peer,
        unit: '/s',
      },
    ]
  }),
)
await pool.end()
await other.close()
await server.stop()
