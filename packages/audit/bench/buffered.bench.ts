// Buffered events with spool, fsync, hashing, links, MACs and tree, until every one is in the database and in the tree,
// against a bare COPY of the same rows from ready-made chunks into the same table. A real PostgreSQL with fsync.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import pg from 'pg'

import { benchTable } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'

import {
  type AuditEvent,
  checkpointSigner,
  createAudit,
  createSealer,
  migrate,
  type ShopActionData,
} from '../src/index.ts'
import { copyBytes, copyIn } from '../src/lib/copy-in.ts'
import { insertStatements, insertTuples } from '../src/lib/insert.ts'
import { encodeEvent, tupleColumns, type Tuple } from '../src/lib/tuple.ts'
import { prepared } from './preparation.ts'

const ROWS = Number(process.env['SHOP_BENCH_ROWS'] ?? 20_000)
const ROUNDS = Number(process.env['SHOP_BENCH_ROUNDS'] ?? 5)

await using server = await startPostgres({ durable: true, settings: { max_wal_size: '4GB' } })
const client = new pg.Client(server.url)
await client.connect()
await migrate(client)
const pool = new pg.Pool({ connectionString: server.url, max: 4 })
pool.on('error', () => {}) // the server stops before the last connection has gone
const macKey = randomBytes(32)
const signer = checkpointSigner({ name: 'bench/audit', key: generateKeyPairSync('ed25519').privateKey })

type Data = ShopActionData<'http.request'>
const event = (): AuditEvent<'http.request', Data> & { readonly data: Data } => ({
  action: 'http.request',
  actor: { type: 'customer', id: 'c-204981', roles: ['customer'] },
  context: { requestId: '5a1f4d2e-6f0b-4a55-9d0c-2f5d7f3f1f77', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' },
  data: { method: 'POST', route: '/api/orders/:id/lines', status: 201 },
})
const columns = tupleColumns.map((column) => column.name).join(', ')

function tuples(): Tuple[] {
  return Array.from({ length: ROWS }, (_, i) => {
    const link = {
      prev: randomBytes(32).toString('base64url'),
      seq: i + 1,
      writer: '7a5f4d2e-6f0b-4a55-9d0c-2f5d7f3f1f77',
    }
    return encodeEvent(prepared(event()), link, undefined).tuple
  })
}

/** The rows as text, taken from the table itself after a binary COPY, so that both forms hold the same. */
async function lines(rows: readonly Tuple[]): Promise<string[]> {
  const { randomUUID } = await import('node:crypto')
  return rows.map((row) => {
    const fields: string[] = []
    for (let at = 0, c = 0; c < tupleColumns.length; c++) {
      const length = row.readInt32BE(at)
      at += 4
      const bytes = row.subarray(at, at + Math.max(length, 0))
      at += Math.max(length, 0)
      if (length < 0) fields.push('\\N')
      else if (tupleColumns[c]!.type === 'timestamptz')
        fields.push(new Date(Number(bytes.readBigInt64BE() / 1000n) + 946_684_800_000).toISOString())
      else if (tupleColumns[c]!.type === 'uuid') fields.push(randomUUID())
      else if (tupleColumns[c]!.type === 'bigint') fields.push(String(bytes.readBigInt64BE()))
      else fields.push(bytes.toString().replaceAll('\\', '\\\\'))
    }
    return `${fields.join('\t')}\n`
  })
}

async function copyText(): Promise<number> {
  const bytes = Buffer.from((await lines(tuples())).join(''))
  const started = performance.now()
  await copyIn(client, `copy audit.events (${columns}) from stdin`, bytes)
  return performance.now() - started
}

async function copyBinaryRows(): Promise<number> {
  const bytes = copyBytes(tuples())
  const started = performance.now()
  await copyIn(client, `copy audit.events (${columns}) from stdin (format binary)`, bytes)
  return performance.now() - started
}

async function unnest(): Promise<number> {
  const rows = tuples()
  const statements = insertStatements('audit')
  const started = performance.now()
  for (let at = 0; at < rows.length; at += 1000) await insertTuples(client, statements, rows.slice(at, at + 1000))
  return performance.now() - started
}

async function buffered(): Promise<number> {
  const directory = mkdtempSync(path.join(tmpdir(), 'shop-audit-bench-'))
  const audit = createAudit({ pool, macKey, spool: { directory } })
  const sealer = createSealer({ pool, signer, macKey, interval: 200 })
  while ((await sealer.seal())!.added > 0); // what the other arms wrote
  const started = performance.now()
  sealer.start()
  let left = ROWS
  const caller = async (): Promise<void> => {
    while (left-- > 0) await audit.record(event())
  }
  await Promise.all(Array.from({ length: 1000 }, caller))
  await audit.drain({ deadline: '60s' })
  await sealer.close()
  const took = performance.now() - started
  await audit.close()
  rmSync(directory, { recursive: true, force: true })
  return took
}

const arms = { buffered, copyText, copyBinaryRows, unnest }
const best: Record<string, number> = {}
for (let round = 0; round < ROUNDS; round++)
  for (const [name, arm] of Object.entries(arms)) {
    await client.query('checkpoint')
    best[name] = Math.min(best[name] ?? Infinity, await arm())
  }
await pool.end()
await client.end()

const rate = (name: string): number => (ROWS / best[name]!) * 1000
benchTable([
  {
    name: 'buffered, spooled, hashed, sealed vs bare COPY (text)',
    ours: rate('buffered'),
    peer: rate('copyText'),
    goal: '>= 0.7',
    unit: '/s',
  },
  {
    name: 'buffered, spooled, hashed, sealed vs bare COPY (binary)',
    ours: rate('buffered'),
    peer: rate('copyBinaryRows'),
    unit: '/s',
  },
  {
    name: 'buffered, spooled, hashed, sealed vs bare unnest of 1,000',
    ours: rate('buffered'),
    peer: rate('unnest'),
    unit: '/s',
  },
])
