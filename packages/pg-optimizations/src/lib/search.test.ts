import { type Database, database } from '@shop/testkit'
import pg from 'pg'
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
    ['only its price', `update products set price_cents = price_cents + 5 where id % 3 = 0`],
    ['only its rating', `update products set rating = 1 where id % 7 = 0`],
    [
      'no category and no price',
      `alter table products alter category_id drop not null, alter price_cents drop not null;
       update products set category_id = null, price_cents = null where id in (21, 22);
       insert into products select 910001, null, 'b', 'priceless lamp', '', null, 3, 1, true`,
    ],
    [
      'a category without a name',
      `alter table categories alter name drop not null; update categories set name = null where id = 6`,
    ],
    [
      'more text than a document holds',
      `update products set name = repeat('long ', 20000), description = (select string_agg('word' || n, ' ') from generate_series(1, 300000) n) where id in (31, 32)`,
    ],
    ['a section longer than a word', `update categories set section = repeat('sektion ü ', 900) where id = 5`],
    [
      'products deleted',
      `delete from products where id >= 900000 or id % 400 = 1 and not exists (select from order_items where product_id = id)`,
    ],
  ])('documents follow: %s', async (_what, change) => {
    await db.client.query(change)
    expect(await wrong()).toEqual([])
  })

  test('a category that comes after its products, or goes before them, where no foreign key forbids it', async () => {
    await db.client.query('alter table products drop constraint if exists products_category_id_fkey')
    const section = (): Promise<unknown[]> =>
      rows(db.client, 'select section from shop.product_document where product = 40')
    await db.client.query('update products set category_id = 77777, active = true where id = 40')
    expect(await section()).toEqual([{ section: '' }])
    await db.client.query(`insert into categories (id, name, section) values (77777, 'late', 'lateness')`)
    expect(await section()).toEqual([{ section: 'lateness' }])
    await db.client.query('delete from categories where id = 77777')
    expect(await section()).toEqual([{ section: '' }])
    expect(await wrong()).toEqual([])
  })

  test('a category changed in what is in no document writes none', async () => {
    await db.client.query(`alter table categories add column note json; update categories set note = '{}' where id = 3`)
    const before = await rows(db.client, 'select ctid from shop.product_document order by product')
    await db.client.query(`update categories set note = '{"seen": 1}'`)
    expect(await rows(db.client, 'select ctid from shop.product_document order by product')).toEqual(before)
  })

  describe('documents stay right when a category is renamed beside', () => {
    test.each([
      ['the deletion of its product', 'delete from products where id = $1'],
      ['another price', 'update products set price_cents = 7 where id = $1'],
      ['another category of its product', 'update products set category_id = 8 where id = $1'],
      ['another name of its product', `update products set name = 'renamed lamp' where id = $1`],
    ])('%s, whoever comes first', async (_what, change) => {
      for (const first of ['product', 'category'] as const) {
        const { id } = (
          await rows<{ id: number }>(
            db.client,
            `select id from products p where category_id = 9 and active and not exists (select from order_items where product_id = p.id) order by id limit 1`,
          )
        )[0]!
        const other = new pg.Client(db.url)
        await other.connect()
        const rename = `update categories set name = name || 'x', section = section || 'x' where id = 9`
        const steps = { product: () => other.query(change, [id]), category: () => other.query(rename) }
        await other.query('begin')
        await steps[first]()
        const waits = first === 'product' ? db.client.query(rename) : db.client.query(change, [id])
        await new Promise((resolve) => setTimeout(resolve, 100))
        await other.query('commit')
        await waits
        await other.end()
        expect(await wrong(), first).toEqual([])
      }
    })
  })

  test('what is everywhere is ranked up to a bound', async () => {
    const found = (ranked: number): Promise<unknown[]> =>
      rows(db.client, `select product from shop.search_products('lamp', max_rows => 1000, max_ranked => $1)`, [ranked])
    expect(await found(10)).toHaveLength(10)
    expect((await found(10_000)).length).toBeGreaterThan(10)
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
    const odd = `it's \\ a "b":* & !|`
    const { id } = (
      await rows<{ id: number }>(db.client, `select id from products where active and name like '%lamp%' limit 1`)
    )[0]!
    await db.client.query(
      'update categories set section = $2 where id = (select category_id from products where id = $1)',
      [id, odd],
    )
    expect(
      await rows(db.client, `select product from shop.search_products('lamp', in_section => $1, max_rows => 1000)`, [
        odd,
      ]),
    ).toContainEqual({ product: id })
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
    await db.client.query('vacuum analyze')
    const plan = await rows<{ 'QUERY PLAN': string }>(
      db.client,
      `explain select product from shop.product_document where words @@ ('lamp'::tsquery && '''=category:7'''::tsquery) and price < 5000`,
    )
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('product_document_words')
  })
})
