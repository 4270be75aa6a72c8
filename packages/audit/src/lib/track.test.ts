import { generateKeyPairSync } from 'node:crypto'

import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { type Database, database } from '@shop/testkit'

import { checkpointSigner } from './checkpoint.ts'
import { withAuditContext } from './context.ts'
import { migrate } from './migrate.ts'
import { createSealer } from './sealer.ts'
import { setRowContext, track, untrack } from './track.ts'
import { verifyTrail } from './verify.ts'

let db: Database

beforeAll(async () => {
  db = await database({ alone: true })
  await migrate(db.client)
  await db.client.query(`create table public.products (
    id integer primary key, name text, price numeric(10,2), stock integer, "odd ""name" text, attributes jsonb, raw json,
    secret text, updated_at timestamptz default now())`)
  await track(db.client, 'products', { exclude: ['updated_at'], redact: ['secret'] })
})

afterAll(() => db.close())

beforeEach(async () => {
  await db.client.query('alter table audit.row_changes disable trigger user')
  await db.client.query('delete from audit.row_changes')
  await db.client.query('alter table products disable trigger user')
  await db.client.query('delete from products')
  await db.client.query(
    `insert into products (id, name, price, stock, raw, secret) values (1, 'tea', 3.50, 9, '{"a": 1}', 's1'), (2, 'mug', 8, 4, null, 's2')`,
  )
  await db.client.query('alter table products enable trigger user')
})

interface Change {
  readonly op: string
  readonly key: string | null
  readonly old: unknown
  readonly new: unknown
  readonly actor: string
  readonly request: string | null
}

async function changes(): Promise<Change[]> {
  const { rows } = await db.client.query<Change>(
    'select op, key, old, new, actor, request from audit.row_history order by id',
  )
  return rows
}

describe('a tracked table', () => {
  it('records of an update only what changed, before and after', async () => {
    await db.client.query('update products set price = 4, updated_at = now() where id = 1')
    expect(await changes()).toEqual([
      { op: 'U', key: '1', old: { price: 3.5 }, new: { price: 4 }, actor: 'db:shop', request: null },
    ])
  })

  it('of keys alone: a moved key is a row that left and one that came, an unmoved one nothing', async () => {
    await db.client.query('create table tags (product integer, tag text, primary key (product, tag))')
    await track(db.client, 'tags')
    await db.client.query(`insert into tags values (1, 'new')`)
    await db.client.query(`update tags set tag = 'new'`)
    await db.client.query(`update tags set tag = 'old'`)
    expect((await changes()).map(({ op, key }) => `${op} ${key}`).sort()).toEqual(['D 1,new', 'I 1,new', 'I 1,old'])
    await db.client.query('drop table tags')
  })

  it('skips updates that change nothing, or only what is excluded', async () => {
    await db.client.query(`update products set name = name, raw = '{"a": 1}', updated_at = now() where id = 1`)
    expect(await changes()).toEqual([])
  })

  it('records inserts and deletes whole, without excluded and redacted values', async () => {
    await db.client.query(`insert into products (id, name, secret) values (3, 'pot', 'hush')`)
    await db.client.query('delete from products where id = 2')
    const [insert, removal] = await changes()
    expect(insert).toMatchObject({ op: 'I', key: '3', old: null, new: { id: 3, name: 'pot', secret: '[redacted]' } })
    expect(insert!.new).not.toHaveProperty('updated_at')
    expect(removal).toMatchObject({ op: 'D', key: '2', old: { id: 2, name: 'mug', secret: '[redacted]' }, new: null })
  })

  it('says that a redacted column changed, and not how', async () => {
    await db.client.query(`update products set secret = 'other' where id = 1`)
    expect(await changes()).toMatchObject([{ old: { secret: '[redacted]' }, new: { secret: '[redacted]' } }])
  })

  it('tells a null from an absence, and odd names and nested values apart', async () => {
    await db.client.query(
      `update products set name = null, "odd ""name" = 'x"y', attributes = '{"k": [1, null]}' where id = 1`,
    )
    expect(await changes()).toMatchObject([
      {
        old: { name: 'tea', 'odd "name': null, attributes: null },
        new: { name: null, 'odd "name': 'x"y', attributes: { k: [1, null] } },
      },
    ])
  })

  it('records a changed primary key as a removal and an insertion', async () => {
    await db.client.query('update products set id = 7 where id = 1')
    const rows = await changes()
    expect(rows.map((row) => [row.op, row.key]).sort()).toEqual([
      ['D', '1'],
      ['I', '7'],
    ])
  })

  it('records a truncation', async () => {
    await db.client.query('truncate products')
    expect(await changes()).toMatchObject([{ op: 'T', key: null, old: null, new: null }])
  })

  it('knows actor and request of the application, until the transaction ends', async () => {
    await db.client.query('begin')
    await withAuditContext({ actor: { type: 'admin', id: 'a-1' }, requestId: 'r-1' }, () => setRowContext(db.client))
    await db.client.query('update products set stock = 1 where id = 1')
    await db.client.query('commit')
    await db.client.query('update products set stock = 2 where id = 1')
    expect(await changes()).toMatchObject([
      { actor: 'admin:a-1', request: 'r-1' },
      { actor: 'db:shop', request: null },
    ])
  })

  it('changes 20,000 rows in one statement without a quadratic join', async () => {
    await db.client.query(
      `insert into products (id, name, stock) select i, 'p' || i, i from generate_series(10, 20009) i`,
    )
    const started = performance.now()
    await db.client.query('update products set stock = stock + 1 where id >= 10')
    expect(performance.now() - started).toBeLessThan(5000)
    const { rows } = await db.client.query<{ n: string }>(`select count(*) n from audit.row_changes where op = 'U'`)
    expect(rows[0]!.n).toBe('20000')
  })

  it('goes under the tree, where a later edit is found', async () => {
    const pool = new pg.Pool({ connectionString: db.url })
    pool.on('error', () => {})
    const signer = checkpointSigner({ name: 'shop.test/audit', key: generateKeyPairSync('ed25519').privateKey })
    await using sealer = createSealer({ pool, signer })
    await db.client.query('update products set stock = stock + 1')
    await sealer.seal()
    await sealer.seal() // the event about the rows
    const verify = () => verifyTrail({ client: db.client, verifierKey: signer.verifierKey })
    expect(await verify()).toMatchObject({ ok: true, size: 1 })
    await db.client.query(`update audit.row_changes set actor = 'user:other'`)
    expect(await verify()).toMatchObject({ ok: false, findings: [{ kind: 'rows' }] })
    await sealer.close()
    await pool.end()
  })

  it('is recorded no more after untrack', async () => {
    await db.client.query('create table public.short (a integer, b integer, c text, primary key (a, b))')
    await track(db.client, 'public.short')
    await db.client.query(`insert into short values (1, 2, 'x')`)
    await untrack(db.client, 'public.short')
    await db.client.query(`insert into short values (3, 4, 'y')`)
    expect(await changes()).toMatchObject([{ op: 'I', key: '1,2' }])
  })
})

describe('what cannot be tracked', () => {
  it.each([
    ['an unknown table', 'nowhere', {}],
    ['an unknown column', 'products', { exclude: ['no_such'] }],
    ['a view', 'audit.audit_logs', {}],
  ])('%s', async (_, table, options) => {
    await expect(track(db.client, table, options)).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_TABLE' })
  })

  it('a table without a primary key, and a hidden primary key', async () => {
    await db.client.query('create table public.keyless (a integer)')
    await expect(track(db.client, 'keyless')).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_TABLE' })
    await expect(track(db.client, 'products', { redact: ['id'] })).rejects.toMatchObject({
      code: 'ERR_SHOP_AUDIT_OPTION',
    })
  })
})
