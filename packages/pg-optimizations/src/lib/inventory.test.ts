import { type Database, database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { clients, random } from '../../fixtures/workload.ts'
import { apply } from './apply.ts'
import { row, rows } from './sql.ts'

describe('inventory', () => {
  let db: Database
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 500, orders: 10 })
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['inventory'], batch: 100 })
  })
  afterAll(() => db.close())
  const level = (product: number): Promise<unknown> =>
    row(
      db.client,
      `select p.stock, s.on_hand::int, s.reserved::int, s.available::int from products p join shop.stock_level s on s.product = p.id where p.id = $1`,
      [product],
    )
  const reserved = async (sql: string): Promise<string | null> =>
    (await row<{ id: string | null }>(db.client, `select shop.${sql} as id`)).id
  const committed = async (id: string | null): Promise<boolean> =>
    (await row<{ done: boolean }>(db.client, 'select shop.commit_stock($1) as done', [id])).done

  test('levels equal the products, and follow them', async () => {
    const wrong = `select p.id from products p full join shop.stock_level s on s.product = p.id where p.stock is distinct from s.on_hand`
    expect(await rows(db.client, wrong)).toEqual([])
    await db.client
      .query(`update products set stock = stock + 5 where id < 100; delete from products where id > 490 and not exists (select from order_items where product_id = id);
      insert into products select 1000, 1, 'b', 'n', 'd', 1, 1, 77, true`)
    expect(await rows(db.client, wrong)).toEqual([])
    // nor does a change by another trigger escape
    await db.client.query(`create function withdrawn() returns trigger language plpgsql as $$
      begin if not new.active then new.stock := 0; end if; return new; end $$;
      create trigger withdrawn before update on products for each row execute function withdrawn();
      update products set active = false where id between 400 and 410; drop trigger withdrawn on products`)
    expect(await rows(db.client, wrong)).toEqual([])
  })

  test('many buyers of one product never get more than there is, whatever they do with their reservations', async () => {
    await db.client.query('update products set stock = 40 where id = 1')
    await using open = await clients(db.url, 8)
    const sold = await Promise.all(
      open.all.map(async (client, n) => {
        const next = random(n)
        let mine = 0
        for (let i = 0; i < 40; i++) {
          const { id } = await row<{ id: string | null }>(
            client,
            `select shop.reserve_stock(1, $1, $2::interval) as id`,
            [1 + Math.floor(next() * 3), next() < 0.1 ? '-1 second' : '1 hour'],
          )
          if (id === null) await client.query('select shop.release_expired_stock()')
          else if (next() < 0.5) await client.query('select shop.release_stock($1)', [id])
          else if ((await row<{ done: boolean }>(client, 'select shop.commit_stock($1) as done', [id])).done) mine++
        }
        return mine
      }),
    )
    expect(sold.reduce((a, b) => a + b)).toBeGreaterThan(5)
    const {
      stock,
      on_hand: onHand,
      reserved,
      promised,
    } = await row<Record<string, string>>(
      db.client,
      `select p.stock, s.on_hand, s.reserved, coalesce((select sum(quantity) from shop.reservation where product = 1), 0) as promised
       from products p join shop.stock_level s on s.product = p.id where p.id = 1`,
    )
    expect(Number(stock)).toBeGreaterThanOrEqual(0)
    expect([Number(onHand), Number(reserved)]).toEqual([Number(stock), Number(promised)])
  })

  test('a flash sale sells every unit once, also when buyers roll back or give back', async () => {
    await db.client.query(`update products set stock = 100 where id = 2; select shop.open_flash_sale(2, 100, 16)`)
    await using open = await clients(db.url, 8)
    const taken = await Promise.all(
      open.all.map(async (client, n) => {
        const next = random(n)
        let mine = 0
        for (let misses = 0; misses < 2;) {
          await client.query('begin')
          const { id } = await row<{ id: string | null }>(client, 'select shop.take_flash_sale(2) as id')
          const keep = next() < 0.8
          await client.query(keep ? 'commit' : 'rollback')
          if (id === null) misses++
          else if (keep && next() < 0.2) await client.query('select shop.release_stock($1)', [id])
          else if (keep && (await row<{ done: boolean }>(client, 'select shop.commit_stock($1) as done', [id])).done)
            mine++
        }
        return mine
      }),
    )
    expect(taken.reduce((a, b) => a + b)).toBe(100)
    expect(await row(db.client, 'select sum(free)::int as free from shop.stock_slot where product = 2')).toEqual({
      free: 0,
    })
    expect(await level(2)).toEqual({ stock: 0, on_hand: 0, reserved: 0, available: 0 })
    await expect(db.client.query('select shop.open_flash_sale(2, 1)')).rejects.toMatchObject({ code: '22023' })
  })

  test('the inventory of a page of products is what the raw query says', async () => {
    const raw = await rows(
      db.client,
      `select p.id as product, p.stock::int as on_hand, coalesce(sum(i.quantity) filter (where o.status in ('paid', 'shipped', 'delivered')), 0)::int as sold
       from products p left join order_items i on i.product_id = p.id left join orders o on o.id = i.order_id where p.id < 25 group by p.id order by p.id`,
    )
    expect(
      await rows(
        db.client,
        'select product, on_hand::int, sold::int from shop.inventory_live where product < 25 order by product',
      ),
    ).toEqual(raw)
  })

  test('a flash sale that closes gives back what nobody took, and keeps what it promised', async () => {
    await db.client.query('update products set stock = 10 where id = 20; select shop.open_flash_sale(20, 6, 2)')
    const [bought, kept, regretted] = [
      await reserved('take_flash_sale(20)'),
      await reserved('take_flash_sale(20)'),
      await reserved(`take_flash_sale(20, '-1 second')`),
    ]
    expect(await committed(bought)).toBe(true)
    expect(await level(20)).toEqual({ stock: 9, on_hand: 9, reserved: 5, available: 4 })
    await db.client.query('select shop.release_expired_stock()')
    expect(await level(20)).toEqual({ stock: 9, on_hand: 9, reserved: 5, available: 4 }) // for the next buyer
    expect(await committed(regretted)).toBe(false)
    expect(await row(db.client, 'select shop.close_flash_sale(20)::int as untaken')).toEqual({ untaken: 4 })
    expect(await reserved('take_flash_sale(20)')).toBe(null)
    expect(await level(20)).toEqual({ stock: 9, on_hand: 9, reserved: 1, available: 8 })
    await db.client.query('select shop.release_stock($1)', [kept])
    expect(await level(20)).toEqual({ stock: 9, on_hand: 9, reserved: 0, available: 9 })
  })

  test('a reservation that has expired, or that the stock no longer suffices for, is not sold', async () => {
    await db.client.query('update products set stock = 10 where id = 21')
    const [late, unlucky] = [
      await reserved(`reserve_stock(21, 2, '-1 second')`),
      await reserved('reserve_stock(21, 8)'),
    ]
    expect(await committed(late)).toBe(false)
    await db.client.query('update products set stock = 0 where id = 21')
    expect(await committed(unlucky)).toBe(false)
    expect(await level(21)).toEqual({ stock: 0, on_hand: 0, reserved: 10, available: -10 })
    await db.client.query('update products set stock = 8 where id = 21')
    expect(await committed(unlucky)).toBe(true)
    await db.client.query('select shop.release_expired_stock()')
    expect(await level(21)).toEqual({ stock: 0, on_hand: 0, reserved: 0, available: 0 })
  })

  test('what is promised follows a product to another id, and goes with it', async () => {
    await db.client.query(`alter table order_items drop constraint order_items_product_id_fkey;
      update products set stock = 10 where id in (22, 23, 24); select shop.open_flash_sale(22, 4, 2)`)
    const [first, second] = [await reserved('reserve_stock(22, 3)'), await reserved('take_flash_sale(22)')]
    await db.client.query('update products set id = 2222, stock = 11 where id = 22')
    expect(await level(2222)).toEqual({ stock: 11, on_hand: 11, reserved: 7, available: 4 })
    expect([await committed(first), await committed(second)]).toEqual([true, true])
    expect(await level(2222)).toEqual({ stock: 7, on_hand: 7, reserved: 3, available: 4 })
    // a key that is checked at the end lets two change places
    await db.client.query(`alter table products drop constraint products_pkey, add primary key (id) deferrable;
      update products set stock = id where id in (23, 24); update products set id = 47 - id where id in (23, 24)`)
    expect([await level(23), await level(24)]).toMatchObject([{ on_hand: 24 }, { on_hand: 23 }])
    const gone = await reserved('reserve_stock(23, 1)')
    await db.client.query(
      `delete from products where id in (23, 2222); insert into products select 23, 1, 'b', 'n', 'd', 1, 1, 5, true`,
    )
    expect(await committed(gone)).toBe(false)
    expect(await level(23)).toEqual({ stock: 5, on_hand: 5, reserved: 0, available: 5 })
    expect(await rows(db.client, 'select from shop.stock_slot where product in (22, 2222)')).toEqual([])
  })

  test('giving back twice gives back once', async () => {
    const { id } = await row<{ id: string }>(db.client, 'select shop.reserve_stock(3, 1) as id')
    expect(await row(db.client, 'select shop.release_stock($1) as a, shop.commit_stock($1) as b', [id])).toEqual({
      a: true,
      b: false,
    })
    await expect(db.client.query('select shop.reserve_stock(3, 0)')).rejects.toMatchObject({ code: '22023' })
  })

  test('nothing is left, and nothing promised, of products that are truncated', async () => {
    const id = await reserved('reserve_stock(3, 1)')
    await db.client.query('truncate products cascade')
    expect(await committed(id)).toBe(false)
    expect(await reserved('reserve_stock(3, 1)')).toBe(null)
    expect(await rows(db.client, 'select from shop.inventory_live')).toEqual([])
  })
})
