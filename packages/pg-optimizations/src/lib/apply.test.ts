import { type Database, database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { apply, plan, rollback } from './apply.ts'
import { ASSET_NAMES } from './asset.ts'
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
