import { type Database, database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { planOf } from '../../fixtures/plans.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { candidatesFor, knownColumns } from './candidates.ts'

describe('what a statement suggests', () => {
  let db: Database
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 2000, orders: 2000 })
    await db.client.query(`create extension pg_trgm schema public;
      create table "Mixed Case" ("Order" int, "Key" text, words tsvector, gone_at timestamptz, hidden boolean, made_at timestamptz);
      insert into "Mixed Case" select n % 7, 'k' || n, 'w', null, false, now() - n * interval '1 second' from generate_series(2000, 1, -1) n; analyze`)
  })
  afterAll(() => db.close())

  async function suggested(query: string): Promise<string[]> {
    return candidatesFor(await planOf(db.client, query), await knownColumns(db.client), 'public').map(({ sql }) => sql)
  }

  test.each([
    ['a key', 'select * from orders where customer_id = $1', 'btree (customer_id)'],
    ['several', 'select 1 from orders where customer_id = $1 and status = $2', 'btree (customer_id, status)'],
    [
      'a range after a key',
      'select 1 from products where category_id = $1 and price_cents < $2',
      '(category_id, price_cents)',
    ],
    [
      'the order of a page',
      'select id from orders where customer_id = $1 order by created_at desc limit 9',
      'btree (customer_id, created_at desc)',
    ],
    ['an order alone', 'select id from products order by rating desc, id limit 9', 'btree (rating desc, id)'],
    [
      'what only filters',
      'select id from products where category_id = $1 and price_cents < $2',
      'btree (category_id) include (price_cents)',
    ],
    ['a boolean', 'select id from products where category_id = $1 and active', 'btree (category_id) where active'],
    [
      'its opposite',
      'select id from products where category_id = $1 and not active',
      'btree (category_id) where not active',
    ],
    [
      'a constant',
      `select id from orders where status = 'paid' and created_at > $1`,
      `btree (created_at) where status = 'paid'`,
    ],
    [
      'a null',
      'select "Key" from "Mixed Case" where "Order" = $1 and gone_at is null',
      'btree ("Order") where gone_at is null',
    ],
    [
      'two of them',
      'select "Key" from "Mixed Case" where "Order" = $1 and gone_at is not null and not hidden',
      'btree ("Order") where gone_at is not null and not hidden',
    ],
    ['an expression', 'select id from products where lower(name) = $1', 'btree ((lower(name)))'],
    ['mixed case', 'select 1 from "Mixed Case" where "Key" = $1', '"public"."Mixed Case" using btree ("Key")'],
    [
      'words that are computed',
      `select id from products where to_tsvector('english', name) @@ plainto_tsquery('english', $1)`,
      `gin ((to_tsvector('english'::regconfig, name)))`,
    ],
    ['words that are stored', 'select 1 from "Mixed Case" where words @@ $1', 'gin (words)'],
    ['a part of a text', 'select id from products where name ilike $1', 'gin (name public.gin_trgm_ops)'],
    ['times that lie in order', 'select 1 from "Mixed Case" where made_at > $1', 'brin (made_at)'],
    [
      'a join',
      'select o.id from orders o join order_items i on i.order_id = o.id where i.product_id = $1',
      '"order_items" using btree (product_id',
    ],
    [
      'several tables',
      'select p.id from products p join categories c on c.id = p.category_id where c.section = $1 order by p.price_cents limit 9',
      '"categories" using btree (section',
    ],
    ['what is deleted', 'delete from order_items where quantity = $1', 'btree (quantity)'],
  ])('%s', async (_what, query, index) => {
    const all = await suggested(query)
    expect(all.join('\n')).toContain(index)
    for (const sql of all) await db.client.query(sql.replace(' concurrently', ''))
    await db.client.query(
      `do $$ declare i text; begin for i in select format('%I.%I', schemaname, indexname) from pg_indexes where indexname like 'shop_advised%' loop execute 'drop index ' || i; end loop; end $$`,
    )
  })

  test('nothing, where there is nothing to find it by', async () => {
    expect(await suggested('select count(*) from orders')).toEqual([])
  })
})
