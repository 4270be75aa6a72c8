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

  test('a flash sale sells every unit once, also when buyers roll back', async () => {
    await db.client.query(`update products set stock = 100 where id = 2; select shop.open_flash_sale(2, 100, 16)`)
    await using open = await clients(db.url, 8)
    const taken = await Promise.all(
      open.all.map(async (client, n) => {
        const next = random(n)
        let mine = 0
        for (let misses = 0; misses < 2;) {
          await client.query('begin')
          const { got } = await row<{ got: boolean }>(client, 'select shop.take_flash_sale(2) as got')
          const keep = next() < 0.8
          await client.query(keep ? 'commit' : 'rollback')
          if (got && keep) mine++
          if (!got) misses++
        }
        return mine
      }),
    )
    expect(taken.reduce((a, b) => a + b)).toBe(100)
    expect(await row(db.client, 'select sum(free)::int as free from shop.stock_slot where product = 2')).toEqual({
      free: 0,
    })
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

  test('giving back twice gives back once', async () => {
    const { id } = await row<{ id: string }>(db.client, 'select shop.reserve_stock(3, 1) as id')
    expect(await row(db.client, 'select shop.release_stock($1) as a, shop.commit_stock($1) as b', [id])).toEqual({
      a: true,
      b: false,
    })
    await expect(db.client.query('select shop.reserve_stock(3, 0)')).rejects.toMatchObject({ code: '22023' })
  })
})
