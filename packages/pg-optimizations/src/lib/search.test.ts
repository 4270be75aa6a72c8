import { type Database, database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { apply } from './apply.ts'
import { rows } from './sql.ts'

describe('search', () => {
  let db: Database
  const wrong = (): Promise<unknown[]> =>
    rows(
      db.client,
      `select * from (select * from shop.product_document except select * from shop.product_documents(array(select id from products))) surplus
       union all select * from (select * from shop.product_documents(array(select id from products)) except select * from shop.product_document) lacking`,
    )
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 1500, orders: 10 })
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['search', 'browse', 'substring'], batch: 100 })
  })
  afterAll(() => db.close())

  test('documents are complete after the backfill', async () => {
    expect(await wrong()).toEqual([])
    expect(await rows(db.client, 'select count(*)::int as n from shop.product_document')).toEqual(
      await rows(db.client, 'select count(*)::int as n from products where active'),
    )
  })

  test.each([
    [
      'a new product',
      `insert into products select 900000 + n, 5, 'b', 'zebra lamp', 'striped', 100, 3, 1, true from generate_series(1, 3) n`,
    ],
    ['another name', `update products set name = 'quilted lamp' where id % 50 = 0`],
    [
      'another category and price',
      `update products set category_id = 7, price_cents = price_cents + 1 where id % 60 = 0`,
    ],
    ['out of the shop', `update products set active = false where id % 70 = 0`],
    ['back in it', `update products set active = true where id % 70 = 0`],
    [
      'another id',
      `update products set id = id + 500000 where id in (select id from products order by id desc limit 2)`,
    ],
    ['a category renamed', `update categories set name = 'lanterns', section = 'light' where id = 7`],
    [
      'products deleted',
      `delete from products where id >= 900000 or id % 400 = 1 and not exists (select from order_items where product_id = id)`,
    ],
  ])('documents follow: %s', async (_what, change) => {
    await db.client.query(change)
    expect(await wrong()).toEqual([])
  })

  test('selling from the stock touches no document', async () => {
    const before = await rows(db.client, 'select ctid, product from shop.product_document order by product')
    await db.client.query('update products set stock = stock + 1')
    expect(await rows(db.client, 'select ctid, product from shop.product_document order by product')).toEqual(before)
  })

  test('documents follow what another trigger makes of a sale', async () => {
    await db.client.query(`create function sold_out() returns trigger language plpgsql as $$
      begin new.active := new.active and new.stock > 0; return new; end $$;
      create trigger sold_out before update on products for each row execute function sold_out()`)
    const { rowCount } = await db.client.query('update products set stock = 0 where active and id % 30 = 0')
    expect(rowCount).toBeGreaterThan(0)
    expect(await wrong()).toEqual([])
    await db.client.query('drop trigger sold_out on products')
  })

  test('finds by word, category, section and price, and never breaks on what people type', async () => {
    const found = (args: string): Promise<Array<{ product: number }>> =>
      rows(db.client, `select product from shop.search_products(${args})`)
    expect(
      (await found(`'quilted', in_category => (select category_id from products where name = 'quilted lamp' limit 1)`))
        .length,
    ).toBeGreaterThan(0)
    const inSection = await found(`'lamp', in_section => 'light', max_price => 50000, max_rows => 100`)
    const raw = await rows(
      db.client,
      `select p.id as product from products p join categories c on c.id = p.category_id
       where p.active and c.section = 'light' and p.price_cents <= 50000 and to_tsvector('english', p.name || ' ' || p.brand || ' ' || p.description || ' ' || c.name) @@ to_tsquery('english', 'lamp')`,
    )
    const ids = (list: ReadonlyArray<{ product?: number }>): number[] =>
      list.map(({ product }) => product!).sort((a, b) => a - b)
    expect(ids(inSection)).toEqual(ids(raw as Array<{ product: number }>))
    for (const typed of [
      `''`,
      `'''; drop table products; --'`,
      `'!&|<->():*\\'`,
      `'"unbalanced'`,
      `'=category:7'`,
      `repeat('a ', 5000)`,
    ])
      await found(typed)
    expect(await found(`'lamp', in_section => 'it''s & !|'`)).toEqual([])
  })

  test('English words are found in another form than they are written in, and phrases and exclusions are understood', async () => {
    await db.client.query(
      `update products set name = 'running shoes', description = 'for travelling babies' where id = 11`,
    )
    for (const typed of ['run shoe', 'travel', 'baby', '"running shoe"', 'shoes -lamp', 'guitarish or babies'])
      expect(
        (
          await rows<{ product: number }>(db.client, `select product from shop.search_products($1, max_rows => 100)`, [
            typed,
          ])
        ).map(({ product }) => product),
        typed,
      ).toContain(11)
    expect(await rows(db.client, `select from shop.search_products('"shoes running"')`)).toEqual([])
  })

  test('a plan for word and category reads the one index', async () => {
    await db.client.query('analyze')
    const plan = await rows<{ 'QUERY PLAN': string }>(
      db.client,
      `explain select product from shop.product_document where words @@ ('lamp'::tsquery && '''=category:7'''::tsquery) and price < 5000`,
    )
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('product_document_words')
  })
})
