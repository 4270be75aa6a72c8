import { type Database, database, server } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { clients, random, type Tally, trade, wrongCells } from '../../fixtures/workload.ts'
import { apply } from './apply.ts'
import { defineMapping } from './mapping.ts'
import { row, rows } from './sql.ts'

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

/** The plain shop with columns that may be empty, and products that may go from under their sales. */
async function looseShop(
  client: pg.Client,
  size: { readonly products: number; readonly orders: number },
): Promise<void> {
  await PLAIN.load(client, size)
  await client.query(`alter table order_items drop constraint order_items_pkey, drop constraint order_items_product_id_fkey,
      alter product_id drop not null, alter quantity drop not null, alter unit_cents drop not null,
      add foreign key (product_id) references products on delete set null;
    alter table orders alter created_at drop not null`)
}

const folded = async (client: pg.Client): Promise<unknown[]> => {
  while ((await row<{ fold: number }>(client, 'select shop.fold()')).fold > 0);
  return wrongCells(client, 'shop')
}

describe.each([18, 15] as const)('live sales on PostgreSQL %i', (version) => {
  let started: Awaited<ReturnType<typeof server>>
  let client: pg.Client
  const open = async (): Promise<pg.Client> => {
    const opened = new pg.Client(started.url)
    opened.on('error', () => {})
    await opened.connect()
    return opened
  }
  beforeAll(async () => {
    started = await server({ version })
    client = await open()
    await looseShop(client, { products: 50, orders: 200 })
    // what was there before the assets
    await client.query(`update orders set created_at = null where id in (1, 2, 3, 4, 5, 6);
      update order_items set product_id = null where order_id % 5 = 0; update order_items set quantity = null where order_id % 7 = 0;
      update order_items set unit_cents = null where order_id % 11 = 0; update order_items set quantity = 100, unit_cents = 50000000 where order_id = 20`)
    await apply({ connect: started.url, mapping: PLAIN.mapping, assets: ['sales', 'dashboards'] })
  }, 120_000)
  afterAll(async () => {
    await client.end()
    await started.stop()
  })

  test('count nothing where there is no quantity, price or day, and what names no product in its day only', async () => {
    expect(await wrongCells(client, 'shop')).toEqual([])
    await client.query(`insert into orders values (1001, 1, 'paid', 1, null), (1002, 1, 'pending', 1, null), (1003, 1, 'paid', 1, now()), (1004, 1, 'paid', 1, now());
      insert into order_items values (1001, 1, 2, 3), (1002, 1, 2, 3), (1003, null, 2, 3), (1003, 2, null, 3), (1003, 3, 4, null), (1004, 4, null, null), (1003, 5, 6, 7)`)
    expect(await wrongCells(client, 'shop')).toEqual([])
    await client.query(`update orders set status = 'paid' where id = 1002; update orders set created_at = now() where id = 1001; update orders set created_at = null where id = 1004;
      update order_items set quantity = 1 where order_id = 1003; update order_items set product_id = null where order_id = 1001`)
    expect(await wrongCells(client, 'shop')).toEqual([])
    await client.query('delete from products where id between 1 and 5')
    expect(await wrongCells(client, 'shop')).toEqual([])
    expect(await folded(client)).toEqual([])
    await client.query('delete from orders where id in (1001, 1002, 1003)')
    expect(await folded(client)).toEqual([])
    await client.query('select shop.refresh_all_materialized_views()')
    expect(
      await rows(
        client,
        `select from shop.sales_summary_daily s full join (select * from shop.sales_daily_live where orders <> 0) l using (day)
         where (s.orders, s.units, s.revenue) is distinct from (l.orders, l.units, l.revenue)`,
      ),
    ).toEqual([])
  })

  test.each(['sales_ledger', 'sales_day', 'product_day', 'product_total', 'product_board'])(
    'count an order once that comes while items are truncated, held at %s',
    async (table) => {
      await client.query(
        `truncate orders cascade; insert into orders values (1, 1, 'paid', 1, now()); insert into order_items values (1, 10, 3, 5)`,
      )
      await using pool = await clients(started.url, 2)
      const [holder, truncating] = pool.all as [pg.Client, pg.Client]
      const { pid } = await row<{ pid: number }>(truncating, 'select pg_backend_pid() as pid')
      await holder.query(`begin; lock table shop.${table} in share mode`)
      const truncated = truncating.query('truncate order_items')
      await expect
        .poll(() => row(client, 'select wait_event_type as waits from pg_stat_activity where pid = $1', [pid]))
        .toEqual({ waits: 'Lock' })
      const buying = client.query(`insert into orders values (2, 1, 'paid', 1, now())`)
      // what appends to the ledger waits with it there
      if (table !== 'sales_ledger') await buying
      await holder.query('commit')
      await Promise.all([truncated, buying])
      expect(await wrongCells(client, 'shop')).toEqual([])
      expect(await folded(client)).toEqual([])
    },
  )

  test('are not built on a snapshot that a fold has overtaken: the build begins again', async () => {
    await client.query(`truncate orders cascade; insert into orders values (1, 1, 'paid', 1, now()); insert into order_items values (1, 10, 3, 5);
      truncate shop.sales_ledger`) // as before the first build
    await using pool = await clients(started.url, 1)
    const building = pool.all[0]!
    await building.query('begin isolation level repeatable read; select from orders')
    await client.query(`insert into orders values (2, 1, 'paid', 1, now()); select shop.fold()`)
    await expect(building.query('select shop.sales_build()')).rejects.toMatchObject({ code: '40001' })
    await building.query('rollback; begin isolation level repeatable read; select shop.sales_build(); commit')
    expect(await wrongCells(client, 'shop')).toEqual([])
  })

  test('keep an order that a trigger of yours keeps, and lose one with all its items', async () => {
    await client.query(`truncate orders cascade;
      insert into orders select n, 1, 'paid', 1, now() from generate_series(1, 3) n; insert into order_items select n, 10, 3, 5 from generate_series(1, 3) n;
      create function kept() returns trigger language plpgsql as $$ begin return case when old.id = 1 then null else old end; end $$;
      create trigger zz_kept before delete on orders for each row execute function kept(); delete from orders where id < 3`)
    expect(await wrongCells(client, 'shop')).toEqual([])
    expect(await row(client, 'select orders::int, units::int from shop.sales_daily_live')).toEqual({
      orders: 2,
      units: 6,
    })
    await client.query('drop function kept() cascade')
  })

  test('a state that changes beside items that come is right or refused where all are serializable', async () => {
    await client.query(`truncate orders cascade; insert into orders values (1, 1, 'pending', 1, now())`)
    await using pool = await clients(started.url, 2)
    const [clerk, buyer] = pool.all as [pg.Client, pg.Client]
    for (const each of pool.all) await each.query('begin isolation level serializable; select from order_items')
    await buyer.query('insert into order_items values (1, 10, 5, 1); commit')
    await expect(clerk.query(`update orders set status = 'paid' where id = 1; commit`)).rejects.toMatchObject({
      code: '40001',
    })
    expect(await wrongCells(client, 'shop')).toEqual([])
  })
})

describe('items that no foreign key keeps behind their order', () => {
  test.each([
    ['none', ''],
    [
      'one that is checked at the end',
      'alter table order_items add foreign key (order_id) references orders deferrable initially deferred',
    ],
  ])('count with it, before it, with it and after it: %s', async (_which, key) => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 20, orders: 0 })
    await db.client.query(`alter table order_items drop constraint order_items_order_id_fkey; ${key}`)
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['sales'] })
    const order = `insert into orders values (1, 1, 'paid', 1, now())`
    await db.client.query(
      `begin; insert into order_items values (1, 1, 2, 10); savepoint s; insert into order_items values (1, 2, 3, 10); release s; ${order}; commit`,
    )
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    await db.client.query(`begin; insert into order_items values (2, 1, 2, 10);
      with o as (insert into orders values (2, 1, 'paid', 1, now()) returning id) insert into order_items select id, 2, 5, 10 from o; insert into order_items values (2, 3, 7, 10); commit`)
    expect(await wrongCells(db.client, 'shop')).toEqual([])
    expect(await row(db.client, 'select orders::int, units::int from shop.sales_daily_live')).toEqual({
      orders: 2,
      units: 19,
    })
  })
})

describe('the day of a sale', () => {
  test.each([
    ['timestamp', '2026-03-01 23:30', '2026-03-02'], // in UTC, which is the second of March in Paris
    ['timestamptz', '2026-03-01 23:30+00', '2026-03-02'],
    ['date', '2026-03-01', '2026-03-01'],
  ])('of a %s is the same in every session', async (type, at, day) => {
    await using db = await database()
    await PLAIN.load(db.client, { products: 20, orders: 0 })
    await db.client.query(`alter table orders alter created_at type ${type}`)
    const mapping = defineMapping({ timeZone: 'Europe/Paris' })
    await apply({ connect: db.url, mapping, assets: ['sales', 'dashboards'] })
    const zones = ['UTC', 'America/Los_Angeles', 'Pacific/Kiritimati']
    const sold = (): Promise<unknown> =>
      rows(
        db.client,
        'select day::text, orders::int, units::int from shop.sales_daily_live where orders <> 0 or units <> 0',
      )
    const inZone = (n: number, sql: string): Promise<unknown> =>
      db.client.query(`set time zone '${zones[n % 3]}'; ${sql}`)
    for (const n of [1, 2, 3]) {
      await inZone(
        n,
        `insert into orders values (${n}, 1, 'pending', 1, '${at}'); insert into order_items values (${n}, 1, 3, 10)`,
      )
      await inZone(n + 1, `update orders set status = 'paid' where id = ${n}`)
    }
    expect(await sold()).toEqual([{ day, orders: 3, units: 9 }])
    await inZone(0, 'select shop.sales_build()')
    await inZone(1, `update orders set status = 'cancelled' where id = 1`)
    await inZone(2, `delete from orders where id = 2`)
    expect(await sold()).toEqual([{ day, orders: 1, units: 3 }])
    const today = await row<{ day: string }>(
      db.client,
      `select ((now() at time zone 'Europe/Paris')::date)::text as day`,
    )
    for (const n of [0, 1, 2]) {
      await inZone(n, 'select shop.fold()')
      expect(await row(db.client, 'select today::text as day from shop.board_state')).toEqual(today)
    }
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
