import { server } from '@shop/testkit'
import type { Postgres } from '@shop/testkit/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { PLAIN } from '../../fixtures/shops.ts'
import { clients } from '../../fixtures/workload.ts'
import { apply } from './apply.ts'
import { examine, type Finding, mend, superfluous } from './doctor.ts'
import { row } from './sql.ts'

describe('the doctor finds', () => {
  let own: Postgres
  let client: pg.Client
  beforeAll(async () => {
    own = await server({
      // a server that is ill: 1 MB of buffers, nothing vacuumed
      settings: {
        shared_preload_libraries: 'pg_stat_statements',
        shared_buffers: '1MB',
        autovacuum: 'off',
        max_prepared_transactions: '5',
      },
    })
    client = new pg.Client(own.url)
    client.on('error', () => {})
    await client.connect()
    await PLAIN.load(client, { products: 5000, orders: 15_000 })
    await apply({ connect: own.url, mapping: PLAIN.mapping, assets: ['sales', 'browse'] })
  }, 120_000)
  afterAll(async () => {
    await client.end()
    await own.stop()
  })

  const found = async (check: string): Promise<Finding[]> =>
    (await examine(client, PLAIN.mapping)).filter((finding) => finding.check === check)
  const objects = async (check: string): Promise<string[]> => (await found(check)).map(({ object }) => object)
  /** What the doctor finds when it looks at a later time. */
  const later = async (interval: string, work: () => Promise<void>): Promise<void> => {
    await client.query(`create schema later; create function later.now() returns timestamptz language sql as $$ select pg_catalog.now() + interval '${interval}' $$;
      set search_path = later, "$user", public, pg_catalog`)
    await work()
    await client.query('reset search_path; drop schema later cascade')
  }

  test('an index nobody reads', async () => {
    await client.query(
      'create table wide as select n, repeat(md5(n::text), 3) as t from generate_series(1, 20000) n; create index wide_t on wide (t)',
    )
    expect(await objects('unused index')).toEqual([]) // a young server knows nothing yet
    await later('2 days', async () => {
      await expect.poll(() => objects('unused index')).toContain('wide_t')
      expect(await superfluous(client)).toContainEqual({
        index: 'wide_t',
        why: expect.stringContaining('not read since statistics began 2 days') as string,
      })
    })
  })

  test('an index that is the beginning of another, and not one of another order or condition', async () => {
    await client.query(`create table t (a int, b int, c text);
      create index t_a on t (a); create index t_a_b on t (a, b); create index t_b_a on t (b, a); create index t_a_some on t (a) where b > 0; create index t_a_down on t (a desc)`)
    const twins = (await objects('duplicate index')).filter((name) => name.startsWith('t_'))
    expect(twins).toEqual(['t_a'])
  })

  test('a foreign key whose deletes read everything', async () => {
    expect(await objects('foreign key without an index')).toContain('order_items')
    await client.query('create index items_product on order_items (product_id)')
    expect((await found('foreign key without an index')).map(({ what }) => what).join()).not.toContain(
      'order_items_product_id',
    )
  })

  test('a table of dead rows', async () => {
    await client.query(
      'create table dead as select n from generate_series(1, 30000) n; delete from dead where n > 5000',
    )
    await expect.poll(() => objects('bloat'), { timeout: 10_000 }).toContain('dead')
    await client.query('vacuum dead')
    await expect.poll(() => objects('bloat'), { timeout: 10_000 }).not.toContain('dead')
  })

  test('buffers that are too small', async () => {
    await client.query(
      `create table slack with (fillfactor = 10) as select n, repeat(md5(n::text), 3) as t from generate_series(1, 20000) n`,
    )
    await client.query('select pg_stat_reset()')
    const { blocks } = await row<{ blocks: number }>(client, `select pg_relation_size('slack')::int / 8192 as blocks`)
    for (let read = 0; read < 130_000; read += blocks) await client.query('select count(*) from slack')
    await expect
      .poll(async () => (await found('cache hit')).map(({ what }) => what).join(), { timeout: 20_000 })
      .toContain('shared buffers')
  }, 120_000)

  test('a transaction that has been open too long', async () => {
    await using open = await clients(own.url, 1)
    await open.all[0]!.query(`set application_name = 'forgotten'; begin; select 1`)
    expect(await found('long transaction')).toEqual([])
    await later('1 hour', async () => expect((await found('long transaction'))[0]!.what).toContain('forgotten'))
  })

  test('a prepared transaction that nobody ends', async () => {
    await client.query(`begin; update products set stock = stock where id = 1; prepare transaction 'orphan'`)
    expect(await found('prepared transaction')).toEqual([])
    await later('1 hour', async () =>
      expect(await objects('prepared transaction')).toEqual([`prepared transaction 'orphan'`]),
    )
    await client.query(`rollback prepared 'orphan'`)
  })

  test('a trigger that is disabled, and whatever else is not as it was made', async () => {
    expect([...(await found('disabled trigger')), ...(await found('drift')), ...(await found('derived data'))]).toEqual(
      [],
    )
    await client.query(`alter table orders disable trigger shop_sales_order_made; alter function shop.fold set work_mem = '1MB';
      insert into orders (customer_id, status, total_cents, created_at) values (1, 'paid', 1, now())`)
    expect(await found('disabled trigger')).toMatchObject([
      { severity: 'error', object: 'shop_sales_order_made on orders' },
    ])
    expect(await objects('drift')).toEqual(['function shop.fold', 'trigger public.shop_sales_order_made'])
    expect(await found('derived data')).toMatchObject([
      { severity: 'error', object: 'sales_daily_live', what: '1 of the last 7 days differ from the orders' },
    ])
    await apply({ connect: own.url, mapping: PLAIN.mapping, assets: ['sales', 'browse'] })
    expect([...(await found('disabled trigger')), ...(await found('drift')), ...(await found('derived data'))]).toEqual(
      [],
    )
  })

  test('who waits for whom', async () => {
    await using open = await clients(own.url, 2)
    await open.all[0]!.query('begin; update products set stock = stock where id = 1')
    const waiting = open.all[1]!.query('update products set stock = stock where id = 1')
    await expect.poll(() => objects('lock queue')).toHaveLength(1)
    await open.all[0]!.query('rollback')
    await waiting
    expect(await found('lock queue')).toEqual([])
  })

  test('a sequence near its end, if it does not begin anew', async () => {
    await client.query(`create sequence public.nearly maxvalue 100 start 80; create sequence public.round maxvalue 100 start 80 cycle; create sequence public.fresh maxvalue 100;
      select nextval('public.nearly'), nextval('public.round'), nextval('public.fresh')`)
    expect(await objects('sequence near its end')).toEqual(['public.nearly'])
  })

  test('transaction numbers that run out', async () => {
    await client.query('begin')
    await client.query(
      `update pg_database set datfrozenxid = (((txid_current() + 3000000000) % 4294967296)::text)::xid where datname = current_database()`,
    )
    expect(await objects('wraparound')).toEqual(['postgres'])
    await client.query('rollback')
    expect(await objects('wraparound')).toEqual([])
  })

  test('settings that are those of a laptop, each with what to set', async () => {
    expect(await objects('settings')).toEqual(
      expect.arrayContaining([
        'random_page_cost',
        'shared_buffers',
        'work_mem',
        'checkpoint_timeout',
        'jit',
        'idle_in_transaction_session_timeout',
      ]),
    )
    await client.query(`set random_page_cost = 1.1; set work_mem = '32MB'; set jit = off`)
    expect(await objects('settings')).toEqual([
      'shared_buffers',
      'checkpoint_timeout',
      'idle_in_transaction_session_timeout',
    ])
    await client.query('reset random_page_cost; reset work_mem; reset jit')
  })

  test('that slow queries are not recorded here', async () => {
    expect((await found('pg_stat_statements'))[0]).toMatchObject({ remedy: 'create extension pg_stat_statements' })
    await client.query('create extension pg_stat_statements')
    expect(await found('pg_stat_statements')).toEqual([])
  })

  test('a ledger that nobody folds, and folds it', async () => {
    await client.query(`insert into orders (customer_id, status, total_cents, created_at) values (1, 'paid', 1, now())`)
    await client.query(`do $$ declare c text := (select string_agg(quote_ident(attname), ', ') from pg_attribute
        where attrelid = 'shop.sales_ledger'::regclass and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = '');
      begin execute format('insert into shop.sales_ledger (%1$s) select %1$s from (select * from shop.sales_ledger limit 1) l, generate_series(1, 20001)', c); end $$`)
    const ledger = await found('ledger')
    expect(ledger).toHaveLength(1)
    expect(await mend(client, ledger)).toHaveLength(1)
    expect(await found('ledger')).toEqual([])
  })

  test('nothing to mend in what is not ours', async () => {
    await client.query(
      `update pg_index set indisvalid = false where indexrelid in ('t_a_b'::regclass, 'shop_products_rating'::regclass)`,
    )
    const invalid = await found('invalid index')
    expect(invalid.map(({ object }) => object).sort()).toEqual(['shop_products_rating', 't_a_b'])
    expect(await mend(client, invalid)).toEqual(['drop index concurrently shop_products_rating'])
  })
})
