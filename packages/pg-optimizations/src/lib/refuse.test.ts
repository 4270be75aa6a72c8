import { type Database, database, server } from '@shop/testkit'
import { startStandby } from '@shop/testkit/postgres'
import pg from 'pg'
import { describe, expect, test } from 'vitest'

import { definitions } from '../../fixtures/definitions.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { apply, plan, rollback } from './apply.ts'
import { defineMapping } from './mapping.ts'
import { identifier, literal, row, rows } from './sql.ts'

const { mapping } = PLAIN

describe('servers that assets are not applied to', () => {
  test('a read replica refuses every change with one error, and shows what the primary has', async () => {
    await using primary = await server()
    const client = new pg.Client(primary.url)
    client.on('error', () => {})
    await client.connect()
    await PLAIN.load(client, { products: 50, orders: 50 })
    await apply({ connect: primary.url, mapping, assets: ['sales', 'search'] })
    await client.end()
    await using replica = await startStandby(primary)
    for (const change of [apply, rollback, plan])
      await expect(change({ connect: replica.url, mapping })).rejects.toMatchObject({
        code: 'ERR_SHOP_PG_REPLICA',
        message: expect.stringContaining('connect to the primary') as string,
      })
    const reader = new pg.Client(replica.url)
    reader.on('error', () => {})
    await reader.connect()
    expect(await rows(reader, `select from shop.search_products('thing')`)).not.toEqual([])
    expect(await rows(reader, 'select from shop.sales_daily_live')).not.toEqual([])
    expect(await rows(reader, 'select from shop.top_products(30)')).not.toEqual([])
    await reader.end()
  }, 120_000)

  test('PostgreSQL 14 is told apart before anything else is asked', async () => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 5, orders: 5 })
    const before = await definitions(db.client)
    // none of that age runs here: a 18 that says so
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client(db.url)
      await client.connect()
      const query = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<unknown>
      client.query = ((text: string, values?: unknown[]) =>
        query(text.replace(`current_setting('server_version_num')::int`, '140019'), values)) as typeof client.query
      return client
    }
    await expect(apply({ connect, mapping })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_VERSION',
      message: expect.stringContaining('PostgreSQL 14') as string,
    })
    expect(await definitions(db.client)).toEqual(before)
  })
})

describe('tables with row level security', () => {
  test('are refused until the mapping says that what is derived from them may be known, and nothing is changed', async () => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 20, orders: 5 })
    await db.client.query(
      'alter table products enable row level security; create policy first_ones on products using (id < 10)',
    )
    const before = await definitions(db.client)
    await expect(apply({ connect: db.url, mapping })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_ROW_SECURITY',
      message: expect.stringContaining('dangerouslyIgnoreRowSecurity') as string,
    })
    expect(await definitions(db.client)).toEqual(before)
    const known = defineMapping({ dangerouslyIgnoreRowSecurity: true })
    await apply({ connect: db.url, mapping: known, assets: ['search'] })
    expect(await rows(db.client, 'select from shop.product_document')).toHaveLength(
      (await rows(db.client, 'select from products where active')).length,
    )
  })

  test('that bind their owner are refused in any case', async () => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 20, orders: 5 })
    await db.client.query(`create role plain_owner; grant create on database ${identifier(db.name)} to plain_owner;
      alter schema public owner to plain_owner; alter table products owner to plain_owner; alter table categories owner to plain_owner;
      alter table orders owner to plain_owner; alter table order_items owner to plain_owner;
      alter table products enable row level security; alter table products force row level security`)
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client(db.url)
      await client.connect()
      await client.query('set role plain_owner')
      return client
    }
    const known = defineMapping({ dangerouslyIgnoreRowSecurity: true })
    await expect(apply({ connect, mapping: known })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_ROW_SECURITY',
      message: expect.stringContaining('bypassrls') as string,
    })
    await db.client.query('reset role; drop owned by plain_owner cascade; drop role plain_owner')
  })
})

test('a column that is generated when it is read is refused: no trigger sees it change', async () => {
  await using db = await database()
  await PLAIN.load(db.client, { products: 20, orders: 5 })
  await db.client.query(`alter table products drop column active cascade, add column deleted_at timestamptz;
    alter table products add column active boolean generated always as (deleted_at is null)`)
  await expect(apply({ connect: db.url, mapping })).rejects.toMatchObject({
    code: 'ERR_SHOP_PG_TYPE',
    message: expect.stringContaining('make it stored') as string,
  })
  await db.client.query(
    `alter table products drop column active cascade, add column active boolean generated always as (deleted_at is null) stored`,
  )
  await apply({ connect: db.url, mapping, assets: ['search', 'browse'] })
  await db.client.query('update products set deleted_at = now() where id <= 3')
  expect(await rows(db.client, 'select from shop.product_document where product <= 3')).toEqual([])
})

describe('names and types that need care', () => {
  async function shop(db: Database, sql: string): Promise<string[]> {
    await db.client.query(sql)
    return definitions(db.client)
  }

  test('reserved words, capitals, spaces, quotes and dots are only names', async () => {
    await using db = await database()
    const before = await shop(
      db,
      `create schema "My.Shop"; create table "My.Shop"."select" ("order" uuid primary key default gen_random_uuid(), "Group" int, "user" varchar(99), "it's" numeric(9, 2), "a""b" int not null default 3);
       create table "from" ("where" int primary key, "limit" text);
       create table "Order" ("table" text primary key, "to" int, "end" text, "when" timestamp not null);
       create table "order item" ("in" text references "Order", "as" uuid references "My.Shop"."select", "by" smallint, "é" numeric(9, 2));
       insert into "from" values (1, 'lights'); insert into "My.Shop"."select" ("Group", "user", "it's") select 1, 'lamp ' || n, n from generate_series(1, 20) n;
       insert into "Order" select 'o' || n, n, 'paid', now() from generate_series(1, 20) n;
       insert into "order item" select 'o1', "order", 2, 5 from "My.Shop"."select"`,
    )
    const odd = defineMapping({
      schema: 'fast "lane".x',
      products: {
        table: '"My.Shop"."select"',
        id: 'order',
        name: 'user',
        category: 'Group',
        price: "it's",
        description: false,
        brand: false,
        rating: false,
        active: false,
        stock: 'a"b',
      },
      categories: { table: 'from', id: 'where', name: 'limit', section: false },
      orders: { table: 'Order', id: 'table', customer: 'to', status: 'end', createdAt: 'when', total: false },
      items: { table: 'order item', order: 'in', product: 'as', quantity: 'by', unitPrice: 'é' },
    })
    const { made } = await apply({ connect: db.url, mapping: odd })
    expect(made.length).toBeGreaterThan(90)
    expect((await apply({ connect: db.url, mapping: odd })).made).toEqual([])
    expect(await rows(db.client, `select from "fast ""lane"".x".search_products('lamp')`)).toHaveLength(20)
    expect(await rows(db.client, `select units::int, revenue::int from "fast ""lane"".x".sales_daily_live`)).toEqual([
      { units: 40, revenue: 200 },
    ])
    expect(
      await rows(db.client, `select product, on_hand::int, sold::int from "fast ""lane"".x".inventory_live limit 1`),
    ).toMatchObject([{ on_hand: 3, sold: 2 }])
    await rollback({ connect: db.url, mapping: odd })
    expect(await definitions(db.client)).toEqual(before)
  }, 120_000)

  test('a domain is what it rests on, and states of an enum are counted that it has', async () => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 20, orders: 20 })
    await db.client
      .query(`create domain money_cents as int check (value >= 0); create domain price as money_cents; create domain order_key as bigint; create domain stamp as timestamptz(3);
      create type state as enum ('pending', 'paid', 'shipped', 'delivered', 'cancelled');
      alter table products alter price_cents type price, alter stock type money_cents; alter table orders alter status type state using status::state, alter created_at type stamp;
      alter table order_items drop constraint order_items_order_id_fkey, alter order_id type order_key, alter product_id type money_cents, alter quantity type money_cents, alter unit_cents type price;
      alter table orders alter id drop identity; alter table orders alter id type order_key`)
    const before = await definitions(db.client)
    await expect(
      apply({ connect: db.url, mapping: defineMapping({ orders: { counted: ['paid', 'payed'] } }) }),
    ).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_MAPPING',
      message: expect.stringContaining('has no "payed"; it has pending, paid, shipped, delivered, cancelled') as string,
    })
    expect(await definitions(db.client)).toEqual(before)
    await apply({ connect: db.url, mapping })
    await db.client
      .query(`insert into orders values (1001, 1, 'pending', 1, now()); insert into order_items values (1001, 3, 2, 10), (1001, 4, 1, 5);
      update orders set status = 'paid' where id = 1001; update order_items set quantity = 3 where order_id = 1001 and product_id = 4; delete from order_items where product_id = 3; select shop.fold()`)
    expect(
      await rows(
        db.client,
        'select sum(units)::int as units, sum(revenue)::int as revenue from shop.product_daily_live',
      ),
    ).toEqual(
      await rows(
        db.client,
        `select sum(quantity)::int as units, sum(quantity * unit_cents)::int as revenue from order_items i join orders o on o.id = i.order_id
         where status in ('paid', 'shipped', 'delivered')`,
      ),
    )
    await rollback({ connect: db.url, mapping })
    expect(await definitions(db.client)).toEqual(before)
  }, 120_000)

  test.each([
    [
      'orders.id',
      'alter table order_items drop constraint order_items_order_id_fkey; alter table orders alter id drop identity; alter table orders alter id type citext',
    ],
    ['orders.status', 'create domain state as citext; alter table orders alter status type state'],
    [
      'items.product',
      'alter table order_items drop constraint order_items_product_id_fkey, alter product_id type citext',
    ],
  ])('%s of a type that an extension compares is refused', async (named, sql) => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 5, orders: 5 })
    const before = await shop(db, `create extension citext; ${sql}`)
    await expect(apply({ connect: db.url, mapping })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_TYPE',
      message: expect.stringMatching(new RegExp(`${named}.*is citext; expected`)) as string,
    })
    expect(await definitions(db.client)).toEqual(before)
  })

  test.each([
    ['a partition', 'partition of orders_of_all for values from (0) to (1000000)', 'partition by range (id)'],
    ['a parent or child', '() inherits (orders_of_all)', ''],
  ])('%s is refused, whose rows may come through another table', async (what, child, parent) => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 5, orders: 0 })
    const before = await shop(
      db,
      `create table orders_of_all (id bigint, customer_id int, status text, total_cents int, created_at timestamptz) ${parent};
       create table orders_of_now ${child}`,
    )
    await expect(
      apply({ connect: db.url, mapping: defineMapping({ orders: { table: 'orders_of_now' } }) }),
    ).rejects.toMatchObject({ code: 'ERR_SHOP_PG_PARTITIONED', message: expect.stringContaining(what) as string })
    if (parent === '')
      await expect(
        apply({ connect: db.url, mapping: defineMapping({ orders: { table: 'orders_of_all' } }) }),
      ).rejects.toMatchObject({ code: 'ERR_SHOP_PG_PARTITIONED', message: expect.stringContaining(what) as string })
    expect(await definitions(db.client)).toEqual(before)
  })

  test.each(["sh'op", 'a$$b', '100%s %', 'x'.repeat(63), 'back\\slash', '$shop1$', '{{own}}'])(
    'schema %s is only a name, and so are states like it',
    async (schema) => {
      await using db = await database()
      await db.client.query('create extension pg_stat_statements')
      await PLAIN.load(db.client, { products: 20, orders: 50 })
      const before = await definitions(db.client)
      const odd = defineMapping({ schema, orders: { counted: ['paid', schema, "it's $$"] } })
      await apply({ connect: db.url, mapping: odd })
      expect((await apply({ connect: db.url, mapping: odd })).made).toEqual([])
      const own = identifier(schema)
      await db.client.query(
        `insert into orders (customer_id, status, total_cents, created_at) values (1, ${literal(schema)}, 1, now())`,
      )
      const paid = await row(db.client, `select count(*)::int as n from orders where status in ('paid', $1)`, [schema])
      for (const call of [
        'fold()',
        'refresh_all_materialized_views()',
        'take_statement_snapshot()',
        'analyze_slow_queries()',
        `cache_set('a', '1')`,
        'cache_stats()',
        `search_products('lamp')`,
      ])
        await db.client.query(`select * from ${own}.${call}`)
      expect(await row(db.client, `select sum(orders)::int as n from ${own}.sales_daily_live`)).toEqual(paid)
      await rollback({ connect: db.url, mapping: odd })
      expect(await definitions(db.client)).toEqual(before)
    },
    60_000,
  )

  test.each([
    ['a price that is text', { products: { price: 'name' } }, 'products.price'],
    ['a name that is a number', { products: { name: 'stock' } }, 'products.name'],
    ['an activity that is a number', { products: { active: 'stock' } }, 'products.active'],
    ['a time that is text', { orders: { createdAt: 'status' } }, 'orders.createdAt'],
    ['a quantity that is text', { items: { quantity: 'note' } }, 'items.quantity'],
    ['a quantity that is several', { items: { quantity: 'counts' } }, 'items.quantity'],
    ['a time that is a range', { orders: { createdAt: 'days' } }, 'orders.createdAt'],
  ])('%s is named, with what it should be', async (_what, options, named) => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 5, orders: 5 })
    const before = await shop(
      db,
      'alter table order_items add column note text, add column counts int[]; alter table orders add column days daterange',
    )
    await expect(apply({ connect: db.url, mapping: defineMapping(options) })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_TYPE',
      message: expect.stringMatching(new RegExp(`${named}.*expected a`)) as string,
    })
    expect(await definitions(db.client)).toEqual(before)
  })
})
