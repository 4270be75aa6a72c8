import { type Database, database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { clients, random, type Tally, trade, wrongCells } from '../../fixtures/workload.ts'
import { apply } from './apply.ts'
import { row } from './sql.ts'

describe('live sales', () => {
  let db: Database
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 300, orders: 2000 })
  })
  afterAll(() => db.close())

  test('are right after being built under traffic, and after any traffic, folded or not', async () => {
    const tally: Tally = { committed: 0, rolledBack: 0, retried: 0, folded: 0 }
    await using open = await clients(db.url, 5)
    // from before the assets are there: no change may fall between the build's snapshot and the triggers
    let applied = false
    const early = open.all.map(async (client, n) => {
      const next = random(n)
      while (!applied) await tradeUnknowing(client, next)
    })
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['sales'] })
    applied = true
    await Promise.all(early)
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    await Promise.all(open.all.map((client, n) => trade(client, 'shop', 150, random(100 + n), tally, 300)))
    expect(tally.rolledBack).toBeGreaterThan(5)
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    while ((await row<{ fold: number }>(db.client, 'select shop.fold()')).fold > 0);
    expect(await row(db.client, 'select count(*)::int as left from shop.sales_ledger')).toEqual({ left: 0 })
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    expect(tally.folded).toBeGreaterThan(0)
  })

  test('roll on with the days', async () => {
    await db.client.query(`update shop.board_state set today = today - 3`)
    await db.client.query(`delete from shop.product_board`)
    // what the boards were three days ago
    await db.client
      .query(`insert into shop.product_board select w.days, p.product, sum(p.units), sum(p.revenue) from (values (6), (29), (89)) w (days)
      join shop.product_day p on p.day >= (select today from shop.board_state) - w.days and p.day < (select today from shop.board_state) group by 1, 2`)
    expect(await wrongCells(db.client, 'shop')).toEqual([]) // slower, and right
    await db.client.query('select shop.fold()')
    expect(
      await row(db.client, `select today = (now() at time zone 'UTC')::date as current from shop.board_state`),
    ).toEqual({ current: true })
    expect(await wrongCells(db.client, 'shop')).toEqual([])
  })

  test('keep fractions of a unit and sums beyond an integer, and an update that changes nothing adds nothing', async () => {
    await using cloth = await database()
    await PLAIN.load(cloth.client, { products: 10, orders: 0 })
    await cloth.client.query('alter table order_items alter quantity type numeric(10, 3)')
    await apply({ connect: cloth.url, mapping: PLAIN.mapping, assets: ['sales'] })
    await cloth.client.query(`insert into orders values (1, 1, 'paid', 1, now());
      insert into order_items values (1, 1, 1.5, 333), (1, 2, 100000, 100000);
      update order_items set quantity = quantity`)
    const sold = (): Promise<unknown> =>
      row(cloth.client, 'select orders::int, revenue::float8 from shop.sales_daily_live')
    expect(await sold()).toEqual({ orders: 1, revenue: 10_000_000_499.5 })
    expect(await row(cloth.client, 'select count(*)::int as changes from shop.sales_ledger')).toEqual({ changes: 2 })
    await cloth.client.query('select shop.fold()')
    expect(await sold()).toEqual({ orders: 1, revenue: 10_000_000_499.5 })
    await cloth.client.query('update order_items set quantity = 2.5 where product_id = 1')
    expect(await sold()).toEqual({ orders: 1, revenue: 10_000_000_832.5 })
  })

  test('see what other triggers make of an update that names neither state nor time', async () => {
    await db.client.query(`create function paid_in_full() returns trigger language plpgsql as $$
      begin if new.total_cents = 0 then new.status := 'paid'; end if; return new; end $$;
      create trigger paid_in_full before update on orders for each row execute function paid_in_full()`)
    const { rowCount } = await db.client.query(
      `update orders set total_cents = 0 where id in (select id from orders where status = 'pending' limit 5)`,
    )
    expect(rowCount).toBe(5)
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    await db.client.query('drop trigger paid_in_full on orders')
  })

  test('begin anew when a table is truncated', async () => {
    await db.client.query('truncate order_items')
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    await db.client.query('truncate orders cascade')
    expect(await row(db.client, 'select count(*)::int as days from shop.sales_daily_live')).toEqual({ days: 0 })
  })
})

/** Orders by an application that knows nothing of the assets. */
async function tradeUnknowing(client: import('pg').Client, next: () => number): Promise<void> {
  await client.query('begin')
  await client.query(
    `with o as (insert into orders (customer_id, status, total_cents, created_at) values (1, $1, 1, now()) returning id)
     insert into order_items select id, $2, 1, 100 from o`,
    [next() < 0.5 ? 'paid' : 'pending', 1 + Math.floor(next() * 300)],
  )
  await client.query(
    `update orders set status = case status when 'paid' then 'pending' else 'paid' end where id = (select max(id) from orders where id % 7 = $1)`,
    [Math.floor(next() * 7)],
  )
  await client.query('commit')
}
