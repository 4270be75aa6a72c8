import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type Database, database } from '@shop/testkit'

import { type Audit, createAudit } from './audit.ts'
import { loggedIn } from './catalogue.ts'
import { checkpointSigner } from './checkpoint.ts'
import { placeHold, releaseHold } from './hold.ts'
import { migrate } from './migrate.ts'
import { checkEventProof, proveEvent } from './prove.ts'
import { partitionsDue, retirePartition } from './retention.ts'
import { createSealer, type Sealer } from './sealer.ts'
import { verifyTrail } from './verify.ts'

const signer = checkpointSigner({ name: 'shop.test/audit', key: generateKeyPairSync('ed25519').privateKey })
const macKey = randomBytes(32)
const alice = { type: 'user', id: 'u-1' } as const
const directory = mkdtempSync(path.join(tmpdir(), 'shop-audit-archive-'))

let db: Database
let pool: pg.Pool
let audit: Audit
let sealer: Sealer

beforeAll(async () => {
  db = await database({ alone: true })
  await migrate(db.client)
  await db.client.query(`select audit.ensure_partitions(2, '2020-01-15Z')`)
  pool = new pg.Pool({ connectionString: db.url })
  pool.on('error', () => {})
  audit = createAudit({ pool, macKey })
  sealer = createSealer({ pool, signer, macKey })
  for (const time of ['2020-01-10T00:00:00Z', '2020-01-31T23:59:59.999Z', '2020-02-01T00:00:00Z'])
    await audit.record({ ...loggedIn(alice, { method: 'password' }), time: new Date(time) })
  await audit.record(loggedIn(alice, { method: 'password' }))
})

afterAll(async () => {
  await audit.close()
  await sealer.close()
  await pool.end()
  await db.close()
  rmSync(directory, { recursive: true, force: true })
})

const retire = (partition: string) =>
  retirePartition({
    pool,
    audit,
    sealer,
    partition,
    directory,
    actor: { type: 'system', id: 'retention' },
    reason: 'ten years',
  })

describe('retention by month', () => {
  it('names what is due', async () => {
    expect((await partitionsDue(db.client, 12)).map((one) => one.name)).toEqual([
      'events_2020_01',
      'events_2020_02',
      'events_2020_03',
    ])
    expect(await partitionsDue(db.client, 0, { now: new Date('2020-02-15Z') })).toHaveLength(1)
  })

  it('lets nothing leave that is under a legal hold', async () => {
    const id = await placeHold(db.client, { subject: 'user:u-1', reason: 'case 7', placedBy: 'counsel' })
    await expect(retire('events_2020_01')).rejects.toMatchObject({
      code: 'ERR_SHOP_AUDIT_RETENTION',
      message: expect.stringContaining('case 7'),
    })
    await releaseHold(db.client, id)
    await expect(releaseHold(db.client, id)).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_RETENTION' })
  })

  it('seals, exports and detaches, and every proof still verifies', async () => {
    const retired = await retire('events_2020_01')
    const bytes = readFileSync(retired.archive)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(retired.digest)
    expect(gunzipSync(bytes).toString().trim().split('\n')).toHaveLength(2)
    expect(retired).toMatchObject({ count: 2, from: '2020-01-01T00:00:00.000Z', to: '2020-02-01T00:00:00.000Z' })
    const { rows } = await db.client.query<{ n: string }>('select count(*) n from audit.events')
    expect(rows[0]!.n).toBe('3')
    expect(await verifyTrail({ client: db.client, verifierKey: signer.verifierKey, macKey })).toMatchObject({
      ok: true,
      size: 5,
      checked: 3,
      retired: 2,
    })
    const { rows: left } = await db.client.query<{ id: string }>(`select id from audit.events order by time limit 1`)
    const proof = await proveEvent(db.client, left[0]!.id)
    expect(checkEventProof(proof, signer.verifierKey).time).toBe('2020-02-01T00:00:00.000Z')
  })

  it('does not let a forged retirement hide a deletion', async () => {
    await db.client.query('alter table audit.events disable trigger user')
    await db.client.query(`delete from audit.events where time = '2020-02-01T00:00:00Z'`)
    await audit.within(db.client, {
      action: 'trail.retired',
      actor: alice,
      data: {
        partition: 'x',
        from: '2020-02-01T00:00:00.000Z',
        to: '2020-03-01T00:00:00.000Z',
        count: 1,
        archive: 'x',
        reason: 'x',
      },
    })
    const report = await verifyTrail({ client: db.client, verifierKey: signer.verifierKey, macKey })
    expect(report.findings.map((finding) => finding.kind)).toContain('missing')
  })

  it.each([['events_default'], ['events_2999_01'], ['events_2019_07']])('refuses %s', async (name) => {
    await expect(retire(name)).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_RETENTION' })
  })
})
