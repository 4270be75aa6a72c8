// The process the fault harness kills: it records events in every lane as fast as it is let, and says on stdout which
// were acknowledged. A line is written before anything else happens, so what the parent read was acknowledged.
import { writeSync } from 'node:fs'

import pg from 'pg'

import { adminActed, createAudit, loggedOut, orderPlaced } from '../src/index.ts'

const { FAULT_URL, FAULT_SPOOL, FAULT_MAC, FAULT_WRITERS = '8', FAULT_SPOOL_BYTES } = process.env

const pool = new pg.Pool({ connectionString: FAULT_URL, max: 8, connectionTimeoutMillis: 2000 })
pool.on('error', () => {})
const audit = createAudit({
  pool,
  macKey: Buffer.from(FAULT_MAC!, 'hex'),
  spool: {
    directory: FAULT_SPOOL!,
    segmentBytes: 65_536,
    ...(FAULT_SPOOL_BYTES && { maxBytes: Number(FAULT_SPOOL_BYTES) }),
  },
  critical: { deadline: '5s' },
})
const actor = { type: 'user', id: 'u-1' } as const
let running = true

async function inTransaction(): Promise<string> {
  const client = await pool.connect()
  let broken = true
  client.on('error', ignore)
  try {
    await client.query('begin')
    const id = await audit.within(
      client,
      orderPlaced('o-1', { amountMinor: 100, currency: 'EUR', items: 1 }, { actor }),
    )
    await client.query('commit')
    broken = false
    return id
  } finally {
    client.off('error', ignore)
    client.release(broken)
  }
}

function ignore(): void {}

const lanes = {
  c: () => audit.record(adminActed({ operation: 'fault' }, [], { actor })),
  b: () => audit.record(loggedOut(actor)),
  t: inTransaction,
}

async function write(lane: keyof typeof lanes): Promise<void> {
  while (running) {
    try {
      writeSync(1, `${lane}${await lanes[lane]()}\n`)
    } catch {
      writeSync(1, `!${lane}\n`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

process.on('SIGTERM', () => {
  running = false
})
const writers = Array.from({ length: Number(FAULT_WRITERS) }, () => [write('c'), write('b'), write('t')]).flat()
await Promise.all(writers)
await audit.close({ deadline: '60s' })
await pool.end()
