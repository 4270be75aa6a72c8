import { server } from '@shop/testkit'
import type { Postgres } from '@shop/testkit/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { apply } from './apply.ts'
import { rows } from './sql.ts'

interface Slow {
  readonly query: string
  readonly calls: string
  readonly share: number
  readonly temp_blocks: string
  readonly disk_blocks: string
  readonly is_new: boolean
  readonly regressed: boolean
}

describe('slow queries', () => {
  let own: Postgres
  let client: pg.Client
  const slow = (by: string): Promise<Slow[]> => rows(client, 'select * from shop.analyze_slow_queries($1, 50)', [by])
  const first = async (by: string): Promise<string> => (await slow(by))[0]!.query
  beforeAll(async () => {
    own = await server({
      settings: { shared_preload_libraries: 'pg_stat_statements', shared_buffers: '1MB', jit: 'off' },
    })
    client = new pg.Client(own.url)
    client.on('error', () => {})
    await client.connect()
    await PLAIN.load(client, { products: 100, orders: 100 })
    await apply({ connect: own.url, mapping: PLAIN.mapping, assets: ['statements'] })
  }, 120_000)
  afterAll(async () => {
    await client.end()
    await own.stop()
  })

  test('need pg_stat_statements, and say how it is set up', async () => {
    await expect(slow('total')).rejects.toMatchObject({
      code: '55000',
      hint: expect.stringContaining('create extension') as string,
    })
    await client.query('create extension pg_stat_statements')
    expect(await slow('total')).toBeInstanceOf(Array)
  })

  test('are told by total time, mean time, blocks read and temporary blocks, normalised', async () => {
    await client.query('create table big as select n, md5(n::text) as t from generate_series(1, 60000) n')
    await client.query('select pg_stat_statements_reset()')
    for (let n = 0; n < 60; n++) await client.query(`select pg_sleep(0.01), 'often' as a${' '.repeat(n % 3)}`)
    await client.query(`select pg_sleep(0.3), 'once' as b, 1 as c`)
    for (let n = 0; n < 8; n++) await client.query(`select count(*) as reads from big where n = ${n}`)
    await client.query(`set work_mem = '64kB'`)
    await client.query('select count(*) from (select t from big where n > 5 order by t offset 0) sorted')
    await client.query('reset work_mem')
    expect(await first('total')).toContain('as a')
    expect((await slow('total'))[0]).toMatchObject({ calls: '60' })
    expect(await first('mean')).toContain('as c')
    expect(await first('io')).toBe('select count(*) as reads from big where n = $1')
    expect(await first('temp')).toContain('sorted')
    const all = await slow('total')
    expect(all.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6)
    await expect(slow('beauty')).rejects.toMatchObject({ code: '22023' })
  }, 120_000)

  test('are marked when they are new since the last snapshot, and when they have become slower', async () => {
    await client.query('select pg_stat_statements_reset()')
    for (let n = 0; n < 5; n++) await client.query('select pg_sleep($1), 1 as grows', [0.002])
    for (let n = 0; n < 5; n++) await client.query('select pg_sleep($1), 1 as stays, 2', [0.01])
    expect((await slow('total')).some(({ is_new: isNew }) => isNew)).toBe(false) // there is no snapshot yet
    await client.query('select shop.take_statement_snapshot()')
    for (let n = 0; n < 5; n++) await client.query('select pg_sleep($1), 1 as grows', [0.1])
    for (let n = 0; n < 5; n++) await client.query('select pg_sleep($1), 1 as stays, 2', [0.01])
    await client.query('select pg_sleep($1), 1 as comes, 2, 3', [0.01])
    const marks = Object.fromEntries(
      (await slow('total')).flatMap(({ query, is_new: isNew, regressed }) => {
        const name = /as (grows|stays|comes)/.exec(query)?.[1]
        return name ? [[name, { isNew, regressed }]] : []
      }),
    )
    expect(marks).toEqual({
      grows: { isNew: false, regressed: true },
      stays: { isNew: false, regressed: false },
      comes: { isNew: true, regressed: false },
    })
  })

  test('of other databases are not told, and snapshots are kept thirty days', async () => {
    await client.query(`update shop.statement_snapshot set taken_at = now() - interval '31 days'`)
    await client.query('select shop.take_statement_snapshot()')
    expect(
      await rows(client, `select from shop.statement_snapshot where taken_at < now() - interval '30 days'`),
    ).toEqual([])
    await client.query('create database other')
    const other = new pg.Client(own.url.replace(/\/postgres$/, '/other'))
    await other.connect()
    await other.query('select 1 as elsewhere')
    await other.end()
    expect((await slow('total')).map(({ query }) => query).join()).not.toContain('elsewhere')
  })
})
