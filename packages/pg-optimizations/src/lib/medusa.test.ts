import { type Database, database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { MEDUSA } from '../../fixtures/shops.ts'
import { clients, random } from '../../fixtures/workload.ts'
import { apply } from './apply.ts'
import { row, rows } from './sql.ts'

// Every asset at work on a shop that names and types everything otherwise: text and uuid keys, numeric money, an enum of
// states, local times, another day's beginning, French.
describe('each asset on a shop of other names and types', () => {
  let db: Database
  const own = '"Fast ""Shop"""'
  beforeAll(async () => {
    db = await database()
    await db.client.query('create extension pg_stat_statements')
    await MEDUSA.load(db.client, { products: 400, orders: 600 })
    await apply({ connect: db.url, mapping: MEDUSA.mapping })
  }, 120_000)
  afterAll(() => db.close())

  const sold = `commerce."order" o join commerce.line_item i on i."orderId" = o.id where o.state in ('captured', 'fulfilled')`
  const day = `(o."placedAt" at time zone 'UTC' at time zone 'Europe/Paris')::date`
  const wrong = (): Promise<unknown[]> =>
    rows(
      db.client,
      `select * from (select ${day} as day, i.variant as product, sum(i.qty)::bigint as units, sum(i.qty * i.price)::numeric as revenue from ${sold} group by 1, 2) raw
       full join (select day as live_day, product as live_product, units as live_units, revenue as live_revenue from ${own}.product_daily_live where units <> 0 or revenue <> 0) live
         on raw.day = live_day and raw.product = live_product where units is distinct from live_units or revenue is distinct from live_revenue`,
    )

  test('live sales are what the raw query says, while orders come, change and go', async () => {
    expect(await wrong()).toEqual([])
    await using open = await clients(db.url, 3)
    await Promise.all(
      open.all.map(async (client, n) => {
        const next = random(n)
        await client.query(`set time zone '${['Asia/Tokyo', 'America/Los_Angeles', 'UTC'][n]}'`)
        for (let i = 0; i < 40; i++) {
          await client.query('begin')
          const { id } = await row<{ id: string }>(
            client,
            `insert into commerce."order" ("user", state, "placedAt") values ($1, $2, now() - $3 * interval '1 day') returning id`,
            [`user_${n}`, next() < 0.5 ? 'draft' : 'captured', Math.floor(next() * 50)],
          )
          await client.query(
            `insert into commerce.line_item ("orderId", variant, qty, price) select $1, 'prod_' || (1 + n * $2::int), n, 9.99 from generate_series(1, 3) n`,
            [id, 1 + Math.floor(next() * 100)],
          )
          if (next() < 0.5) await client.query(`update commerce."order" set state = 'fulfilled' where id = $1`, [id])
          if (next() < 0.2)
            await client.query(`update commerce.line_item set qty = qty + 1, price = 1 where "orderId" = $1`, [id])
          if (next() < 0.2) await client.query('delete from commerce.line_item where "orderId" = $1 and qty = 2', [id])
          await client.query(next() < 0.1 ? 'rollback' : 'commit')
          if (next() < 0.1) await client.query(`select ${own}.fold(20)`)
        }
      }),
    )
    expect(await wrong()).toEqual([])
    await db.client.query(`select ${own}.fold()`)
    expect(await wrong()).toEqual([])
    const top = `select product, revenue from ${own}.top_products(30, 5)`
    const raw = `select i.variant as product, sum(i.qty * i.price)::numeric as revenue from ${sold} and ${day} > (now() at time zone 'Europe/Paris')::date - 30
                   and ${day} <= (now() at time zone 'Europe/Paris')::date group by 1 order by 2 desc, 1 limit 5`
    expect(await rows(db.client, top)).toEqual(await rows(db.client, raw))
  }, 120_000)

  test('the four views are refreshed, and say what the live ones say', async () => {
    const refreshed = await rows<{ view_name: string }>(
      db.client,
      `select * from ${own}.refresh_all_materialized_views()`,
    )
    expect(refreshed.map(({ view_name: name }) => name)).toEqual([
      'sales_summary_daily',
      'top_products_hourly',
      'sales_dashboard_realtime',
      'products_stats',
    ])
    expect(
      await rows(
        db.client,
        `select from ${own}.sales_summary_daily s full join (select * from ${own}.sales_daily_live where orders <> 0) l using (day)
         where (s.orders, s.units, s.revenue) is distinct from (l.orders, l.units, l.revenue)`,
      ),
    ).toEqual([])
  })

  test('French words are found in another form than they are written in', async () => {
    await db.client.query(
      `update commerce."Product" set title = 'Chaussures légères', "select" = 'pour les journées ensoleillées' where id = 'prod_7'`,
    )
    for (const typed of ['chaussure', 'légère', 'journée ensoleillée', '"chaussures légères"', 'chaussure -lampe'])
      expect(await rows(db.client, `select product from ${own}.search_products($1)`, [typed])).toEqual([
        { product: 'prod_7' },
      ])
    expect(
      await rows(db.client, `select product from ${own}.search_products('chaussure', in_category => 'cat_1')`),
    ).toEqual([])
    expect(
      await rows(
        db.client,
        `select product from ${own}.search_products('chaussure', in_category => 'cat_8', max_price => 101.5)`,
      ),
    ).toHaveLength(1)
    await db.client.query('set enable_seqscan = off')
    const plan = await rows<{ 'QUERY PLAN': string }>(
      db.client,
      `explain select id from commerce."Product" where title ilike '%légè%'`,
    )
    await db.client.query('reset enable_seqscan')
    expect(plan.map((line) => line['QUERY PLAN']).join()).toContain('shop_products_name_part')
  })

  test('stock of text keys is reserved, sold and never oversold', async () => {
    await db.client.query(`update commerce."Product" set inventory = 5 where id = 'prod_9'`)
    await using open = await clients(db.url, 4)
    const reserved = await Promise.all(
      open.all.map(async (client) => {
        const ids = []
        for (let n = 0; n < 3; n++)
          ids.push(await row<{ id: string | null }>(client, `select ${own}.reserve_stock('prod_9', 1) as id`))
        return ids
      }),
    )
    const mine = reserved.flat().filter(({ id }) => id !== null)
    expect(mine).toHaveLength(5)
    for (const { id } of mine.slice(1)) await db.client.query(`select ${own}.commit_stock($1)`, [id])
    await db.client.query(`select ${own}.release_stock($1)`, [mine[0]!.id])
    expect(
      await rows(
        db.client,
        `select on_hand::int, reserved::int, available::int from ${own}.inventory_live where product = 'prod_9'`,
      ),
    ).toEqual([{ on_hand: 1, reserved: 0, available: 1 }])
    await db.client.query(`select ${own}.open_flash_sale('prod_9', 1)`)
    const taken = await Promise.all(
      open.all.map((client) => row<{ id: string | null }>(client, `select ${own}.take_flash_sale('prod_9') as id`)),
    )
    expect(taken.filter(({ id }) => id !== null)).toHaveLength(1)
  })

  test('a page of a category, and the orders of a customer, come from their indexes', async () => {
    await db.client.query('vacuum analyze commerce."order"')
    await db.client.query('analyze; set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off')
    const plan = async (sql: string): Promise<string> =>
      (await rows<{ 'QUERY PLAN': string }>(db.client, `explain ${sql}`)).map((line) => line['QUERY PLAN']).join('\n')
    expect(
      await plan(`select id from commerce."Product" where "categoryId" = 'cat_1' order by unit_amount, id limit 24`),
    ).toContain('shop_products_browse')
    expect(
      await plan(
        `select id, "placedAt", state from commerce."order" where "user" = 'user_1' order by "placedAt" desc, id limit 20`,
      ),
    ).toContain('Index Only Scan using shop_orders_customer')
    await db.client.query('reset enable_seqscan; reset enable_bitmapscan; reset enable_sort')
  })

  test('the cache and the slow queries live in its schema', async () => {
    await db.client.query(`select ${own}.cache_set('k', '1', interval '1 minute', array['t'])`)
    expect(await row(db.client, `select ${own}.cache_get('k') as v`)).toEqual({ v: 1 })
    expect(await rows(db.client, `select * from ${own}.analyze_slow_queries('mean', 3)`)).not.toEqual([])
  })
})
