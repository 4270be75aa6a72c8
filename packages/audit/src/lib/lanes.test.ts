import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

import { type Database, database, freePort } from '@shop/testkit'

import { createAudit } from './audit.ts'
import { loggedIn, loggedOut } from './catalogue.ts'
import { migrate } from './migrate.ts'

const alice = { type: 'user', id: 'u-1' } as const
const login = () => loggedIn(alice, { method: 'password' })

let db: Database
let pool: pg.Pool
/** Nobody listens there: the database is away. */
let away: pg.Pool

beforeAll(async () => {
  db = await database()
  await migrate(db.client)
  pool = new pg.Pool({ connectionString: db.url, max: 4 })
  pool.on('error', () => {})
  away = new pg.Pool({ connectionString: `postgres://a:b@127.0.0.1:${await freePort()}/c` })
})

afterAll(async () => {
  await away.end()
  await pool.end()
  await db.close()
})

function directory(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'shop-audit-lanes-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

async function inDatabase(ids: readonly string[]): Promise<number> {
  const { rowCount } = await db.client.query('select from audit.events where id = any($1)', [ids])
  return rowCount ?? 0
}

describe('while the database is away', () => {
  it('critical events go to the spool, and from there to the database when it is back', async () => {
    const spool = { directory: directory() }
    const down = createAudit({ pool: away, spool })
    const ids = await Promise.all(Array.from({ length: 20 }, () => down.record(login())))
    await expect(down.drain({ deadline: '200ms' })).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_DRAIN_TIMEOUT' })
    await expect(down.close({ deadline: '100ms' })).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_DRAIN_TIMEOUT' })
    const up = createAudit({ pool, spool })
    await up.drain()
    expect(await inDatabase(ids)).toBe(20)
    await up.close()
    expect(readdirSync(spool.directory)).toEqual([])
  })

  it('without a spool they wait, at most so many and at most so long', async () => {
    const audit = createAudit({ pool: away, critical: { maxPending: 3, deadline: '300ms' } })
    const waiting = Array.from({ length: 6 }, () =>
      audit.record(login()).catch((error: { code: string }) => error.code),
    )
    const codes = await Promise.all(waiting)
    expect(codes.filter((code) => code === 'ERR_SHOP_AUDIT_QUEUE_FULL')).toHaveLength(3)
    expect(codes.filter((code) => code === 'ERR_SHOP_AUDIT_NOT_RECORDED')).toHaveLength(3)
    await audit.close()
  })

  it('or make room for each other, if so asked', async () => {
    const audit = createAudit({ pool, critical: { maxPending: 2, whenFull: 'wait' } })
    const ids = await Promise.all(Array.from({ length: 50 }, () => audit.record(login())))
    expect(await inDatabase(ids)).toBe(50)
    await audit.close()
  })
})

describe('what the database refuses', () => {
  const constrain = async (): Promise<void> => {
    await db.client.query(
      `alter table audit.events add constraint refused check (body not like '%refuse-me%' and body not like '%refuse-too%')`,
    )
    onTestFinished(async () => {
      await db.client.query('alter table audit.events drop constraint refused')
    })
  }

  it('fails alone: the others of its flush are recorded, and their links hold', async () => {
    await constrain()
    const audit = createAudit({ pool })
    const results = await Promise.allSettled(
      ['a', 'refuse-me', 'b', 'c'].map((method) => audit.record(loggedIn(alice, { method }))),
    )
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'ERR_SHOP_AUDIT_REFUSED' })
    await audit.close()
  })

  it('from the spool it is kept aside, and the rest goes on', async () => {
    await constrain()
    const spool = directory()
    const audit = createAudit({ pool, spool: { directory: spool } })
    const ids = await Promise.all(['x', 'refuse-too', 'y'].map((reason) => audit.record(loggedOut(alice, { reason }))))
    await audit.drain()
    expect(await inDatabase(ids)).toBe(2)
    await audit.close()
    const [kept] = readdirSync(spool)
    expect(kept).toMatch(/^refused-.*\.rows$/)
    expect(readFileSync(path.join(spool, kept!), 'latin1')).toContain('refuse-too')
  })
})

describe('the spool', () => {
  it('belongs to one living process, and is taken over from a dead one', async () => {
    const spool = { directory: directory() }
    const audit = createAudit({ pool, spool })
    expect(() => createAudit({ pool, spool })).toThrow(expect.objectContaining({ code: 'ERR_SHOP_AUDIT_SPOOL_LOCKED' }))
    await audit.close()
    writeFileSync(path.join(spool.directory, 'lock'), '999999999 1')
    await createAudit({ pool, spool }).close()
  })

  it('survives a torn tail: what was synced before it is read, what is torn was never acknowledged', async () => {
    const spool = { directory: directory(), segmentBytes: 1_048_576 }
    const down = createAudit({ pool: away, spool })
    const kept = await Promise.all(Array.from({ length: 10 }, () => down.record(loggedOut(alice))))
    const torn = await down.record(loggedOut(alice))
    await down.close({ deadline: 0 }).catch(() => {})
    const file = path.join(
      spool.directory,
      readdirSync(spool.directory).find((name) => name.endsWith('.spool'))!,
    )
    truncateSync(file, statSync(file).size - 5)
    const up = createAudit({ pool, spool })
    await up.drain()
    expect(await inDatabase(kept)).toBe(10)
    expect(await inDatabase([torn])).toBe(0)
    await up.close()
  })

  it('keeps a copy of a segment that is damaged in the middle, and reads what stands before', async () => {
    const spool = { directory: directory(), segmentBytes: 1_048_576 }
    const down = createAudit({ pool: away, spool })
    const ids = [await down.record(loggedOut(alice))]
    for (let i = 0; i < 3; i++) ids.push(await down.record(loggedOut(alice)))
    await down.close({ deadline: 0 }).catch(() => {})
    const file = path.join(
      spool.directory,
      readdirSync(spool.directory).find((name) => name.endsWith('.spool'))!,
    )
    const bytes = readFileSync(file)
    bytes[Math.round(bytes.length / 2)]! ^= 1
    writeFileSync(file, bytes)
    const up = createAudit({ pool, spool })
    await up.drain()
    const read = await inDatabase(ids)
    expect(read).toBeGreaterThan(0)
    expect(read).toBeLessThan(4)
    await up.close()
    expect(readdirSync(spool.directory)).toEqual([expect.stringMatching(/^damaged-\d+\.spool$/)])
  })

  it('hands on what is partly in the database already, as after a crash between commit and removal: once each', async () => {
    const spool = { directory: directory() }
    const down = createAudit({ pool: away, spool })
    const ids = await Promise.all(Array.from({ length: 300 }, () => down.record(loggedOut(alice))))
    await down.close({ deadline: 0 }).catch(() => {})
    const copy = { directory: directory() }
    cpSync(spool.directory, copy.directory, { recursive: true, filter: (file) => !file.endsWith('lock') })
    for (const again of [spool, copy]) {
      const up = createAudit({ pool, spool: again })
      const before = await up.record(loggedOut(alice)) // new rows behind the old ones
      await up.drain()
      expect(await inDatabase([...ids, before])).toBe(301)
      await up.close()
    }
    const { rows } = await db.client.query<{ n: number }>(
      'select count(distinct xid)::int n from audit.events where id = any($1)',
      [ids],
    )
    expect(rows[0]!.n).toBe(1) // in one COPY, at its transaction's own position
  })

  it('has a bound, at which events are refused or wait', async () => {
    const bounded = { directory: directory(), maxBytes: 65_536, segmentBytes: 16_384 }
    const down = createAudit({ pool: away, spool: bounded })
    const results = await Promise.allSettled(Array.from({ length: 300 }, () => down.record(loggedOut(alice))))
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.length).toBeGreaterThan(100)
    expect(refused[0]!.reason).toMatchObject({ code: 'ERR_SHOP_AUDIT_SPOOL_FULL' })
    await down.close({ deadline: 0 }).catch(() => {})
    const taken = readdirSync(bounded.directory).reduce(
      (sum, name) => sum + statSync(path.join(bounded.directory, name)).size,
      0,
    )
    expect(taken).toBeLessThanOrEqual(65_536)

    const up = createAudit({ pool, spool: { ...bounded, whenFull: 'wait' } })
    const ids = await Promise.all(Array.from({ length: 300 }, () => up.record(loggedOut(alice))))
    await up.drain()
    expect(await inDatabase(ids)).toBe(300)
    await up.close()
  })

  it('refuses what it cannot write, and goes on when it can again', async () => {
    const spool = path.join(directory(), 'gone')
    const audit = createAudit({ pool, spool: { directory: spool } })
    rmSync(spool, { recursive: true })
    await expect(audit.record(loggedOut(alice))).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_SPOOL_WRITE' })
    const { mkdirSync } = await import('node:fs')
    mkdirSync(spool)
    const id = await audit.record(loggedOut(alice))
    await audit.drain()
    expect(await inDatabase([id])).toBe(1)
    await audit.close()
  })

  it('meets a full disk in the middle of a write: nothing half-written counts, what was acknowledged stays', async () => {
    // a limit on the size of files is a full disk no root is needed for: the write stops in the middle
    const spool = directory()
    const script = path.join(import.meta.dirname, '../../soak/full-disk-writer.ts')
    const run = spawnSync(
      'sh',
      [
        '-c',
        `trap '' XFSZ; ulimit -f 40; exec "$0" --disable-warning=ExperimentalWarning "$1"`,
        process.execPath,
        script,
      ],
      {
        env: { ...process.env, FULL_SPOOL: spool },
        encoding: 'utf8',
        timeout: 30_000,
      },
    )
    expect(run.stderr).toBe('')
    const { acknowledged, refused } = JSON.parse(run.stdout) as { acknowledged: string[]; refused: string[] }
    expect(acknowledged.length).toBeGreaterThan(10)
    expect(refused.length).toBeGreaterThan(0)
    expect(new Set(refused)).toEqual(new Set(['ERR_SHOP_AUDIT_SPOOL_FULL']))
    const audit = createAudit({ pool, spool: { directory: spool } })
    await audit.drain()
    expect(await inDatabase(acknowledged)).toBe(acknowledged.length)
    await audit.close()
  })
})
