import { type Database, database } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { definitions } from '../../fixtures/definitions.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { apply, rollback } from './apply.ts'
import { createCache } from './cache.ts'
import { examine, type Finding } from './doctor.ts'
import { row, rows } from './sql.ts'

// As hosted PostgreSQL has it: nobody is superuser, the owner migrates, the application only reads and writes rows.
describe('an owner without superuser rights, and an application that owns nothing', () => {
  let db: Database
  let before: string[]
  const url = (role: string): string => {
    const as = new URL(db.url)
    as.username = `${role}_${db.name}`
    as.password = 'x'
    return as.href
  }
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 300, orders: 300 })
    const [owner, app] = [`owner_${db.name}`, `app_${db.name}`]
    await db.client.query(`create extension pg_stat_statements;
      create role ${owner} login password 'x' nosuperuser nocreatedb nocreaterole; create role ${app} login password 'x' nosuperuser nocreatedb nocreaterole;
      grant create on database ${db.name} to ${owner}; alter schema public owner to ${owner};
      alter table products owner to ${owner}; alter table categories owner to ${owner}; alter table orders owner to ${owner}; alter table order_items owner to ${owner};
      grant usage on schema public to ${app}; grant select, insert, update, delete on all tables in schema public to ${app}; grant usage on all sequences in schema public to ${app}`)
    before = await definitions(db.client)
  })
  afterAll(async () => {
    const [owner, app] = [`owner_${db.name}`, `app_${db.name}`]
    await db.client.query(
      `drop owned by ${app}; reassign owned by ${owner} to current_user; drop owned by ${owner}; drop role ${owner}; drop role ${app}`,
    )
    await db.close()
  })

  test('what the owner lacks is told before anything changes', async () => {
    const owner = `owner_${db.name}`
    const refused = async (lacks: string): Promise<void> => {
      const there = await definitions(db.client)
      await expect(apply({ connect: url('owner'), mapping: PLAIN.mapping })).rejects.toMatchObject({
        code: 'ERR_SHOP_PG_RIGHTS',
        message: expect.stringContaining(lacks) as string,
      })
      expect(await definitions(db.client)).toEqual(there)
    }
    await db.client.query('alter schema public owner to current_user')
    await refused('grant create on schema public')
    await db.client.query(`alter schema public owner to ${owner}; create schema shop authorization ${owner};
      revoke create on database ${db.name} from ${owner}`)
    await refused('extension pg_trgm')
    await db.client.query(`drop schema shop; grant create on database ${db.name} to ${owner}`)
  })

  test('the owner applies every asset', async () => {
    const { made } = await apply({ connect: url('owner'), mapping: PLAIN.mapping })
    expect(new Set(made.map(({ asset }) => asset)).size).toBe(9)
  }, 120_000)

  test('the application, granted to see the schema and read its tables, uses all of them and changes none', async () => {
    const app = `app_${db.name}`
    await db.client.query(`grant usage on schema shop to ${app}; grant select on all tables in schema shop to ${app}`)
    const client = new pg.Client(url('app'))
    client.on('error', () => {})
    await client.connect()
    await client.query(`insert into orders (customer_id, status, total_cents, created_at) values (7, 'paid', 1, now());
      insert into order_items select max(id), 1, 2, 300 from orders; update products set name = 'unheard-of thing', stock = 10 where id = 1`)
    expect(await rows(client, `select product from shop.search_products('unheard-of')`)).toEqual([{ product: 1 }])
    expect((await row<{ n: number }>(client, 'select count(*)::int as n from shop.top_products(30, 10)')).n).toBe(10)
    expect(
      (await row<{ n: number }>(client, 'select sum(units)::int as n from shop.sales_daily_live')).n,
    ).toBeGreaterThan(1)
    await client.query('select shop.fold()')
    await client.query('select * from shop.refresh_all_materialized_views()')
    const { id } = await row<{ id: string }>(client, 'select shop.reserve_stock(1, 2) as id')
    expect(await row(client, 'select shop.commit_stock($1) as done', [id])).toEqual({ done: true })
    await client.query('select shop.open_flash_sale(1, 3, 2)')
    const { id: taken } = await row<{ id: string }>(client, 'select shop.take_flash_sale(1) as id')
    expect(await row(client, 'select shop.commit_stock($1) as done', [taken])).toEqual({ done: true })
    expect(await row(client, 'select shop.close_flash_sale(1)::int as untaken')).toEqual({ untaken: 2 })
    expect(await rows(client, 'select available::int from shop.inventory_live where product = 1')).toEqual([
      { available: 7 },
    ])
    await rows(client, 'select * from shop.analyze_slow_queries()')
    const closed = [
      `sales_order_uncounted(3, '2020-01-01')`,
      `boards_build('1999-01-01')`,
      `boards_roll('1999-01-01')`,
      'sales_build()',
      'stock_write(array[1])',
      'product_document_write(array[1])',
    ]
    for (const call of closed)
      await expect(client.query(`select shop.${call}`)).rejects.toMatchObject({ code: '42501' })
    // nor is a trigger's function lent to a table of its own, whose rows would be taken for orders
    await client.query('create temp table orders_of_mine (id bigint, status text, created_at timestamptz)')
    await expect(
      client.query(
        'create trigger t after insert on orders_of_mine for each row execute function shop.sales_order_made()',
      ),
    ).rejects.toMatchObject({ code: '42501' })
    expect(
      await rows(
        db.client,
        `select proname from pg_proc where pronamespace = 'shop'::regnamespace and prosecdef and has_function_privilege($1, oid, 'execute')
           and proname not like 'cache%' order by 1`,
        [app],
      ),
    ).toEqual(
      [
        'close_flash_sale',
        'commit_stock',
        'fold',
        'open_flash_sale',
        'refresh_all_materialized_views',
        'release_expired_stock',
        'release_stock',
        'reserve_stock',
        'take_flash_sale',
      ].map((proname) => ({ proname })),
    )
    for (const table of ['sales_day', 'stock_level', 'product_document', 'cache_entry', 'applied_step'])
      await expect(client.query(`delete from shop.${table}`)).rejects.toMatchObject({ code: '42501' })
    await expect(client.query('drop view shop.sales_daily_live')).rejects.toMatchObject({ code: '42501' })
    await client.end()
    const pool = new pg.Pool({ connectionString: url('app'), max: 2 })
    const errors: Error[] = []
    {
      await using cache = createCache({ pool, onError: (error) => errors.push(error) })
      expect(await cache.wrap('k', () => Promise.resolve([1]), { tags: ['t'] })).toEqual([1])
      expect(await cache.get('k')).toEqual([1])
      await cache.deleteTag('t')
      await cache.cleanUp()
    }
    await pool.end()
    expect(errors).toEqual([])
  }, 120_000)

  test('the doctor looks at what each may see, and tells what it may not', async () => {
    await db.client.query('drop extension pg_stat_statements')
    const found = async (role: string): Promise<Finding[]> => {
      const client = new pg.Client(url(role))
      client.on('error', () => {})
      await client.connect()
      const findings = await examine(client, PLAIN.mapping)
      await client.end()
      return findings
    }
    const unseen = (findings: readonly Finding[]): string[] =>
      findings.filter(({ what }) => what.includes('was not looked at')).map(({ check }) => check)
    const owners = await found('owner')
    expect(owners.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(unseen(owners)).toEqual([])
    expect(owners.find(({ check }) => check === 'pg_stat_statements')).toMatchObject({
      remedy: expect.stringContaining('create extension pg_stat_statements') as string,
    })
    await db.client.query(`revoke select on all tables in schema shop from app_${db.name}`)
    expect(unseen(await found('app'))).toEqual(expect.arrayContaining(['drift', 'ledger', 'derived data']))
    await db.client.query(
      `create extension pg_stat_statements schema public; grant select on all tables in schema shop to app_${db.name};
      grant select, insert, update, delete on all tables in schema public to app_${db.name}`,
    )
  })

  test('the application cannot apply nor roll back, and is told what it lacks', async () => {
    for (const change of [apply, rollback])
      await expect(change({ connect: url('app'), mapping: PLAIN.mapping })).rejects.toMatchObject({
        code: 'ERR_SHOP_PG_RIGHTS',
        message: expect.stringContaining('does not own') as string,
      })
  })

  test('operators, functions and types of the application’s own, first on its search path, never run with the owner’s rights', async () => {
    const app = `app_${db.name}`
    await db.client.query(`create schema trap authorization ${app}; grant usage on schema trap to public`)
    const client = new pg.Client(url('app'))
    client.on('error', () => {})
    await client.connect()
    await client.query(`create function trap.aggregated(anyarray, anynonarray) returns anyarray language plpgsql as $$ begin raise exception 'trapped'; end $$;
      create aggregate trap.array_agg(anynonarray) (sfunc = trap.aggregated, stype = anyarray);
      create function trap.pg_current_xact_id() returns xid8 language plpgsql as $$ begin raise exception 'trapped'; end $$;
      create function trap.timezone(text, timestamptz) returns timestamp language plpgsql as $$ begin raise exception 'trapped'; end $$;
      create function trap.caught(anyelement) returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
      create domain trap.text as pg_catalog.text check (trap.caught(value)); create domain trap.xid as pg_catalog.xid check (trap.caught(value));
      create domain trap.date as pg_catalog.date check (trap.caught(value)); create domain trap.timestamptz as pg_catalog.timestamptz check (trap.caught(value));
      do $$ declare o record; begin
        for o in select row_number() over () as n, oprname, oprleft::regtype as l, oprright::regtype as r from pg_operator join pg_type t on t.oid = oprleft join pg_type u on u.oid = oprright
                 where oprname in ('=', '<>') and t.typtype = 'b' and u.typtype = 'b' loop
          execute format('create function trap.compared_%s(%s, %s) returns boolean language plpgsql as %L', o.n, o.l, o.r, 'begin raise exception ''trapped''; end');
          execute format('create operator trap.%s (leftarg = %s, rightarg = %s, function = trap.compared_%s)', o.oprname, o.l, o.r, o.n);
        end loop;
      end $$; set search_path = trap, pg_catalog`)
    await expect(client.query(`select 'a'::pg_catalog.text = 'a'::pg_catalog.text`)).rejects.toThrow('trapped')
    const sold = async (): Promise<number> =>
      (await row<{ n: number }>(db.client, 'select sum(units)::int as n from shop.sales_daily_live')).n
    const before = await sold()
    const order = async (status: string): Promise<string> =>
      (
        await row<{ id: string }>(
          client,
          'insert into public.orders (customer_id, status, total_cents, created_at) values (7, $1, 1, now()) returning id',
          [status],
        )
      ).id
    await client.query('begin')
    const later = await order('pending')
    await client.query('insert into public.order_items values ($1, 1, 2, 300), ($1, 2, 1, 100)', [later])
    await client.query(`update public.orders set status = 'paid' where id operator(pg_catalog.=) $1`, [later])
    await client.query('commit')
    const [atOnce, waiting] = [await order('paid'), await order('pending')]
    // of several orders, and none of them this transaction's
    await client.query('insert into public.order_items values ($1, 3, 5, 10), ($2, 3, 7, 10)', [atOnce, waiting])
    expect(await sold()).toBe(before + 3 + 5)
    await client.query(`update public.order_items set quantity = 4 where order_id operator(pg_catalog.=) $1`, [atOnce])
    await client.query(`delete from public.order_items where order_id operator(pg_catalog.=) $1`, [later])
    expect(await sold()).toBe(before + 4)
    for (const status of ['shipped', 'cancelled'])
      await client.query('update public.orders set status = $2 where id operator(pg_catalog.=) $1', [atOnce, status])
    await client.query(`delete from public.orders where id operator(pg_catalog.=) $1`, [later])
    expect(await sold()).toBe(before)
    await client.end()
    await db.client.query('drop schema trap cascade')
  }, 120_000)

  test('the owner takes everything away again', async () => {
    await rollback({ connect: url('owner'), mapping: PLAIN.mapping })
    expect(await definitions(db.client)).toEqual(before)
  })
})
