// Row triggers against an untracked table and against two known designs, rebuilt here from their published
// descriptions: supa_audit (a row trigger that keeps the whole old and new record with UUIDs of the key) and
// 2ndQuadrant's audit trigger (a row trigger that keeps the row and the changed columns as hstore).
// A real PostgreSQL with fsync. A single-row UPDATE with its commit: the median wait. A bulk UPDATE: CPU time of client
// and backend. Both the least of several interleaved rounds.
import { readFileSync } from 'node:fs'

import pg from 'pg'

import { benchTable } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'

import { migrate, track } from '../src/index.ts'

const ROWS = Number(process.env['SHOP_BENCH_ROWS'] ?? 10_000)
const ROUNDS = Number(process.env['SHOP_BENCH_ROUNDS'] ?? 5)
const SINGLE = 300

await using server = await startPostgres({ durable: true, settings: { max_wal_size: '4GB' } })
const client = new pg.Client(server.url)
await client.connect()
await migrate(client)

await client.query(`
  create extension hstore;
  create extension "uuid-ossp";
  create schema wholerow;
  create table wholerow.versions (
    id bigserial primary key, record_id uuid, old_record_id uuid, op varchar(8) not null, ts timestamptz not null default now(),
    table_oid oid not null, table_schema name not null, table_name name not null, record jsonb, old_record jsonb);
  create index on wholerow.versions using brin (ts);
  create index on wholerow.versions (record_id) where record_id is not null;
  create index on wholerow.versions (old_record_id) where old_record_id is not null;
  create index on wholerow.versions (table_oid);
  create function wholerow.key_columns(t oid) returns text[] stable language sql as $$
    select coalesce(array_agg(a.attname::text order by a.attname), '{}') from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) where i.indrelid = t and i.indisprimary $$;
  create function wholerow.record_id(t oid, keys text[], r jsonb) returns uuid stable language sql as $$
    select case when r is null then null when keys = '{}' then uuid_generate_v4() else uuid_generate_v5('fd62bc3d-8d6e-43c2-919c-802ba3762271',
      (jsonb_build_array(t) || jsonb_agg(r ->> k))::text) end from unnest(keys) k $$;
  create function wholerow.keep() returns trigger security definer language plpgsql as $$
  declare keys text[] := wholerow.key_columns(tg_relid); n jsonb := to_jsonb(new); o jsonb := to_jsonb(old);
  begin
    insert into wholerow.versions (record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record)
    values (wholerow.record_id(tg_relid, keys, n), wholerow.record_id(tg_relid, keys, o), tg_op, tg_relid, tg_table_schema, tg_table_name, n, o);
    return coalesce(new, old);
  end $$;
  create schema perrow;
  create table perrow.actions (
    event_id bigserial primary key, schema_name text not null, table_name text not null, relid oid not null, session_user_name text,
    action_tstamp_tx timestamptz not null, action_tstamp_stm timestamptz not null, action_tstamp_clk timestamptz not null,
    transaction_id bigint, application_name text, client_addr inet, client_port integer, client_query text, action text not null,
    row_data hstore, changed_fields hstore, statement_only boolean not null);
  create index on perrow.actions (relid);
  create index on perrow.actions (action_tstamp_stm);
  create index on perrow.actions (action);
  create function perrow.keep() returns trigger security definer language plpgsql as $$
  declare h_old hstore := hstore(old.*); changed hstore := hstore(new.*) - h_old;
  begin
    if changed = hstore('') then return null; end if;
    insert into perrow.actions values (nextval('perrow.actions_event_id_seq'), tg_table_schema, tg_table_name, tg_relid, session_user,
      current_timestamp, statement_timestamp(), clock_timestamp(), txid_current(), current_setting('application_name'),
      inet_client_addr(), inet_client_port(), current_query(), substring(tg_op, 1, 1), h_old, changed, false);
    return null;
  end $$`)

const tables = ['plain', 'ours', 'supa', 'second'] as const
for (const name of tables) {
  await client.query(`create table ${name} (
    id integer primary key, sku text not null, name text not null, description text, price numeric(12,2) not null, currency text not null,
    stock integer not null, weight integer, category integer, active boolean not null, created_at timestamptz not null, updated_at timestamptz not null)
    with (fillfactor = 70)`)
  await client.query(
    `insert into ${name} select i, 'SKU-' || i, 'Product number ' || i, repeat('a fine thing ', 8), i, 'EUR', 100, 500, i % 40, true, now(), now()
     from generate_series(1, $1::int) i`,
    [ROWS],
  )
}
await track(client, 'ours')
await client.query(
  'create trigger keep after insert or update or delete on supa for each row execute function wholerow.keep()',
)
await client.query(
  'create trigger keep after insert or update or delete on second for each row execute function perrow.keep()',
)

const backend = (await client.query<{ pid: number }>('select pg_backend_pid() pid')).rows[0]!.pid

/** CPU of this process and of its backend, in milliseconds; where the kernel does not tell, the wall's. */
function clock(): number {
  try {
    const fields = readFileSync(`/proc/${backend}/schedstat`, 'utf8').split(' ')
    const { user, system } = process.cpuUsage()
    return Number(fields[0]) / 1e6 + (user + system) / 1000
  } catch {
    return performance.now()
  }
}

const single: Record<string, number> = {}
const bulk: Record<string, number> = {}
for (let round = 0; round < ROUNDS; round++)
  for (const name of tables) {
    await client.query('vacuum audit.row_changes, wholerow.versions, perrow.actions')
    await client.query(`vacuum ${name}`)
    const waits: number[] = []
    for (let i = 1; i <= SINGLE; i++) {
      const at = performance.now()
      await client.query({
        name: `one_${name}`,
        text: `update ${name} set stock = stock + 1, updated_at = now() where id = $1`,
        values: [i],
      })
      waits.push(performance.now() - at)
    }
    waits.sort((a, b) => a - b)
    single[name] = Math.min(single[name] ?? Infinity, waits[SINGLE >> 1]!)
    const started = clock()
    await client.query(`update ${name} set stock = stock + 1, updated_at = now()`)
    bulk[name] = Math.min(bulk[name] ?? Infinity, clock() - started)
  }
if (process.env['SHOP_BENCH_DETAILS']) console.log({ single, bulk })

/** Table, TOAST and indexes of one more bulk update of a vacuumed trail. */
async function bytesOf(log: string, table: string): Promise<number> {
  const size = async (): Promise<number> =>
    Number((await client.query<{ n: string }>(`select pg_total_relation_size('${log}') n`)).rows[0]!.n)
  await client.query(`vacuum full ${log}`)
  const before = await size()
  for (let i = 0; i < 3; i++) await client.query(`update ${table} set stock = stock + 1, updated_at = now()`)
  await client.query(`vacuum full ${log}`)
  return ((await size()) - before) / (3 * ROWS)
}
const bytes = {
  ours: await bytesOf('audit.row_changes', 'ours'),
  supa: await bytesOf('wholerow.versions', 'supa'),
}
await client.end()

const perSecond = (ms: number): number => 1000 / ms
benchTable([
  {
    name: 'single-row UPDATE vs untracked',
    ours: perSecond(single['ours']!),
    peer: perSecond(single['plain']!),
    goal: '>= 0.65',
    unit: '/s',
  },
  {
    name: `bulk UPDATE vs supa_audit's design`,
    ours: perSecond(bulk['ours']! / ROWS),
    peer: perSecond(bulk['supa']! / ROWS),
    goal: '>= 5',
    unit: ' rows/s',
  },
  {
    name: `bulk UPDATE vs 2ndQuadrant's design`,
    ours: perSecond(bulk['ours']! / ROWS),
    peer: perSecond(bulk['second']! / ROWS),
    goal: '>= 1.4',
    unit: ' rows/s',
  },
  { name: `bytes a change vs supa_audit's design`, ours: bytes.ours, peer: bytes.supa, goal: '<= 0.45', unit: 'B' },
])
