import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { database } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { killDrill } from '../../soak/kill-drill.ts'
import { createBlindIndexes } from './blind-index.ts'
import { addKey, createKeyset, promoteKey } from './keyset-edit.ts'
import { migrateLegacy, reencrypt } from './reencrypt.ts'
import type { MigrateOptions, ReencryptOptions } from './reencrypt.ts'
import { createVault } from './vault.ts'
import type { Vault } from './vault.ts'

describe('re-encryption', () => {
  let db: Awaited<ReturnType<typeof database>>
  let pool: pg.Pool
  let old: Vault
  let fresh: Vault
  const place = (row: number | string) => ({ table: 'people', column: 'phone', row })
  const valueOf = (id: number): string => `+49151${id}`

  beforeAll(async () => {
    db = await database()
    pool = new pg.Pool({ connectionString: db.url, max: 4 })
    const before = await addKey(await createKeyset())
    old = createVault({ keyset: before })
    fresh = createVault({ keyset: promoteKey(before, before.keys[1]!.id) })
  })
  afterAll(async () => {
    await pool.end()
    await db.close()
  })
  beforeEach(async () => {
    await pool.query('drop table if exists people; create table people (id int primary key, phone text)')
    await insert(Array.from({ length: 500 }, (_, i) => [i + 1, old.encrypt(valueOf(i + 1), place(i + 1))]))
  })

  const insert = async (rows: readonly (readonly [number, string])[]): Promise<unknown> =>
    pool.query('insert into people select * from unnest($1::int[], $2::text[])', [
      rows.map(([id]) => id),
      rows.map(([, phone]) => phone),
    ])
  const run = async (options: Partial<ReencryptOptions> = {}) =>
    reencrypt({ client: pool, vault: fresh, table: 'people', column: 'phone', key: 'id', ...options })
  const all = async (): Promise<{ id: number; phone: string }[]> =>
    (await pool.query<{ id: number; phone: string }>('select * from people order by id')).rows

  it('brings every row under the primary key, once', async () => {
    const progress: number[] = []
    const report = await run({ batch: 100, onProgress: ({ done }) => progress.push(done) })
    expect(report).toMatchObject({ done: 500, failed: 0, conflicts: 0, left: 0 })
    expect(progress).toEqual([100, 200, 300, 400, 500])
    for (const { id, phone } of await all())
      expect(fresh.open(phone, place(id))).toEqual({ value: valueOf(id), stale: false })
    expect(await run()).toMatchObject({ done: 0, left: 0 })
  })

  it('in a dry run reads everything and writes nothing', async () => {
    const before = await all()
    expect(await run({ dryRun: true, batch: 7 })).toMatchObject({ done: 500, left: 500 })
    expect(await all()).toEqual(before)
  })

  it('leaves nulls alone, and rows that do not decrypt as they are, and says which', async () => {
    await pool.query('insert into people values (501, null), (502, $1), (503, $2)', [
      old.encrypt('x', place(1)),
      'plain text',
    ])
    expect(await run()).toMatchObject({ done: 500, failed: 1, failedKeys: ['502'], left: 1 })
    const rows = await all()
    expect(rows.slice(-3).map((row) => row.phone?.slice(0, 3))).toEqual([undefined, 'e1.', 'pla'])
  })

  it('never loses a write that comes between reading and writing, and gets to it later', async () => {
    let raced = 0
    const racing = {
      async query(text: string, values?: unknown[]) {
        if (/with fresh as/.test(text) && raced++ === 0)
          await pool.query('update people set phone = $2 where id = $1', [5, old.encrypt('new number', place(5))])
        return pool.query(text, values)
      },
    }
    expect(await run({ client: racing })).toMatchObject({ done: 500, conflicts: 1, left: 0 })
    expect(fresh.open((await all())[4]!.phone, place(5))).toEqual({ value: 'new number', stale: false })
  })

  it('does not wait for a row that somebody holds, and comes back to it', async () => {
    const holder = await pool.connect()
    await holder.query('begin')
    await holder.query('select * from people where id = 7 for update')
    const running = run({ batch: 50 })
    while (
      (
        await pool.query<{ count: string }>(`select count(*) from people where not starts_with(phone, $1)`, [
          fresh.currentPrefixes(place(1))[0],
        ])
      ).rows[0]!.count !== '1'
    )
      await new Promise((resolve) => setTimeout(resolve, 10))
    await holder.query('commit')
    holder.release()
    expect(await running).toMatchObject({ done: 500, left: 0 })
  })

  it('gives up on a row that is held for ever, and says that it is left', async () => {
    const holder = await pool.connect()
    await holder.query('begin')
    await holder.query('select * from people where id = 7 for update')
    expect(await run()).toMatchObject({ done: 499, left: 1, failed: 0 })
    await holder.query('rollback')
    holder.release()
  })

  it('pauses while others wait for locks, and goes on after', async () => {
    const [holder, waiter] = [await pool.connect(), await pool.connect()]
    await pool.query('create table if not exists queue (id int)')
    await holder.query('begin; lock table queue')
    const waiting = waiter.query('select * from queue')
    await new Promise((resolve) => setTimeout(resolve, 50))
    let finished = false
    const running = run({ maxLockWaits: 0 }).finally(() => (finished = true))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(finished).toBe(false)
    await holder.query('commit')
    await waiting
    holder.release()
    waiter.release()
    expect(await running).toMatchObject({ done: 500, left: 0 })
  })

  it('stops at a signal, and goes on where it was', async () => {
    const aborter = new AbortController()
    await expect(
      run({
        batch: 50,
        signal: aborter.signal,
        onProgress: ({ done }) => done >= 200 && aborter.abort(new Error('enough')),
      }),
    ).rejects.toThrow('enough')
    const report = await run({ batch: 50 })
    expect(report.left).toBe(0)
    expect(report.done).toBeLessThanOrEqual(300)
  })

  it('knows composite keys, tenants and schemas', async () => {
    await pool.query(`create schema if not exists crm; drop table if exists crm.people;
      create table crm.people (shop text, id bigint, phone text, primary key (shop, id))`)
    const where = (shop: string, id: number) => ({ tenant: shop, table: 'people', column: 'phone', row: [shop, id] })
    for (let id = 1; id <= 30; id++) {
      const shop = `shop ${id % 3}`
      await pool.query('insert into crm.people values ($1, $2, $3)', [
        shop,
        id,
        old.encrypt(valueOf(id), where(shop, id)),
      ])
    }
    expect(await run({ table: 'crm.people', key: ['shop', 'id'], tenant: 'shop', batch: 4 })).toMatchObject({
      done: 30,
      failed: 0,
      left: 0,
    })
    const { rows } = await pool.query<{ shop: string; id: string; phone: string }>('select * from crm.people')
    for (const row of rows)
      expect(fresh.decrypt(row.phone, where(row.shop, Number(row.id)))).toBe(valueOf(Number(row.id)))
  })

  it('rewrites blind indexes with their column', async () => {
    const indexOf = (vault: Vault) =>
      createBlindIndexes({
        keyset: vault.keyset,
        table: 'people',
        rows: 500,
        indexes: { phone: { columns: { phone: 'digits' }, values: 1e9 } },
      }).phone
    await pool.query('alter table people add phone_idx text')
    for (const { id } of await all())
      if (id < 400)
        await pool.query('update people set phone_idx = $2 where id = $1', [
          id,
          indexOf(old).write({ phone: valueOf(id) }),
        ])
    const index = indexOf(fresh)
    const indexes = {
      phone_idx: {
        currentPrefix: index.currentPrefix(),
        compute: (value: unknown) => index.write({ phone: String(value) }),
      },
    }
    expect(await run({ indexes })).toMatchObject({ done: 500, left: 0 })
    const { rows } = await pool.query<{ id: number; phone_idx: string }>('select id, phone_idx from people')
    for (const row of rows) expect(row.phone_idx).toBe(index.write({ phone: valueOf(row.id) }))
    await pool.query("update people set phone_idx = 'lost' where id = 3")
    expect(await run({ indexes })).toMatchObject({ done: 1, left: 0 })
  })

  it('refuses what it cannot do safely', async () => {
    await pool.query(
      'drop table if exists odd; create table odd (id timestamptz primary key, other int, loose int unique, phone text)',
    )
    for (const bad of [
      { table: 'nowhere' },
      { column: 'nothing' },
      { key: 'phone' },
      { table: 'odd' },
      { table: 'odd', key: 'other' },
      { table: 'odd', key: 'loose' },
      { tenant: 'nothing' },
    ])
      await expect(run(bad)).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_REENCRYPT' })
    for (const bad of [{ batch: 0 }, { batch: 20_000 }, { other: 1 }, { maxLockWaits: -1 }])
      await expect(run(bad as never)).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_OPTION' })
  })

  it('takes names with quotes in them as names', async () => {
    await pool.query(
      `drop table if exists "od""d; drop table people"; create table "od""d; drop table people" ("i""d" int primary key, "ph""one" text)`,
    )
    const table = 'od"d; drop table people'
    await pool.query(`insert into "od""d; drop table people" values (1, $1)`, [
      old.encrypt('x', { table, column: 'ph"one', row: 1 }),
    ])
    expect(await run({ table, column: 'ph"one', key: 'i"d' })).toMatchObject({ done: 1, left: 0 })
  })

  it('survives kill -9 again and again, with nothing skipped, lost or done twice', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'shop-crypto-'))
    const report = await killDrill({ url: db.url, dir, kills: 3, rows: 2000, batch: 20 })
    await rm(dir, { recursive: true })
    expect(report.violations).toEqual([])
    expect(report.kills).toBe(3)
  }, 60_000)

  describe('migration', () => {
    const key = randomBytes(32).toString('hex')
    const legacyOf = (text: string): string => {
      const iv = randomBytes(16)
      const cipher = createCipheriv('aes-256-cbc', Buffer.from(key, 'hex'), iv)
      return `${iv.toString('hex')}:${cipher.update(text, 'utf8', 'hex')}${cipher.final('hex')}`
    }
    const migrate = async (options: Partial<MigrateOptions> & Pick<MigrateOptions, 'from'>) =>
      migrateLegacy({ client: pool, vault: fresh, table: 'people', column: 'phone', key: 'id', ...options })

    it('from iv:ciphertext leaves tokens alone and plaintext unread', async () => {
      await insert([
        [601, legacyOf('old one')],
        [602, 'plain'],
        [603, legacyOf('old two')],
      ])
      const reader = createVault({ keyset: fresh.keyset, legacy: { key, until: '2999-01-01' } })
      expect(await migrate({ from: 'iv:ciphertext', vault: reader })).toMatchObject({
        done: 2,
        failed: 1,
        failedKeys: ['602'],
        left: 1,
      })
      expect(fresh.decrypt((await all())[500]!.phone, place(601))).toBe('old one')
    })

    it('from plaintext never encrypts old ciphertext a second time', async () => {
      await insert([
        [601, 'plain'],
        [602, legacyOf('old')],
      ])
      expect(await migrate({ from: 'plaintext' })).toMatchObject({ done: 1, failed: 1, failedKeys: ['602'], left: 1 })
      expect(fresh.decrypt((await all())[500]!.phone, place(601))).toBe('plain')
      await expect(migrate({ from: 'base64' as never })).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_REENCRYPT' })
    })
  })
})
