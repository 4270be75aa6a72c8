// Before and after: the same shop twice on one server, once with primary keys, foreign keys and orders(created_at), once with
// the assets. Arms take turns, the backend's own CPU is what counts, and both answers are compared row by row.
//   SHOP_BENCH_SCALE=full   1 million products, 5 million orders, 15 million items (default: 200 thousand, 1 and 3 million)
import { readFileSync, writeFileSync } from 'node:fs'

import { barPlot, benchTable, progress, type Row } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { PLAIN } from '../fixtures/shops.ts'
import { apply } from '../src/index.ts'

const full = process.env['SHOP_BENCH_SCALE'] === 'full'
const size = full
  ? { products: 1_000_000, orders: 5_000_000 }
  : process.env['SHOP_BENCH_SCALE'] === 'tiny'
    ? { products: 20_000, orders: 50_000 }
    : { products: 200_000, orders: 1_000_000 }
const server = await startPostgres({
  settings: {
    shared_buffers: '2GB',
    work_mem: '64MB',
    maintenance_work_mem: '512MB',
    max_wal_size: '8GB',
    autovacuum: 'off',
    jit: 'off',
    random_page_cost: '1.1',
    max_parallel_workers_per_gather: 0,
    synchronous_commit: 'off',
  },
})
const at = (name: string): string => server.url.replace(/\/postgres$/, `/${name}`)

interface Arm {
  readonly client: pg.Client
  readonly pid: number
}

async function open(name: string): Promise<Arm> {
  const client = new pg.Client(at(name))
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return { client, pid: rows[0]!.pid }
}

/** Nanoseconds a process has been on a CPU. */
function cpuOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ', 1)[0])
}

async function cost(
  arm: Arm,
  text: string,
  values: readonly unknown[] = [],
  calls = 1,
): Promise<{ us: number; rows: unknown[] }> {
  const before = cpuOf(arm.pid)
  let rows: unknown[] = []
  for (let i = 0; i < calls; i++)
    rows = (
      await arm.client.query({
        text,
        values: values as unknown[],
        name: text.length < 60 ? text : text.slice(0, 40) + text.length,
      })
    ).rows as unknown[]
  return { us: (cpuOf(arm.pid) - before) / 1000 / calls, rows }
}

const bar = progress('load and apply', 6)
const admin = (await open('postgres')).client
await admin.query('create database plain')
const loading = await open('plain')
await PLAIN.load(loading.client, size)
bar.tick()
await loading.client.query('vacuum analyze')
await loading.client.end()
bar.tick()
await admin.query('create database fast template plain')
bar.tick()

// applying, with a writer that notices every stall
const writer = await open('fast')
let slowest = 0
let writing = true
const writes = (async () => {
  for (let n = 0; writing; n++) {
    const start = performance.now()
    await writer.client.query('update products set stock = stock + 1 where id = $1', [1 + (n % 1000)])
    await writer.client.query('update orders set total_cents = total_cents where id = $1', [1 + (n % 1000)])
    slowest = Math.max(slowest, performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
})()
const started = performance.now()
await apply({
  connect: at('fast'),
  mapping: PLAIN.mapping,
  assets: ['browse', 'orders', 'search', 'sales', 'dashboards', 'inventory', 'cache'],
})
const applied = (performance.now() - started) / 1000
writing = false
await writes
await writer.client.end()
bar.tick()
const [plain, fast] = [await open('plain'), await open('fast')]
await fast.client.query('vacuum analyze')
bar.tick()
bar.done()

const category = 3
const words = [`lamp`, `wooden`]
const counted = `o.status in ('paid', 'shipped', 'delivered')`
const day = `(o.created_at at time zone 'UTC')::date`
const text = `to_tsvector('english', p.name || ' ' || p.brand || ' ' || p.description)`
const page = Array.from({ length: 24 }, (_, n) => 100 + n * 37)

const QUERIES: ReadonlyArray<{
  name: string
  goal: number
  before: string
  after: string
  values?: unknown[]
  unordered?: boolean
}> = [
  {
    name: 'browse by category and price',
    goal: 100,
    values: [category, 20_000],
    before:
      'select p.id, p.name, p.price_cents from products p where p.category_id = $1 and p.price_cents <= $2 and p.active order by p.price_cents, p.id limit 24',
    after:
      'select p.id, p.name, p.price_cents from products p where p.category_id = $1 and p.price_cents <= $2 and p.active order by p.price_cents, p.id limit 24',
  },
  {
    name: 'section browse',
    goal: 100,
    values: ['garden'],
    before:
      'select p.id, p.name, p.price_cents from products p join categories c on c.id = p.category_id where c.section = $1 and p.active order by p.price_cents, p.id limit 24',
    after:
      'select p.id, p.name, p.price_cents from shop.product_document d join products p on p.id = d.product where d.section = $1 order by d.price, d.product limit 24',
  },
  {
    name: 'word + category + price',
    goal: 20,
    values: [words[0], category, 30_000],
    before: `select p.id from products p where ${text} @@ plainto_tsquery('english', $1) and p.category_id = $2 and p.price_cents <= $3 and p.active order by p.price_cents, p.id limit 24`,
    after: `select d.product as id from shop.product_document d where d.words @@ (plainto_tsquery('english', $1) && quote_literal('=category:' || $2::int)::tsquery) and d.price <= $3 order by d.price, d.product limit 24`,
  },
  {
    name: 'two words',
    goal: 500,
    values: [`${words[1]} puzzle 777`],
    before: `select p.id from products p where ${text} @@ plainto_tsquery('english', $1) and p.active order by p.id limit 24`,
    after: `select d.product as id from shop.product_document d where d.words @@ plainto_tsquery('english', $1) order by d.product limit 24`,
  },
  {
    name: '30-day dashboard, 4,000 changes unfolded',
    goal: 90,
    before: `select ${day} as day, count(distinct o.id)::int as orders, sum(i.quantity)::int as units, sum(i.quantity * i.unit_cents)::numeric as revenue from orders o join order_items i on i.order_id = o.id where ${counted} and o.created_at >= (current_date - 29)::timestamptz at time zone 'UTC' group by 1 order by 1`,
    after: `select day, orders::int, units::int, revenue from shop.sales_daily_live where day >= current_date - 29 order by 1`,
  },
  {
    name: 'top products of 30 days',
    goal: 50,
    before: `select i.product_id as product, sum(i.quantity)::int as units, sum(i.quantity * i.unit_cents)::numeric as revenue from orders o join order_items i on i.order_id = o.id where ${counted} and ${day} > current_date - 30 and o.created_at >= current_date - 31 group by 1 order by 3 desc, 1 limit 10`,
    after: `select product, units::int, revenue from shop.top_products(30, 10)`,
  },
  {
    name: 'inventory of one product',
    goal: 2000,
    values: [777],
    before: `select p.id as product, coalesce(sum(i.quantity) filter (where ${counted}), 0)::int as sold from products p left join order_items i on i.product_id = p.id left join orders o on o.id = i.order_id where p.id = $1 group by p.id`,
    after: `select product, sold::int from shop.inventory_live where product = $1`,
  },
  {
    name: 'inventory of a page of 24',
    goal: 5000,
    values: [page],
    before: `select p.id as product, coalesce(sum(i.quantity) filter (where ${counted}), 0)::int as sold from products p left join order_items i on i.product_id = p.id left join orders o on o.id = i.order_id where p.id = any ($1) group by p.id order by p.id`,
    after: `select product, sold::int from shop.inventory_live where product = any ($1) order by product`,
  },
  {
    name: 'orders of a customer',
    goal: 1,
    values: [4711],
    before:
      'select id, status, total_cents, created_at from orders where customer_id = $1 order by created_at desc, id limit 20',
    after:
      'select id, status, total_cents, created_at from orders where customer_id = $1 order by created_at desc, id limit 20',
  },
]

const rows: Row[] = []
const bars: Array<{ label: string; before: number; after: number }> = []
const watch = progress('queries', QUERIES.length + 1)

/** The least of several turns; before and after in turn; refuses to compare what does not answer the same. */
async function compare(query: (typeof QUERIES)[number], note = ''): Promise<{ before: number; after: number }> {
  let [before, after] = [Infinity, Infinity]
  for (let turn = 0; turn < 4; turn++) {
    const a = await cost(plain, query.before, query.values)
    const b = await cost(fast, query.after, query.values, 50)
    if (JSON.stringify(a.rows) !== JSON.stringify(b.rows))
      throw new Error(
        `${query.name}: the answers differ\n${JSON.stringify(a.rows).slice(0, 400)}\n${JSON.stringify(b.rows).slice(0, 400)}`,
      )
    before = Math.min(before, a.us)
    after = Math.min(after, b.us)
  }
  rows.push({ name: `${query.name}${note}, times faster`, ours: before / after, goal: `>= ${query.goal}` })
  bars.push({ label: query.name, before, after })
  watch.tick()
  return { before, after }
}

/** One order of three items, the way a checkout writes it. */
async function order(client: pg.Client, n: number): Promise<void> {
  await client.query('begin')
  const { rows: made } = await client.query<{ id: string }>({
    name: 'o',
    text: `insert into orders (customer_id, status, total_cents, created_at) values ($1, 'pending', 100, now()) returning id`,
    values: [1 + (n % 5000)],
  })
  const first = 1 + ((n * 7919) % (size.products - 10))
  await client.query({
    name: 'i',
    text: 'insert into order_items select $1, p, 2, 500 from unnest($2::int[]) p',
    values: [made[0]!.id, [first, first + 3, first + 7]],
  })
  await client.query({ name: 'p', text: `update orders set status = 'paid' where id = $1`, values: [made[0]!.id] })
  await client.query('commit')
}

async function orders(arm: Arm, count: number): Promise<{ us: number; wal: number }> {
  const position = async (): Promise<number> =>
    Number((await arm.client.query<{ at: string }>(`select pg_current_wal_insert_lsn() - '0/0' as at`)).rows[0]!.at)
  const [cpu, wal] = [cpuOf(arm.pid), await position()]
  for (let n = 0; n < count; n++) await order(arm.client, n)
  return { us: (cpuOf(arm.pid) - cpu) / 1000 / count, wal: ((await position()) - wal) / count }
}

const dashboard = QUERIES.find(({ name }) => name.startsWith('30-day'))!
for (const query of QUERIES) if (query !== dashboard) await compare(query)

// what an order costs, in rounds that take turns; the same orders on both sides
let [plainOrder, fastOrder] = [
  { us: Infinity, wal: Infinity },
  { us: Infinity, wal: Infinity },
]
await admin.query('checkpoint')
for (let turn = 0; turn < 4; turn++) {
  const a = await orders(plain, 1000)
  const b = await orders(fast, 1000)
  plainOrder = { us: Math.min(plainOrder.us, a.us), wal: Math.min(plainOrder.wal, a.wal) }
  fastOrder = { us: Math.min(fastOrder.us, b.us), wal: Math.min(fastOrder.wal, b.wal) }
}
const unfolded = await compare(dashboard)
const refresh = await cost(fast, 'select * from shop.refresh_all_materialized_views()')
let fold = Infinity
for (let turn = 0; turn < 4; turn++) fold = Math.min(fold, (await cost(fast, 'select shop.fold(1000)')).us)
while ((await fast.client.query<{ n: number }>('select shop.fold(100000) as n')).rows[0]!.n > 0);
await fast.client.query('vacuum shop.sales_ledger')
let folded = Infinity
for (let turn = 0; turn < 4; turn++) folded = Math.min(folded, (await cost(fast, dashboard.after, [], 50)).us)
watch.done()

rows.push({ name: '30-day dashboard, folded, times faster', ours: unfolded.before / folded, goal: '>= 1000' })
rows.push({
  name: 'CPU of an order with the assets vs without',
  ours: fastOrder.us,
  peer: plainOrder.us,
  unit: 'us',
  goal: '<= 1.2',
})
rows.push({
  name: 'WAL of an order with the assets vs without',
  ours: fastOrder.wal,
  peer: plainOrder.wal,
  unit: 'B',
  goal: '<= 1.25',
})
rows.push({
  name: 'fold of 1,000 orders vs refresh of the four views',
  ours: fold / 1000,
  peer: refresh.us / 1000,
  unit: 'ms',
  goal: '<= 0.001',
})
rows.push({
  name: `longest stall of a writer while applying (${applied.toFixed(0)} s)`,
  ours: slowest,
  unit: 'ms',
  goal: '<= 150',
})

// 16 clients on one hot product: appending to the ledger, against a trigger that updates the day's row at once
await admin.query('create database upsert template template0')
await admin.query('create database ledger template template0')
for (const name of ['upsert', 'ledger']) {
  const { client } = await open(name)
  await PLAIN.load(client, { products: 100, orders: 10 })
  if (name === 'ledger') await apply({ connect: at(name), mapping: PLAIN.mapping, assets: ['sales'] })
  else {
    await client.query(`create table sales (day date, product int, units bigint, primary key (day, product));
      create function bump() returns trigger language plpgsql as $$ begin
        insert into sales select (o.created_at at time zone 'UTC')::date, new.product_id, new.quantity from orders o where o.id = new.order_id
        on conflict (day, product) do update set units = sales.units + excluded.units; return null; end $$;
      create trigger bump after insert on order_items for each row execute function bump()`)
  }
  await client.end()
}
async function hot(name: string): Promise<number> {
  const clients = await Promise.all(Array.from({ length: 16 }, () => open(name)))
  const until = performance.now() + 3000
  let done = 0
  await Promise.all(
    clients.map(async ({ client }) => {
      while (performance.now() < until) {
        await client.query('begin')
        const { rows: made } = await client.query<{ id: string }>({
          name: 'o',
          text: `insert into orders (customer_id, status, total_cents, created_at) values (1, 'paid', 1, now()) returning id`,
        })
        await client.query({ name: 'i', text: 'insert into order_items values ($1, 1, 1, 100)', values: [made[0]!.id] })
        await client.query('select pg_sleep(0.005)') // the rest of a checkout
        await client.query('commit')
        done++
      }
      await client.end()
    }),
  )
  return done / 3
}
const rates = { upsert: 0, ledger: 0 }
for (let turn = 0; turn < 2; turn++)
  for (const name of ['upsert', 'ledger'] as const) rates[name] = Math.max(rates[name], await hot(name))
rows.push({
  name: 'orders a second on one hot product, 16 clients, vs upsert triggers',
  ours: rates.ledger,
  peer: rates.upsert,
  unit: '/s',
  goal: '>= 4',
})

benchTable(rows)
const plot = new URL('assets.svg', import.meta.url)
writeFileSync(
  plot,
  barPlot(
    'Backend CPU of a query: orders of magnitude less than before',
    Object.fromEntries(bars.map(({ label, before, after }) => [label, Math.log10(before / after)])),
  ),
)
await Promise.all([plain.client.end(), fast.client.end(), admin.end()])
await server.stop()
