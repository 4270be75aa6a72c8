import { type Database, database } from '@shop/testkit'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { definitions } from '../../fixtures/definitions.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { apply, plan, rollback } from './apply.ts'
import { main } from './command.ts'
import { row, rows } from './sql.ts'

const { mapping } = PLAIN
const ADVISED = 'create index concurrently shop_advised_total on "public"."orders" using btree (total_cents)'

describe('advised indexes', () => {
  let db: Database
  beforeEach(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 200, orders: 5000 })
  })
  afterEach(() => db.close())

  const states = async (): Promise<string[]> =>
    (await plan({ connect: db.url, mapping, assets: ['advice'] })).flatMap(({ steps }) =>
      steps.map(({ step, state }) => `${step.name} ${state}`),
    )

  test('are built as steps of the plan, which knows them ever after, and rolled back with the rest', async () => {
    const before = await definitions(db.client)
    const options = { connect: db.url, mapping, assets: ['advice'], advised: [ADVISED] }
    expect((await plan(options))[0]!.steps[0]).toMatchObject({ state: 'missing', step: { mode: 'concurrent' } })
    expect(await states()).toEqual([])
    expect((await apply(options)).made.map(({ name }) => name)).toEqual(['shop_advised_total'])
    expect(await apply(options)).toMatchObject({ made: [], unchanged: 1 })
    expect(await states()).toEqual(['shop_advised_total current'])
    const { tag } = await row<{ tag: string }>(
      db.client,
      `select obj_description('shop_advised_total'::regclass, 'pg_class') as tag`,
    )
    expect(tag).toMatch(/^shop-pg advice [0-9a-f]{12} shop$/)
    await rollback({ connect: db.url, mapping })
    expect(await definitions(db.client)).toEqual(before)
  }, 120_000)

  test('one whose build was given up behind an old transaction is finished by the next run, which is not told of it', async () => {
    await using other = await opened(db.url)
    await other.client.query('begin; update orders set total_cents = 1 where id = 1')
    const first = apply({ connect: db.url, mapping, assets: ['advice'], advised: [ADVISED], patience: '200ms' })
    await expect(first).rejects.toMatchObject({ code: 'ERR_SHOP_PG_LOCKED' })
    expect(await states()).toEqual(['shop_advised_total invalid'])
    await other.client.query('commit')
    expect((await apply({ connect: db.url, mapping, assets: ['advice'] })).made).toHaveLength(1)
    expect(await states()).toEqual(['shop_advised_total current'])
    expect(await rows(db.client, 'select from pg_index where not indisvalid')).toEqual([])
  }, 120_000)

  test.each([
    ['before it is built', 'using gin (status gin_trgm_ops)', '42704'],
    ['while it is built', 'using btree ((1 / (total_cents - 100)))', '22012'],
  ])('one that the server refuses %s is forgotten, and no later run fails of it', async (_when, body, code) => {
    const before = await definitions(db.client)
    const bad = `create index concurrently shop_advised_bad on "public"."orders" ${body}`
    await expect(
      apply({ connect: db.url, mapping, assets: ['advice'], advised: [ADVISED, bad] }),
    ).rejects.toMatchObject({ code })
    expect(await states()).toEqual(['shop_advised_total current'])
    expect((await apply({ connect: db.url, mapping, assets: ['advice'] })).made).toEqual([])
    expect(await rows(db.client, 'select from pg_index where not indisvalid')).toEqual([])
    await rollback({ connect: db.url, mapping })
    expect(await definitions(db.client)).toEqual(before)
  })

  test('one of a name that is taken is refused, and so is SQL that is no advice', async () => {
    await db.client.query('create index shop_advised_total on orders (status)')
    const options = { connect: db.url, mapping, assets: ['advice'] }
    await expect(apply({ ...options, advised: [ADVISED] })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_CONFLICT' })
    await expect(apply({ ...options, advised: ['drop table orders'] })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_OPTION',
    })
  })

  test('advise --apply goes that way, and status shows them', async () => {
    await db.client.query(`create extension pg_stat_statements;
      select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = current_database()`)
    for (let n = 0; n < 20; n++) await db.client.query('select id from orders where customer_id = $1', [n])
    const run = async (...args: string[]): Promise<string> => {
      const out: string[] = []
      expect(await main(['--url', db.url, ...args], (line) => out.push(line))).toBe(0)
      return out.join('\n')
    }
    const advice = JSON.parse(
      await run('advise', '--apply', '--limit', '1', '--model', 'embedded-postgres', '--json'),
    ) as { create: unknown[] }
    expect(advice.create).toHaveLength(1)
    const all = JSON.parse(await run('status', '--json')) as { assets: Array<{ asset: string }> }
    expect(all.assets.find(({ asset }) => asset === 'advice')).toMatchObject({ current: 1, of: 1 })
  }, 120_000)
})

async function opened(url: string): Promise<{ readonly client: pg.Client } & AsyncDisposable> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  return { client, [Symbol.asyncDispose]: () => client.end() }
}
