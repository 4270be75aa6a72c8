// Verifying a sealed trail: every event read, hashed, compared with its leaf, its columns, its MAC and its writer's
// link, and every root with its checkpoint. Events a second of one core: this process's CPU time, and beside it the
// wall, where PostgreSQL works on a core of its own. And the size of an inclusion proof among a million events.
import { generateKeyPairSync, randomBytes } from 'node:crypto'

import pg from 'pg'

import { benchTable } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'

import { checkpointSigner, createSealer, migrate, verifyInclusion, verifyTrail } from '../src/index.ts'
import { Chain } from '../src/lib/chain.ts'
import { insertStatements, insertTuples } from '../src/lib/insert.ts'
import { eventMac } from '../src/lib/mac.ts'
import { leafHash } from '../src/lib/merkle.ts'
import { RightEdge, type TileReader, TileTree } from '../src/lib/tiles.ts'
import { prepared } from './preparation.ts'

const EVENTS = Number(process.env['SHOP_BENCH_ROWS'] ?? 100_000)
const ROUNDS = Number(process.env['SHOP_BENCH_ROUNDS'] ?? 3)

await using server = await startPostgres()
const client = new pg.Client(server.url)
await client.connect()
await migrate(client)
const pool = new pg.Pool({ connectionString: server.url, max: 2 })
pool.on('error', () => {}) // the server stops before the last connection has gone
const macKey = randomBytes(32)
const signer = checkpointSigner({ name: 'bench/audit', key: generateKeyPairSync('ed25519').privateKey })

const chain = new Chain(eventMac('bench', macKey))
const event = {
  action: 'http.request',
  actor: { type: 'customer', id: 'c-204981', roles: ['customer'] },
  context: { requestId: '5a1f4d2e-6f0b-4a55-9d0c-2f5d7f3f1f77', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' },
  data: { method: 'POST', route: '/api/orders/:id/lines', status: 201 },
} as const
const statements = insertStatements('audit')
for (let done = 0; done < EVENTS; done += 1000)
  await insertTuples(
    client,
    statements,
    Array.from({ length: 1000 }, () => chain.link(prepared(event))),
  )
const sealer = createSealer({ pool, signer, macKey })
while ((await sealer.seal())!.added > 0);
await client.query('vacuum analyze audit.events')

async function rate(key: Buffer | undefined): Promise<{ core: number; wall: number }> {
  const best = { core: 0, wall: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage()
    const report = await verifyTrail({ client, verifierKey: signer.verifierKey, ...(key && { macKey: key }) })
    const { user, system } = process.cpuUsage(cpu)
    if (!report.ok || report.checked !== EVENTS) throw new Error(JSON.stringify(report.findings))
    best.wall = Math.max(best.wall, report.checked / report.seconds)
    best.core = Math.max(best.core, (report.checked / (user + system)) * 1e6)
  }
  return best
}
const bare = await rate(undefined)
const withMac = await rate(macKey)
await pool.end()
await client.end()

const tiles = new Map<string, Uint8Array>()
const read: TileReader = async (level, index) => tiles.get(`${level}/${index}`)!
const edge = await RightEdge.load(0, read)
const leaf = leafHash('leaf')
for (let i = 0; i < 1000; i++)
  for (const tile of edge.append(Array.from({ length: 1000 }, () => leaf)))
    tiles.set(`${tile.level}/${tile.index}`, tile.hashes)
const proof = await new TileTree(edge.size, read).inclusionProof(123_456, edge.size)
const holds = verifyInclusion({ index: 123_456, size: edge.size, leafHash: leaf, root: edge.root(), proof })

benchTable([
  { name: 'verify, events a second of one core', ours: bare.core, goal: '>= 100000', unit: '/s' },
  { name: 'verify with MACs, events a second of one core', ours: withMac.core, unit: '/s' },
  { name: 'verify, events a second on the wall', ours: bare.wall, unit: '/s' },
  {
    name: 'inclusion proof among 1,000,000 events',
    ours: holds ? proof.length * 32 : Infinity,
    goal: '<= 640',
    unit: 'B',
  },
])
