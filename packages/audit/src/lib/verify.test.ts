import { generateKeyPairSync, randomBytes } from 'node:crypto'

import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { type Database, database } from '@shop/testkit'

import { type Audit, createAudit } from './audit.ts'
import { loggedIn, orderPlaced } from './catalogue.ts'
import { checkpointSigner } from './checkpoint.ts'
import { migrate } from './migrate.ts'
import { checkEventProof, checkGrowthProof, proveEvent, proveGrowth } from './prove.ts'
import { createSealer, type Sealer } from './sealer.ts'
import { type FindingKind, type VerifyReport, verifyTrail } from './verify.ts'

const signer = checkpointSigner({ name: 'shop.test/audit', key: generateKeyPairSync('ed25519').privateKey })
const macKey = randomBytes(32)
const alice = { type: 'user', id: 'u-1' } as const

let db: Database
let pool: pg.Pool
let audit: Audit
let sealer: Sealer

beforeEach(async () => {
  db = await database({ alone: true })
  await migrate(db.client)
  pool = new pg.Pool({ connectionString: db.url, max: 6 })
  pool.on('error', () => {})
  audit = createAudit({ pool, macKey })
  sealer = createSealer({ pool, signer, macKey })
})

afterEach(async () => {
  await audit.close()
  await sealer.close()
  await pool.end()
  await db.close()
})

async function login(count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => audit.record(loggedIn(alice, { method: 'password' }))))
}

const verify = (outside: readonly string[] = []): Promise<VerifyReport> =>
  verifyTrail({ client: db.client, verifierKey: signer.verifierKey, macKey, outside })

async function kinds(outside?: readonly string[]): Promise<FindingKind[]> {
  const report = await verify(outside)
  expect(report.ok).toBe(report.found === 0)
  return [...new Set(report.findings.map((finding) => finding.kind))].sort()
}

/** What a database administrator can do. */
const tamper = async (sql: string, values: readonly unknown[] = []): Promise<void> => {
  await db.client.query('alter table audit.events disable trigger user')
  const { rowCount } = await db.client.query(sql, [...values])
  expect(rowCount).toBeGreaterThan(0)
}

describe('an untouched trail', () => {
  it('verifies, over several seals, tiles and lanes', async () => {
    await login(300)
    const first = await sealer.seal()
    expect(first).toMatchObject({ size: 300, added: 300, unauthenticated: 0 })
    const client = await pool.connect()
    await client.query('begin')
    await audit.within(client, orderPlaced('o-1', { amountMinor: 1, currency: 'EUR', items: 1 }, { actor: alice }))
    await login(10)
    expect(await sealer.seal()).toMatchObject({ added: 0 }) // an open transaction is older: what follows it waits
    await client.query('commit')
    client.release()
    expect(await sealer.seal()).toMatchObject({ size: 311, added: 11 })
    await login(2)
    expect(await verify([first!.note!])).toMatchObject({
      ok: true,
      size: 311,
      checked: 311,
      unsealed: 2,
      checkpoints: 2,
      outside: 1,
      findings: [],
    })
  })

  it('proves single events and its own growth without the database', async () => {
    const ids = await login(40)
    const { note } = (await sealer.seal())!
    await login(5)
    await sealer.seal()
    const proof = await proveEvent(db.client, ids[7]!)
    expect(checkEventProof(proof, signer.verifierKey)).toMatchObject({ id: ids[7], action: 'auth.login' })
    expect(() => checkEventProof({ ...proof, event: proof.event.replace('u-1', 'u-2') }, signer.verifierKey)).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_AUDIT_TAMPERED' }),
    )
    const growth = await proveGrowth(db.client, note!, signer.verifierKey)
    expect(() => checkGrowthProof(growth, signer.verifierKey)).not.toThrow()
    expect(() => checkGrowthProof({ ...growth, hashes: [] }, signer.verifierKey)).toThrow('does not begin')
    const [late] = await login(1)
    await expect(proveEvent(db.client, late!)).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_NO_SUCH_EVENT' })
  })

  it('is sealed by one of many sealers at a time', async () => {
    await login(500)
    const sealers = Array.from({ length: 4 }, () => createSealer({ pool, signer, macKey, maxEvents: 50 }))
    await Promise.all(
      sealers.map(async (one) => {
        for (let i = 0; i < 10; i++) await one.seal()
      }),
    )
    for (let i = 0; i < 12; i++) await sealer.seal()
    expect(await verify()).toMatchObject({ ok: true, size: 500, unsealed: 0 })
  })
})

describe('what verify detects', () => {
  beforeEach(async () => {
    await login(20)
    await sealer.seal()
  })

  it('a modified event', async () => {
    await tamper(`update audit.events set body = replace(body, 'password', 'passkey') where seq = 5`)
    expect(await kinds()).toEqual(['modified'])
  })

  it('a modified column beside an untouched text', async () => {
    await tamper(`update audit.events set actor = 'user:u-2' where seq = 5`)
    expect(await kinds()).toEqual(['column'])
  })

  it('a deleted event', async () => {
    await tamper('delete from audit.events where seq = 5')
    const report = await verify()
    expect(report.findings.map((finding) => finding.kind)).toEqual(['missing', 'chain'])
  })

  it('a cut tail, and a cut tail with its checkpoint', async () => {
    await login(5)
    const { note } = (await sealer.seal())!
    await tamper('delete from audit.events where seq > 20')
    expect(await kinds()).toContain('missing')
    // an insider who also knows the tree: only the checkpoint outside is left to tell
    await db.client.query(`delete from audit.checkpoints where size > 20`)
    await db.client.query(`update audit.log set size = 20`)
    await db.client.query(
      `update audit.tiles set hashes = substring(hashes for 20 * 32), keys = substring(keys for 20 * 24)`,
    )
    expect(await kinds()).toEqual([])
    expect(await kinds([note!])).toEqual(['rolled-back'])
  })

  it('an event inserted into the sealed past', async () => {
    await tamper(
      `insert into audit.events select time, gen_random_uuid(), seq, action, actor, target, outcome, severity, subject, body, mac, sealed, xid
       from audit.events where seq = 5`,
    )
    expect(await kinds()).toEqual(['inserted'])
  })

  it('an event written past the application, sealed or not', async () => {
    await tamper(
      `insert into audit.events (time, id, seq, action, outcome, severity, body)
       select '2026-01-02T03:04:05Z', 'b3ba0c2e-7d4e-4c6a-9f61-1c7d2f7a9c11', 0, 'admin.acted', 'success', 'high',
         '{"action":"admin.acted","id":"b3ba0c2e-7d4e-4c6a-9f61-1c7d2f7a9c11","outcome":"success","severity":"high","time":"2026-01-02T03:04:05.000Z","version":1}'`,
    )
    expect(await kinds()).toEqual(['unauthenticated'])
    expect(await sealer.seal()).toMatchObject({ added: 1, unauthenticated: 1 })
    expect(await kinds()).toEqual(['unauthenticated'])
  })

  it('an event of a transaction yet to come', async () => {
    await tamper(`insert into audit.events select time, gen_random_uuid(), seq, action, actor, target, outcome, severity, subject, body, mac, sealed,
      xid + 1000000000 from audit.events where seq = 5`)
    expect(await kinds()).toContain('inserted')
  })

  it('events in another order', async () => {
    await db.client.query(
      `update audit.tiles set hashes = substring(hashes from 33 for 32) || substring(hashes for 32) || substring(hashes from 65),
         keys = substring(keys from 25 for 24) || substring(keys for 24) || substring(keys from 49) where level = 0`,
    )
    expect(await kinds()).toEqual(['chain', 'tree'])
  })

  it('two events whose texts were exchanged', async () => {
    await tamper(`update audit.events e set body = o.body from audit.events o where (e.seq, o.seq) in ((5, 6), (6, 5))`)
    expect(await kinds()).toEqual(['chain', 'modified'])
  })

  it('an edited time, which moves the row to another partition', async () => {
    await tamper(`update audit.events set time = time - interval '40 days' where seq = 5`)
    expect(await kinds()).toEqual(['chain', 'inserted', 'missing'])
  })

  it('rows moved to another table', async () => {
    await db.client.query('create table moved as select * from audit.events where seq in (5, 6)')
    await tamper('delete from audit.events where seq in (5, 6)')
    expect(await kinds()).toEqual(['chain', 'missing'])
  })

  it('a forged checkpoint, and one signed by another key', async () => {
    const other = checkpointSigner({ name: signer.name, key: generateKeyPairSync('ed25519').privateKey })
    const forged = other.sign({ origin: signer.name, size: 20, root: randomBytes(32), extensions: [] })
    await db.client.query('update audit.checkpoints set note = $1', [forged])
    expect(await kinds()).toEqual(['checkpoint'])
    expect(await kinds([forged])).toEqual(['checkpoint'])
  })

  it('an event whose tree was rewritten and signed for again, given one checkpoint outside', async () => {
    const { rows } = await db.client.query<{ note: string }>('select note from audit.checkpoints')
    await tamper('delete from audit.events where seq = 20')
    await db.client.query('delete from audit.checkpoints')
    await db.client.query('delete from audit.tiles')
    await db.client.query('update audit.log set size = 0, sealed_xid = 0')
    await sealer.seal()
    await login(1)
    await sealer.seal()
    expect(await kinds()).toEqual(['chain'])
    expect(await kinds([rows[0]!.note])).toContain('rolled-back')
  })

  it('a database rolled back as a whole, given one checkpoint outside', async () => {
    await db.client.query(`create schema backup`)
    for (const table of ['events', 'tiles', 'checkpoints', 'log'])
      await db.client.query(`create table backup.${table} as select * from audit.${table}`)
    await login(30)
    const { note } = (await sealer.seal())!
    await db.client.query('alter table audit.events disable trigger user')
    for (const table of ['events', 'tiles', 'checkpoints', 'log']) {
      await db.client.query(`delete from audit.${table}`)
      await db.client.query(`insert into audit.${table} select * from backup.${table}`)
    }
    expect(await kinds()).toEqual([])
    expect(await kinds([note!])).toEqual(['rolled-back'])
    await login(40) // and grown past the old size
    await sealer.seal()
    expect(await kinds([note!])).toContain('rolled-back')
  })

  it('an inner node that no leaf gives', async () => {
    await login(300)
    await sealer.seal()
    await db.client.query('update audit.tiles set hashes = $1 where level = 1', [randomBytes(32)])
    expect(await kinds()).toEqual(['tree'])
  })
})

describe('the table defends itself', () => {
  it.each([
    ['update', `update audit.events set action = 'x.y'`],
    ['delete', 'delete from audit.events'],
    ['truncate', 'truncate audit.events'],
  ])('against %s', async (_, sql) => {
    await login(1)
    await expect(db.client.query(sql)).rejects.toThrow('append-only')
  })

  it('but lets an erasure empty the sealed values', async () => {
    await login(1)
    await expect(db.client.query('update audit.events set sealed = null')).resolves.toMatchObject({ rowCount: 1 })
  })
})

describe('a dump restored into another cluster', () => {
  it('goes on being sealed although transaction ids began anew', async () => {
    await login(3)
    await sealer.seal()
    // what a restore leaves: rows and log with the other cluster's ids, far above ours
    await db.client.query('alter table audit.events disable trigger user')
    await db.client.query('update audit.events set xid = xid + 5000000')
    await db.client.query('update audit.log set sealed_xid = sealed_xid + 5000000')
    await db.client.query('update audit.lineage set cluster = 1')
    const other = new pg.Pool({ connectionString: db.url })
    const restored = createAudit({ pool: other, macKey })
    await restored.record(loggedIn(alice, { method: 'password' }))
    expect(await sealer.seal()).toMatchObject({ size: 4, added: 1 })
    expect(await verify()).toMatchObject({ ok: true, size: 4 })
    await restored.close()
    await other.end()
  })
})
