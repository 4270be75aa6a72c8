import { type Database, database, server } from '@shop/testkit'
import { startStandby } from '@shop/testkit/postgres'
import pg from 'pg'
import { describe, expect, test } from 'vitest'

import { definitions } from '../../fixtures/definitions.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { apply, plan, rollback } from './apply.ts'
import { defineMapping } from './mapping.ts'
import { rows } from './sql.ts'

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

  test.each([
    ['a price that is text', { products: { price: 'name' } }, 'products.price'],
    ['a name that is a number', { products: { name: 'stock' } }, 'products.name'],
    ['an activity that is a number', { products: { active: 'stock' } }, 'products.active'],
    ['a time that is text', { orders: { createdAt: 'status' } }, 'orders.createdAt'],
    ['a quantity that is text', { items: { quantity: 'note' } }, 'items.quantity'],
  ])('%s is named, with what it should be', async (_what, options, named) => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 5, orders: 5 })
    const before = await shop(db, 'alter table order_items add column note text')
    await expect(apply({ connect: db.url, mapping: defineMapping(options) })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_TYPE',
      message: expect.stringMatching(new RegExp(`${named}.*expected a`)) as string,
    })
    expect(await definitions(db.client)).toEqual(before)
  })
})
