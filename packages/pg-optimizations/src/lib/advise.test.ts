import path from 'node:path'

import { type Database, database, server } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { WORKLOAD } from '../../fixtures/queries.ts'
import { advise } from './advise.ts'
import { type PlanNode, walk } from './candidates.ts'
import { buildModel, type ModelServer } from './model.ts'
import { rows } from './sql.ts'

/** A scratch server of the testkit's: quicker to start than PGlite, which users get. */
async function scratch(): Promise<ModelServer> {
  const own = await server()
  const client = new pg.Client(own.url)
  client.on('error', () => {})
  await client.connect()
  return {
    connection: client,
    directory: path.join(own.dir, 'data'),
    async [Symbol.asyncDispose]() {
      await client.end()
      await own[Symbol.asyncDispose]()
    },
  }
}

/** What a plan does, without its numbers. */
function shape(plan: PlanNode): string {
  const parts: string[] = []
  walk(plan, (node) =>
    parts.push([node['Node Type'], node['Relation Name'], node['Index Name']].filter(Boolean).join(' ')),
  )
  return parts.join(' > ')
}

async function plans(connection: import('./sql.ts').Connection): Promise<string[]> {
  const found: string[] = []
  for (const query of WORKLOAD) {
    const [line] = await rows<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      connection,
      `explain (generic_plan, verbose, format json) ${query}`,
    )
    found.push(shape(line!['QUERY PLAN'][0].Plan))
  }
  return found
}

describe('advice', () => {
  let db: Database
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 20_000, orders: 40_000 })
    await db.client.query('vacuum analyze')
  })
  afterAll(() => db.close())

  test('the model plans as the loaded database does, and holds no row and no text of it', async () => {
    await using model = await scratch()
    const { left } = await buildModel(db.client, model)
    expect(left).toEqual([])
    const [here, there] = [await plans(db.client), await plans(model.connection)]
    const equal = here.filter((plan, n) => plan === there[n]).length
    expect(
      equal / here.length,
      here.map((plan, n) => (plan === there[n] ? '' : `${plan}\n  ${there[n]}`)).join('\n'),
    ).toBeGreaterThanOrEqual(0.95)
    const texts = await rows<{ v: string }>(
      model.connection,
      `select unnest(most_common_vals::text::text[]) as v from pg_stats where tablename = 'products' and attname in ('name', 'brand')`,
    )
    expect(texts.length).toBeGreaterThan(0)
    for (const { v } of texts) expect(v).toMatch(/^h[0-9a-f]{32}$/)
  }, 60_000)

  test('finds the indexes that the workload wants, and each is worth what it says', async () => {
    await using model = await scratch()
    const workload = WORKLOAD.slice(0, 4).map((query) => ({ query, calls: 100, total_ms: 1000 }))
    const { create, statements } = await advise({ connection: db.client, model, workload, limit: 4 })
    expect(statements).toBe(4)
    const text = create.map(({ sql }) => sql).join('\n')
    expect(text).toMatch(/on "public"."products" using btree \(category_id, price_cents/)
    expect(text).toMatch(/"orders" using btree \(customer_id/)
    for (const { gain, bytes } of create) {
      expect(gain).toBeGreaterThan(0.01)
      expect(bytes).toBeGreaterThan(8192)
    }
    const cost = async (): Promise<number> =>
      (
        await rows<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
          db.client,
          `explain (generic_plan, format json) ${WORKLOAD[0]}`,
        )
      )[0]!['QUERY PLAN'][0].Plan['Total Cost']
    const before = await cost()
    for (const { sql } of create) await db.client.query(sql)
    expect(await cost()).toBeLessThan(before / 5)
  }, 60_000)

  test('says what it needs', async () => {
    await expect(advise({ connection: db.client })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_STATEMENTS' })
    await expect(advise({ connection: db.client, limit: 0 })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_OPTION' })
  })
})
