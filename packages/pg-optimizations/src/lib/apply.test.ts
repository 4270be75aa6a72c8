import { type Database, database, server } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { clients, random, trade, wrongCells } from '../../fixtures/workload.ts'
import { apply, plan, rollback } from './apply.ts'
import { ASSET_NAMES } from './asset.ts'
import { defineMapping } from './mapping.ts'
import { rows } from './sql.ts'
import { definitions } from '../../fixtures/definitions.ts'
import { MEDUSA, PLAIN } from '../../fixtures/shops.ts'

describe.each([PLAIN, MEDUSA])('applying to the $name shop', ({ mapping, load }) => {
  let db: Database
  let before: string[]

  beforeAll(async () => {
    db = await database()
    await db.client.query('create extension pg_stat_statements')
    await load(db.client, { products: 2000, orders: 3000 })
    before = await definitions(db.client)
  })
  afterAll(() => db.close())

  test('makes everything once, and nothing the second time', async () => {
    const first = await apply({ connect: db.url, mapping })
    expect(first.made.length).toBeGreaterThan(60)
    const second = await apply({ connect: db.url, mapping })
    expect(second).toEqual({ made: [], unchanged: first.made.length })
    const states = await plan({ connect: db.url, mapping })
    expect(states.map(({ asset }) => asset.name)).toEqual(ASSET_NAMES)
    expect(new Set(states.flatMap(({ steps }) => steps.map(({ state }) => state)))).toEqual(new Set(['current']))
  })

  test('rolling back restores the catalogue to what it was', async () => {
    await rollback({ connect: db.url, mapping })
    expect(await definitions(db.client)).toEqual(before)
  })
})

test('PostgreSQL 15 takes the same assets, keeps them right, and gives them back', async () => {
  await using old = await server({ version: 15, settings: { shared_preload_libraries: 'pg_stat_statements' } })
  const client = new pg.Client(old.url)
  client.on('error', () => {})
  await client.connect()
  await client.query('create extension pg_stat_statements')
  await PLAIN.load(client, { products: 300, orders: 1000 })
  const before = await definitions(client)
  await apply({ connect: old.url, mapping: PLAIN.mapping })
  expect((await apply({ connect: old.url, mapping: PLAIN.mapping })).made).toEqual([])
  const tally = { committed: 0, rolledBack: 0, retried: 0, folded: 0 }
  await using open = await clients(old.url, 3)
  await Promise.all(open.all.map((one, n) => trade(one, 'shop', 60, random(n), tally, 300)))
  expect(await wrongCells(client, 'shop')).toEqual([])
  for (const call of [
    `search_products('lamp')`,
    'refresh_all_materialized_views()',
    'analyze_slow_queries()',
    'cache_stats()',
    'top_products(30)',
  ]) {
    await client.query(`select * from shop.${call}`)
  }
  await rollback({ connect: old.url, mapping: PLAIN.mapping })
  expect(await definitions(client)).toEqual(before)
  // keys that have no max() before PostgreSQL 18
  await client.query(
    `create table goods as select gen_random_uuid() as id, category_id, brand, name, description, price_cents, rating, stock, active from products`,
  )
  const keyed = defineMapping({ products: { table: 'goods' }, schema: 'keyed' })
  await apply({ connect: old.url, mapping: keyed, assets: ['search'], batch: 100 })
  expect(await rows(client, 'select count(*)::int as n from keyed.product_document')).toEqual(
    await rows(client, 'select count(*)::int as n from goods where active'),
  )
  await client.end()
}, 90_000)

describe('beside others in one database', () => {
  let db: Database
  const second = { ...MEDUSA.mapping, schema: 'second' }
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 50, orders: 50 })
    await MEDUSA.load(db.client, { products: 50, orders: 50 })
    await apply({ connect: db.url, mapping: PLAIN.mapping, assets: ['search', 'sales', 'browse'] })
  })
  afterAll(() => db.close())

  test('rolling back one mapping leaves the other whole', async () => {
    const before = await definitions(db.client)
    await apply({ connect: db.url, mapping: second, assets: ['search', 'sales', 'browse'] })
    await rollback({ connect: db.url, mapping: second })
    expect(await definitions(db.client)).toEqual(before)
  })

  test('what a user has built on an asset is named, and nothing is dropped', async () => {
    await db.client.query('create view best as select * from shop.sales_daily_live')
    const before = await definitions(db.client)
    await expect(rollback({ connect: db.url, mapping: PLAIN.mapping })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_CONFLICT',
      message: expect.stringContaining('best') as string,
    })
    expect(await definitions(db.client)).toEqual(before)
    await db.client.query('drop view best')
    await rollback({ connect: db.url, mapping: PLAIN.mapping })
  })

  test('rollback takes no options of apply', async () => {
    await expect(rollback({ connect: db.url, mapping: PLAIN.mapping, batch: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_OPTION',
    })
  })
})
