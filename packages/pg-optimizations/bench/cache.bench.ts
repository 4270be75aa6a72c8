// The cache against Redis 7: 400-byte values, nine gets to one set, over and over by 64 askers at once. CPU does not compare
// across two servers, so this is throughput, in turns, the best of each.
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
// like ours, one write for what one tick asks
const peer = new Redis(other.url, { enableAutoPipelining: true })
const far = createCache({ pool, localEntries: 0 })
const near = createCache({ pool })

interface Arm {
  get(key: string): Promise<unknown>
  set(key: string): Promise<unknown>
}
const ARMS: Record<string, Arm> = {
  redis: {
    get: async (key) => JSON.parse((await peer.get(key)) ?? 'null'),
    set: (key) => peer.set(key, JSON.stringify(value), 'EX', 300),
  },
  far: { get: (key) => far.get(key), set: (key) => far.set(key, value) },
  near: { get: (key) => near.get(key), set: (key) => near.set(key, value) },
}

async function throughput(arm: Arm): Promise<number> {
  const until = performance.now() + seconds * 1000
  let done = 0
  await Promise.all(
    Array.from({ length: askers }, async (_, asker) => {
      for (let n = asker; performance.now() < until; n += 7) {
        const key = `k${(n * 31) % keys}`
        if (n % 10 === 0) await arm.set(key)
        else await arm.get(key)
        // a local hit is no round trip: give the others their turn now and then
        if (++done % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }),
  )
  return done / seconds
}

for (const arm of Object.values(ARMS)) await Promise.all(Array.from({ length: keys }, (_, n) => arm.set(`k${n}`)))
const best: Record<string, number> = { redis: 0, far: 0, near: 0 }
const bar = progress('turns', 9)
for (let turn = 0; turn < 3; turn++) {
  for (const [name, arm] of Object.entries(ARMS)) {
    best[name] = Math.max(best[name]!, await throughput(arm))
    bar.tick()
  }
}
bar.done()
benchTable([
  { name: 'without the local part vs redis', ours: best['far']!, peer: best['redis']!, unit: '/s', goal: '>= 0.6' },
  { name: 'with the local part vs redis', ours: best['near']!, peer: best['redis']!, unit: '/s', goal: '>= 3' },
])
await Promise.all([far[Symbol.asyncDispose](), near[Symbol.asyncDispose]()])
await pool.end()
peer.disconnect()
await other.close()
await server.stop()
