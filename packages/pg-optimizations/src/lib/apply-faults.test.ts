import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import { type Database, database, server } from '@shop/testkit'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { type Brake, braked, heldAt, installBrake } from '../../fixtures/brake.ts'
import { definitions } from '../../fixtures/definitions.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { clients } from '../../fixtures/workload.ts'
import { apply, type ApplyProgress, plan, rollback } from './apply.ts'
import { defineMapping } from './mapping.ts'
import { row, rows } from './sql.ts'

const { mapping } = PLAIN

describe('applying when things go wrong', () => {
  let db: Database
  beforeEach(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 400, orders: 400 })
  })
  afterEach(() => db.close())

  test('runs that are killed with -9 at any step are finished by the next, and nothing is left invalid', async () => {
    const script = new URL('../../fixtures/apply-child.ts', import.meta.url)
    let finished = false
    let kills = 0
    // every 25th step here; every one in the soak
    for (let step = 3; !finished; step += 25) {
      const child = fork(script, [db.url, String(step)], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        execArgv: ['--disable-warning=ExperimentalWarning'],
      })
      const told = await Promise.race([
        once(child, 'message').then(([message]) => message as string),
        once(child, 'exit').then(() => 'exit'),
      ])
      finished = told === 'done'
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      kills++
    }
    expect(kills).toBeGreaterThan(2)
    expect((await apply({ connect: db.url, mapping })).made).toEqual([])
    expect(await rows(db.client, 'select indexrelid::regclass from pg_index where not indisvalid')).toEqual([])
    await rollback({ connect: db.url, mapping })
    await using fresh = await database()
    await PLAIN.load(fresh.client, { products: 400, orders: 400 })
    expect(await definitions(db.client)).toEqual(await definitions(fresh.client))
  }, 120_000)

  // the soak does so in each of all steps, and kills there too
  test.each<[Brake, string, string]>([
    ['ddl', 'product_document_write', 'search'],
    ['writers', 'shop_products_rating', 'browse'],
    ['rows', 'product_documents_filled', 'search'],
  ])(
    'a statement that is cancelled in its middle (%s of %s) is made whole by the next run',
    async (brake, name) => {
      await installBrake(db.client)
      const before = await definitions(db.client)
      const hold = braked(db.url, brake)
      const cut = apply({
        connect: hold.connect,
        mapping,
        batch: 100,
        onProgress: ({ step }) => void (step.name === name && hold.put()),
      })
      const told = cut.then(
        () => 'applied',
        (error: { code: string }) => error.code,
      )
      let pid: number | undefined
      await expect.poll(async () => (pid ??= await heldAt(db.client, brake)), { timeout: 20_000 }).toBeDefined()
      await db.client.query('select pg_cancel_backend($1)', [pid])
      expect(await told).toBe('57014')
      await hold.release()
      await apply({ connect: db.url, mapping })
      expect((await apply({ connect: db.url, mapping })).made).toEqual([])
      expect(await rows(db.client, 'select from pg_index where not indisvalid')).toEqual([])
      await rollback({ connect: db.url, mapping })
      expect(await definitions(db.client)).toEqual(before)
    },
    60_000,
  )

  test('a run that is aborted stops, and the next goes on where it was', async () => {
    const controller = new AbortController()
    const seen: string[] = []
    const first = apply({
      connect: db.url,
      mapping,
      signal: controller.signal,
      onProgress: ({ step, number }) => {
        seen.push(step.name)
        if (number === 20) controller.abort()
      },
    })
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    const { made, unchanged } = await apply({ connect: db.url, mapping })
    expect(unchanged).toBeGreaterThanOrEqual(18)
    expect(made.length).toBeGreaterThan(60)
  })

  test('an index that a cancelled build left invalid is built again', async () => {
    await apply({ connect: db.url, mapping, assets: ['browse'] })
    await using open = await clients(db.url, 2)
    const [holder, builder] = open.all as [pg.Client, pg.Client]
    await db.client.query('drop index shop_products_browse')
    await holder.query('begin; update products set stock = stock where id = 1')
    const building = builder
      .query('create index concurrently shop_products_browse on products (category_id, price_cents, id) where active')
      .catch((error: Error) => error.message)
    await sleep(200)
    await db.client.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where query like 'create index concurrently%'`,
    )
    await building
    await holder.query('rollback')
    expect(
      await rows(db.client, 'select indexrelid::regclass::text as name from pg_index where not indisvalid'),
    ).toEqual([{ name: 'shop_products_browse' }])
    const { made } = await apply({ connect: db.url, mapping, assets: ['browse'] })
    expect(made.map(({ name }) => name)).toEqual(['shop_products_browse'])
    expect(await rows(db.client, 'select indexrelid::regclass from pg_index where not indisvalid')).toEqual([])
  })

  test('an old transaction is named, and no queue forms behind the DDL it holds up', async () => {
    await using open = await clients(db.url, 2)
    const [old, writer] = open.all as [pg.Client, pg.Client]
    await old.query(`set application_name = 'nightly report'; begin; update products set stock = stock where id = 1`)
    const notes: string[] = []
    const applying = apply({
      connect: db.url,
      mapping,
      assets: ['search', 'browse'],
      patience: '2s',
      onProgress: ({ note }) => void (note && notes.push(note)),
    })
    let slowest = 0
    const failed = applying.then(
      () => 'applied',
      (error: { code: string; message: string }) => `${error.code} ${error.message}`,
    )
    for (let until = performance.now() + 1500; performance.now() < until;) {
      const start = performance.now()
      await writer.query('update products set stock = stock where id = 2')
      slowest = Math.max(slowest, performance.now() - start)
      await sleep(5)
    }
    const said = await failed
    expect(said).toContain('ERR_SHOP_PG_LOCKED')
    expect(said).toContain('nightly report')
    expect(notes.join()).toContain('nightly report')
    expect(slowest).toBeLessThan(1000)
    await old.query('rollback')
    await apply({ connect: db.url, mapping, assets: ['search', 'browse'] })
    expect(await rows(db.client, 'select indexrelid::regclass from pg_index where not indisvalid')).toEqual([])
  })

  test('two runs at once make everything once', async () => {
    const both = await Promise.all([apply({ connect: db.url, mapping }), apply({ connect: db.url, mapping })])
    expect(both.map(({ made }) => made.length).sort((a, b) => a - b)[0]).toBe(0)
    await rollback({ connect: db.url, mapping })
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const first = apply({ connect: db.url, mapping, onProgress: () => begin() })
    await begun
    await expect(apply({ connect: db.url, mapping, patience: 100 })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_BUSY' })
    await first
  })

  test('an object of somebody else is a conflict, and nothing changes', async () => {
    await db.client.query('create index shop_products_browse on products (name)')
    const before = await definitions(db.client)
    await expect(apply({ connect: db.url, mapping })).rejects.toMatchObject({ code: 'ERR_SHOP_PG_CONFLICT' })
    expect(await definitions(db.client)).toEqual(before)
  })

  test('a changed mapping replaces what differs, and only that', async () => {
    await apply({ connect: db.url, mapping })
    const changed = defineMapping({ orders: { counted: ['delivered'] } })
    const states = await plan({ connect: db.url, mapping: changed })
    const outdated = states.flatMap(({ steps }) =>
      steps.filter(({ state }) => state === 'outdated').map(({ step }) => step.name),
    )
    expect(outdated).toContain('sales_items_inserted')
    expect(outdated).not.toContain('product_document')
    await apply({ connect: db.url, mapping: changed })
    expect(
      (await plan({ connect: db.url, mapping: changed })).flatMap(({ steps }) =>
        steps.filter(({ state }) => state !== 'current'),
      ),
    ).toEqual([])
    const raw = await row<{ n: number }>(db.client, `select count(*)::int as n from orders where status = 'delivered'`)
    expect(await row(db.client, 'select sum(orders)::int as n from shop.sales_daily_live')).toEqual(raw)
  })

  test('a role without rights is told which it lacks; an owner without superuser rights needs no more', async () => {
    const name = `owner_${db.name}`
    await db.client.query(
      `create role ${name} login password 'x'; create role reader_${db.name} login password 'x'; grant usage on schema public to reader_${db.name}`,
    )
    const as = (role: string): string => {
      const url = new URL(db.url)
      url.username = role
      url.password = 'x'
      return url.href
    }
    try {
      await expect(apply({ connect: as(`reader_${db.name}`), mapping })).rejects.toMatchObject({
        code: 'ERR_SHOP_PG_RIGHTS',
      })
      await db.client.query(`grant create on database ${db.name} to ${name}; alter schema public owner to ${name};
        alter table products owner to ${name}; alter table categories owner to ${name}; alter table orders owner to ${name}; alter table order_items owner to ${name}`)
      await apply({ connect: as(name), mapping })
      // the application's own role has no right on the package's schema but through the tables it writes
      await db.client.query(
        `grant select, insert, update, delete on all tables in schema public to reader_${db.name}; grant usage on all sequences in schema public to reader_${db.name}`,
      )
      await using open = await clients(as(`reader_${db.name}`), 1)
      await open.all[0]!.query(
        `insert into orders (customer_id, status, total_cents, created_at) values (1, 'paid', 1, now())`,
      )
      await open.all[0]!.query(`update products set name = 'renamed' where id = 1`)
      await rollback({ connect: as(name), mapping })
    } finally {
      await db.client.query(
        `drop owned by reader_${db.name}; reassign owned by ${name} to current_user; drop owned by ${name}; drop role ${name}; drop role reader_${db.name}`,
      )
    }
  })

  test('a run that replaces a table and is cut off before it is filled is finished by the next', async () => {
    const options = { connect: db.url, assets: ['search'] }
    await apply({ ...options, mapping })
    const unrated = defineMapping({ products: { rating: false } })
    const controller = new AbortController()
    await expect(
      apply({
        ...options,
        mapping: unrated,
        signal: controller.signal,
        onProgress: ({ step }) => void (step.name === 'product_document_write' && controller.abort()),
      }),
    ).rejects.toMatchObject({ name: 'AbortError' })
    expect(await rows(db.client, 'select from shop.product_document')).toEqual([])
    await apply({ ...options, mapping: unrated })
    expect(await row(db.client, 'select count(*)::int as n from shop.product_document')).toEqual(
      await row(db.client, 'select count(*)::int as n from products where active'),
    )
  })

  test('a rollback whose index drop waits for an old transaction names it, gives up in time, and stops when told', async () => {
    await apply({ connect: db.url, mapping, assets: ['browse'] })
    await using open = await clients(db.url, 1)
    await open.all[0]!.query(
      `set application_name = 'nightly report'; begin isolation level repeatable read; select from products`,
    )
    const notes: string[] = []
    const start = performance.now()
    await expect(
      rollback({ connect: db.url, mapping, patience: '1s', onProgress: ({ note }) => void (note && notes.push(note)) }),
    ).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_LOCKED',
      message: expect.stringContaining('nightly report') as string,
    })
    expect(notes.join()).toContain('nightly report')
    await expect(rollback({ connect: db.url, mapping, signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(
      await rows(db.client, `select from pg_stat_activity where query like 'drop index%' and state = 'active'`),
    ).toEqual([])
    await open.all[0]!.query('rollback')
    await rollback({ connect: db.url, mapping })
    expect(await rows(db.client, `select from pg_indexes where indexname like 'shop_products%'`)).toEqual([])
  })

  test('what the role allows a statement of its own is no limit to a batch', async () => {
    await db.client.query(
      `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.02); return new; end $$`,
    )
    await apply({ connect: db.url, mapping, assets: ['search'] })
    await db.client.query(
      'create trigger slow before insert or update on shop.product_document for each row execute function slow(); truncate shop.product_document',
    )
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: db.url, options: '-c statement_timeout=1000' })
      client.on('error', () => {})
      await client.connect()
      return client
    }
    await apply({ connect, mapping, assets: ['search'], rebuild: true, batch: 100 })
  })

  test('a transaction pooler is refused, and no lock stays with it', async () => {
    const pool = new pg.Pool({ connectionString: db.url, max: 2 })
    const before = await definitions(db.client)
    // a connection of a pooler is another backend's for each statement, but within a transaction
    const connect = async (): Promise<pg.Client> => {
      let pinned: pg.PoolClient | undefined
      const query = async (text: string, values?: unknown[]): Promise<unknown> => {
        const one = pinned ?? (await pool.connect())
        if (/^begin\b/.test(text)) pinned = one
        if (/^(commit|rollback)\b/.test(text)) pinned = undefined
        try {
          return await one.query(text, values)
        } finally {
          if (pinned === undefined) one.release()
        }
      }
      return Promise.resolve({ query, end: () => Promise.resolve() } as unknown as pg.Client)
    }
    for (const change of [apply, rollback])
      await expect(change({ connect, mapping })).rejects.toMatchObject({
        code: 'ERR_SHOP_PG_OPTION',
        message: expect.stringContaining('pooler') as string,
      })
    expect(
      await rows(
        db.client,
        `select from pg_locks join pg_database d on d.oid = database where locktype = 'advisory' and datname = current_database()`,
      ),
    ).toEqual([])
    expect(await definitions(db.client)).toEqual(before)
    await pool.end()
  })

  test('progress tells every step, with its number, and weighs it by what it reads', async () => {
    const told: ApplyProgress[] = []
    const { made } = await apply({
      connect: db.url,
      mapping,
      assets: ['browse', 'orders'],
      onProgress: (progress) => told.push(progress),
    })
    expect(new Set(told.map(({ step }) => step.name)).size).toBe(made.length)
    expect(told.at(-1)).toMatchObject({ number: made.length, of: made.length, part: 1, done: 1 })
    await db.client.query(
      'insert into products select id + 1000 * n, category_id, brand, name, description, price_cents, rating, stock, active from products, generate_series(1, 20) n',
    )
    const done = new Map<string, number>()
    await apply({
      connect: db.url,
      mapping,
      assets: ['search', 'cache'],
      onProgress: ({ step, done: part }) => void done.set(step.name, part),
    })
    // quick DDL before it and behind it is next to nothing
    expect(done.get('shop_products_truncated')).toBeLessThan(0.2)
    expect(done.get('product_document_section_rating')).toBeGreaterThan(0.8)
  })
})

test.each([18, 15] as const)(
  'a prepared transaction that is in the way is named (PostgreSQL %i)',
  async (version) => {
    await using own = await server({ version, settings: { max_prepared_transactions: '5' } })
    const client = new pg.Client(own.url)
    client.on('error', () => {})
    await client.connect()
    await PLAIN.load(client, { products: 50, orders: 50 })
    await client.query(`begin; update products set stock = stock; prepare transaction 'forgotten'`)
    for (const asset of ['search', 'browse'])
      // DDL that gives up its place, and an index that waits
      await expect(apply({ connect: own.url, mapping, assets: [asset], patience: '500ms' })).rejects.toMatchObject({
        code: 'ERR_SHOP_PG_LOCKED',
        message: expect.stringContaining(`prepared transaction 'forgotten'`) as string,
      })
    await client.query(`rollback prepared 'forgotten'`)
    await apply({ connect: own.url, mapping, assets: ['search', 'browse'] })
    await client.query(`begin; select from products; prepare transaction 'reading'`)
    await expect(rollback({ connect: own.url, mapping, patience: '500ms' })).rejects.toMatchObject({
      code: 'ERR_SHOP_PG_LOCKED',
      message: expect.stringContaining(`prepared transaction 'reading'`) as string,
    })
    await client.query(`rollback prepared 'reading'`)
    await client.end()
  },
  60_000,
)

describe('refusing before anything changes', () => {
  let db: Database
  let before: string[]
  beforeAll(async () => {
    db = await database()
    await PLAIN.load(db.client, { products: 50, orders: 50 })
    await db.client.query(
      'create table parted (like orders) partition by range (created_at); create view seen as select * from orders',
    )
    before = await definitions(db.client)
  })
  afterAll(() => db.close())

  test.each<[string, Parameters<typeof defineMapping>[0], string]>([
    ['a missing table', { products: { table: 'goods' } }, 'ERR_SHOP_PG_TABLE'],
    ['a missing column', { products: { price: 'cost' } }, 'ERR_SHOP_PG_COLUMN'],
    ['a missing column of the list', { orders: { listed: ['total'] } }, 'ERR_SHOP_PG_COLUMN'],
    ['a wrong type', { products: { price: 'name' } }, 'ERR_SHOP_PG_TYPE'],
    ['a partitioned table', { orders: { table: 'parted' } }, 'ERR_SHOP_PG_PARTITIONED'],
    ['a view', { orders: { table: 'seen' } }, 'ERR_SHOP_PG_PARTITIONED'],
  ])('%s is one clear error', async (_what, options, code) => {
    await expect(apply({ connect: db.url, mapping: defineMapping(options) })).rejects.toMatchObject({ code })
    expect(await definitions(db.client)).toEqual(before)
  })

  test.each([{ lockTimeout: 0 }, { patience: 'soon' }, { batch: 0.5 }, { assets: ['serch'] }, { maping: 1 }])(
    '%o is no option',
    async (wrong) => {
      await expect(apply({ connect: db.url, mapping, ...(wrong as object) })).rejects.toMatchObject({
        code: 'ERR_SHOP_PG_OPTION',
      })
    },
  )
})
