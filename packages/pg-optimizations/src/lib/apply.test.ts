import { type Database, database, server } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { clients, random, trade, wrongCells } from '../../fixtures/workload.ts'
import { apply, plan, rollback } from './apply.ts'
import { ASSET_NAMES } from './asset.ts'
import { examine } from './doctor.ts'
import { defineMapping } from './mapping.ts'
import { row, rows } from './sql.ts'
import { definitions } from '../../fixtures/definitions.ts'
import { MEDUSA, PLAIN } from '../../fixtures/shops.ts'

describe.each([PLAIN, MEDUSA])('applying to the $name shop', ({ mapping, load }) => {
  let db: Database
  let before: string[]

  beforeAll(async () => {
    db = await database()
    await db.client.query('create extension pg_stat_statements')
    await load(db.client, { products: 2000, orders: 3000 })
    before = await definitions(db.client)
  })
  afterAll(() => db.close())

  test('makes everything once, and nothing the second time', async () => {
    const first = await apply({ connect: db.url, mapping })
    expect(first.made.length).toBeGreaterThan(60)
    const second = await apply({ connect: db.url, mapping })
    expect(second).toEqual({ made: [], unchanged: first.made.length })
    const states = await plan({ connect: db.url, mapping })
    expect(states.map(({ asset }) => asset.name)).toEqual(ASSET_NAMES)
    expect(new Set(states.flatMap(({ steps }) => steps.map(({ state }) => state)))).toEqual(new Set(['current']))
  })

  test('rolling back restores the catalogue to what it was', async () => {
    await rollback({ connect: db.url, mapping })
    expect(await definitions(db.client)).toEqual(before)
  })
})

test('PostgreSQL 15 takes the same assets, keeps them right, and gives them back', async () => {
  await using old = await server({ version: 15, settings: { shared_preload_libraries: 'pg_stat_statements' } })
  const client = new pg.Client(old.url)
  client.on('error', () => {})
  await client.connect()
  await client.query('create extension pg_stat_statements')
  await PLAIN.load(client, { products: 300, orders: 1000 })
  const before = await definitions(client)
  await apply({ connect: old.url, mapping: PLAIN.mapping })
  expect((await apply({ connect: old.url, mapping: PLAIN.mapping })).made).toEqual([])
  const tally = { committed: 0, rolledBack: 0, retried: 0, folded: 0 }
  await using open = await clients(old.url, 3)
  await Promise.all(open.all.map((one, n) => trade(one, 'shop', 60, random(n), tally, 300)))
  expect(await wrongCells(client, 'shop')).toEqual([])
  for (const call of [
    `search_products('lamp')`,
    'refresh_all_materialized_views()',
    'analyze_slow_queries()',
    'cache_stats()',
    'top_products(30)',
  ]) {
    await client.query(`select * from shop.${call}`)
  }
  await client.query('alter table orders disable trigger shop_sales_order_changed')
  expect((await examine(client, PLAIN.mapping)).filter(({ severity }) => severity === 'error')).toMatchObject([
    { check: 'disabled trigger' },
  ])
  await client.query(`update orders set status = 'paid'`)
  await apply({ connect: old.url, mapping: PLAIN.mapping })
  expect((await examine(client, PLAIN.mapping)).filter(({ severity }) => severity === 'error')).toEqual([])
  expect(await wrongCells(client, 'shop')).toEqual([])
  await rollback({ connect: old.url, mapping: PLAIN.mapping })
  expect(await definitions(client)).toEqual(before)
  // keys that have no max() before PostgreSQL 18
  await client.query(
    `create table goods as select gen_random_uuid() as id, category_id, brand, name, description, price_cents, rating, stock, active from products`,
  )
  const keyed = defineMapping({ products: { table: 'goods' }, schema: 'keyed' })
  await apply({ connect: old.url, mapping: keyed, assets: ['search'], batch: 100 })
  expect(await rows(client, 'select count(*)::int as n from keyed.product_document')).toEqual(
    await rows(client, 'select count(*)::int as n from goods where active'),
  )
  await client.end()
}, 90_000)

describe('beside others in one database', () => {
  let db: Database
  const second = { ...MEDUSA.mapping, schema: 'second' }
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 50, orders: 50 })
    await MEDUSA.load(db.client, { products: 50, orders: 50 })
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['search', 'sales', 'browse'] })
  })
  afterAll(() => db.close())

  test('rolling back one mapping leaves the other whole', async () => {
    const before = await definitions(db.client)
    await apply({ connect: db.url, mapping: second, assets: ['search', 'sales', 'browse'] })
    await rollback({ connect: db.url, mapping: second })
    expect(await definitions(db.client)).toEqual(before)
  })

  test('what a user has built on an asset is named, and nothing is dropped', async () => {
    await db.client.query('create view best as select * from shop.sales_daily_live')
    const before = await definitions(db.client)
    await expect(rollback({ connect: db.url, mapping: PLAIN.mapping })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_CONFLICT',
      message: expect.stringContaining('best') as string,
    })
    expect(await definitions(db.client)).toEqual(before)
    await db.client.query('drop view best')
    await rollback({ connect: db.url, mapping: PLAIN.mapping })
  })

  test('whatever rests on an asset is named, a column of its type too, and nothing is dropped', async () => {
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['search', 'inventory'] })
    await db.client
      .query(`create view my_top as select * from shop.top_products(30, 10); create view over_it as select * from my_top;
      create function found() returns setof shop.product_document language sql as 'select * from shop.product_document';
      create function sold() returns numeric language sql begin atomic select sum(revenue) from shop.sales_daily_live; end;
      create table held (r shop.reservation, of int references shop.stock_level)`)
    const before = await definitions(db.client)
    const refused = await rollback({ connect: db.url, mapping: PLAIN.mapping }).catch((error: Error) => error.message)
    for (const named of ['my_top', 'found()', 'sold()', 'column r of table held', 'held_of_fkey'])
      expect(refused).toContain(named)
    expect(await definitions(db.client)).toEqual(before)
    // a table that another mapping would replace goes no more than one that is rolled back
    await db.client.query(
      'create table goods as select * from products; alter table goods alter price_cents type bigint',
    )
    const other = defineMapping({ products: { table: 'goods' } })
    const changed = await definitions(db.client)
    await expect(apply({ connect: db.url, mapping: other, assets: ['search'] })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_CONFLICT',
      message: expect.stringContaining('found()') as string,
    })
    expect(await definitions(db.client)).toEqual(changed)
    await db.client.query('drop view my_top cascade; drop function found, sold; drop table held, goods')
  })

  test('a view on a function stands where the function can be exchanged in place', async () => {
    const counted = defineMapping({ orders: { counted: ['paid'] } })
    await db.client.query('create view my_top as select * from shop.top_products(30, 10)')
    await apply({ connect: db.url, mapping: counted, assets: ['sales'] })
    await db.client.query('table my_top')
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['sales'] })
    await db.client.query('drop view my_top')
  })

  test('a key that became wider makes new functions of the old, and the old go', async () => {
    await db.client.query(
      'create table public.goods as select * from products; alter table goods add primary key (id); create table public.kinds as select * from categories',
    )
    const before = await definitions(db.client)
    const wide = {
      connect: db.url,
      mapping: defineMapping({
        products: { table: 'public.goods' },
        categories: { table: 'public.kinds' },
        schema: 'wide',
      }),
      assets: ['search'],
    }
    await apply(wide)
    await db.client.query('alter table goods alter id type bigint')
    await apply(wide)
    expect((await apply(wide)).made).toEqual([])
    await db.client.query('alter table goods alter id type int')
    await rollback({ connect: db.url, mapping: wide.mapping })
    expect(await definitions(db.client)).toEqual(before)
    await db.client.query('drop table goods, kinds')
  })

  test('one asset goes by itself, and with all that rest on it', async () => {
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['browse', 'sales', 'inventory'] })
    const options = { connect: db.url, mapping: PLAIN.mapping }
    const before = await definitions(db.client)
    await expect(rollback({ ...options, assets: ['sales'] })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_CONFLICT',
      message: expect.stringContaining('inventory_live (asset inventory)') as string,
    })
    expect(await definitions(db.client)).toEqual(before)
    await rollback({ ...options, assets: ['sales', 'inventory'] })
    const left = (await plan(options)).flatMap(({ asset, steps }) =>
      steps.some(({ state }) => state === 'current') ? [asset.name] : [],
    )
    expect(left).toEqual(['browse', 'search'])
    // its roll-ups are computed again with it
    await apply({ ...options, assets: ['sales', 'inventory'] })
    expect(await definitions(db.client)).toEqual(before)
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    await expect(rollback({ ...options, assets: ['sails'] })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_OPTION' })
  })

  test('pg_trgm stays with its schema where somebody uses it', async () => {
    const options = { connect: db.url, mapping: PLAIN.mapping }
    await apply({ ...options, assets: ['substring'] })
    await db.client.query('create index theirs on categories using gin (name shop.gin_trgm_ops)')
    await rollback(options)
    expect(
      await rows(
        db.client,
        `select n.nspname as name from pg_extension e join pg_namespace n on n.oid = e.extnamespace where extname = 'pg_trgm'`,
      ),
    ).toEqual([{ name: 'shop' }])
    expect(
      await rows(
        db.client,
        `select relname from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'shop'`,
      ),
    ).toEqual([])
    await db.client.query('drop schema shop cascade')
    await apply({ ...options, assets: ['search', 'sales', 'browse'] })
  })

  test('functions of the schema without a tag that speak of what would go are named, and nothing is dropped', async () => {
    await db.client.query(
      `create function shop.own_report() returns bigint language plpgsql as $$ begin return (select count(*) from shop.sales_day); end $$`,
    )
    const before = await definitions(db.client)
    await expect(rollback({ connect: db.url, mapping: PLAIN.mapping })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_CONFLICT',
      message: expect.stringContaining('own_report()') as string,
    })
    expect(await definitions(db.client)).toEqual(before)
    await db.client.query('drop function shop.own_report')
  })

  test('rollback takes no options of apply', async () => {
    await expect(rollback({ connect: db.url, mapping: PLAIN.mapping, batch: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_OPTION',
    })
  })
})

describe('what somebody has changed since', () => {
  let db: Database
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 200, orders: 300 })
    await apply({ connect: db.url, mapping: PLAIN.mapping })
  })
  afterAll(() => db.close())

  test('is seen in the plan, made anew, and its data with it', async () => {
    const before = await definitions(db.client)
    const { tag } = await row<{ tag: string }>(
      db.client,
      `select obj_description('shop_products_rating'::regclass, 'pg_class') as tag`,
    )
    await db.client
      .query(`alter table products disable trigger user; alter table orders disable trigger shop_sales_order_changed;
      update products set name = 'renamed', stock = 7 where id <= 20; delete from order_items where product_id = 30; delete from products where id = 30;
      update orders set status = 'paid'; drop index shop_products_rating; create index shop_products_rating on products (rating);
      comment on index shop_products_rating is '${tag}';
      create or replace function shop.fold(max_rows int default 10000) returns int language sql as 'select 0';
      create or replace view shop.product_daily_live as select day, product, 0::bigint as units, revenue from shop.product_day`)
    const states = await plan({ connect: db.url, mapping: PLAIN.mapping })
    const drifted = states.flatMap(({ steps }) =>
      steps.filter(({ state }) => state !== 'current').map(({ step, state }) => `${step.name} ${state}`),
    )
    expect(drifted).toEqual(
      expect.arrayContaining([
        'shop_products_rating drifted',
        'shop_product_changed drifted',
        'shop_sales_order_changed drifted',
        'fold drifted',
        'product_daily_live drifted',
        'shop_stock_changed drifted',
      ]),
    )
    await apply({ connect: db.url, mapping: PLAIN.mapping })
    expect((await apply({ connect: db.url, mapping: PLAIN.mapping })).made).toEqual([])
    expect(await definitions(db.client)).toEqual(before)
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    expect(await rows(db.client, 'select product from shop.product_document except select id from products')).toEqual(
      [],
    )
    expect(
      await rows(db.client, 'select product, on_hand from shop.stock_level except select id, stock from products'),
    ).toEqual([])
  })

  test('or dropped, is made again, and what it missed is made up for', async () => {
    const before = await definitions(db.client)
    await db.client.query('drop trigger shop_stock_changed on products; update products set stock = 3')
    const { made } = await apply({ connect: db.url, mapping: PLAIN.mapping })
    expect(made.map(({ name }) => name)).toEqual(['shop_stock_changed', 'stock_filled', 'stock_swept'])
    expect(await definitions(db.client)).toEqual(before)
    expect(await rows(db.client, 'select from shop.stock_level where on_hand <> 3')).toEqual([])
  })

  test('in its data only is computed anew when asked', async () => {
    await db.client.query(
      `set session_replication_role = replica; update orders set status = 'cancelled' where id <= 100; reset session_replication_role`,
    )
    expect(await wrongCells(db.client, 'shop')).not.toEqual([])
    const { made } = await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['sales'], rebuild: true })
    expect(made.map(({ name }) => name)).toEqual(['sales_built'])
    expect(await wrongCells(db.client, 'shop')).toEqual([])
  })
})
