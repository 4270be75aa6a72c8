import { PgOptimizationsError } from './errors.ts'
import type { Mapping } from './mapping.ts'
import { resolve } from './resolve.ts'
import { type Connection, identifier, row, rows, sqlState } from './sql.ts'
import { readBookkeeping } from './state.ts'
import { render } from './template.ts'

/** Something that a check found. */
export interface Finding {
  readonly check: string
  readonly severity: 'note' | 'warning' | 'error'
  /** The object it is about, or ''. */
  readonly object: string
  readonly what: string
  readonly remedy: string
  /** SQL that `doctor --fix` may run by itself: rebuilding or folding what is ours. */
  readonly fix?: string
}

interface Check {
  readonly name: string
  readonly severity: Finding['severity']
  /** Gives rows of object, what and remedy. */
  readonly sql: () => string
}

const MINE = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`

const CHECKS: readonly Check[] = [
  {
    name: 'disabled trigger',
    severity: 'error',
    sql: () => `select format('%s on %s', t.tgname, t.tgrelid::regclass) as object, 'does not fire: what it keeps is no longer what the tables say' as what,
        'apply again, which enables it and computes its data anew' as remedy
      from pg_trigger t join pg_description d on d.objoid = t.oid and d.classoid = 'pg_trigger'::regclass
      where t.tgenabled in ('D', 'R') and d.description like 'shop-pg %'`,
  },
  {
    name: 'unused index',
    severity: 'note',
    sql: () => `select s.indexrelid::regclass::text as object,
        format('%s, not read since statistics began %s ago', pg_size_pretty(pg_relation_size(s.indexrelid)), date_trunc('hour', age)) as what,
        'drop it when statistics span a whole month, replicas included' as remedy
      from pg_stat_user_indexes s join pg_index i using (indexrelid), pg_stat_database d, lateral (select now() - coalesce(d.stats_reset, pg_postmaster_start_time()) as age) known
      where d.datname = current_database() and age > interval '1 day' and s.idx_scan = 0 and not i.indisunique and i.indisvalid and pg_relation_size(s.indexrelid) > 1000000`,
  },
  {
    name: 'duplicate index',
    severity: 'warning',
    sql: () => `select b.indexrelid::regclass::text as object, format('is the same as, or the beginning of, %s', a.indexrelid::regclass) as what, 'drop it' as remedy
      from pg_index a join pg_index b on a.indrelid = b.indrelid and a.indexrelid <> b.indexrelid
      join pg_class ca on ca.oid = a.indexrelid join pg_class cb on cb.oid = b.indexrelid join pg_namespace n on n.oid = cb.relnamespace
      where ${MINE} and ca.relam = cb.relam and not b.indisunique and coalesce(a.indpred::text, '') = coalesce(b.indpred::text, '')
        and coalesce(a.indexprs::text, '') = coalesce(b.indexprs::text, '') and a.indisvalid and b.indisvalid
        and (a.indkey::text = b.indkey::text and a.indclass = b.indclass and a.indoption = b.indoption and a.indexrelid < b.indexrelid
             or a.indexprs is null and a.indkey::text like b.indkey::text || ' %' and a.indoption::text like b.indoption::text || '%')`,
  },
  {
    name: 'foreign key without an index',
    severity: 'note',
    sql: () => `select c.conrelid::regclass::text as object, format('%s has no index that begins with its columns: deleting from %s reads all of it', c.conname, c.confrelid::regclass) as what,
        'index the columns of the key' as remedy
      from pg_constraint c join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace
      where c.contype = 'f' and ${MINE} and r.reltuples > 10000
        and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indpred is null
                        and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)`,
  },
  {
    name: 'bloat',
    severity: 'warning',
    sql: () => `select relid::regclass::text as object, format('%s dead of %s rows; last vacuumed %s', n_dead_tup, n_live_tup, coalesce(greatest(last_vacuum, last_autovacuum)::text, 'never')) as what,
        'vacuum it, and see what keeps autovacuum from it' as remedy
      from pg_stat_user_tables where n_dead_tup > 10000 and n_dead_tup > n_live_tup * 0.3`,
  },
  {
    name: 'cache hit',
    severity: 'note',
    sql: () => `select current_database() as object, format('%s %% of blocks come from shared buffers', round(100 * blks_hit / nullif(blks_hit + blks_read, 0)::numeric, 1)) as what,
        'raise shared_buffers towards a quarter of memory, or read less' as remedy
      from pg_stat_database where datname = current_database() and blks_read > 100000 and blks_hit < 0.95 * (blks_hit + blks_read)`,
  },
  {
    name: 'long transaction',
    severity: 'warning',
    sql: () => `select format('process %s', pid) as object, format('%s, %s, open for %s, %s', usename, coalesce(nullif(application_name, ''), 'no application name'),
        date_trunc('second', now() - xact_start), state) as what, 'end it: nothing that died since can be vacuumed' as remedy
      from pg_stat_activity where xact_start < now() - interval '10 minutes' and backend_type = 'client backend' and pid <> pg_backend_pid()`,
  },
  {
    name: 'prepared transaction',
    severity: 'warning',
    sql: () => `select format('prepared transaction %L', gid) as object, format('of %s, prepared %s ago and neither committed nor rolled back', owner, date_trunc('second', now() - prepared)) as what,
        'commit prepared or rollback prepared it: it keeps its locks, and nothing that died since can be vacuumed' as remedy
      from pg_prepared_xacts where database = current_database() and prepared < now() - interval '10 minutes'`,
  },
  {
    name: 'lock queue',
    severity: 'warning',
    sql: () => `select format('process %s', pid) as object, format('waits for %s', array_to_string(pg_blocking_pids(pid), ', ')) as what, 'look at what the last in the chain does' as remedy
      from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0`,
  },
  {
    name: 'sequence near its end',
    severity: 'error',
    sql: () => `select format('%I.%I', schemaname, sequencename) as object, format('%s %% used', round(100 * last_value / max_value::numeric, 1)) as what, 'change the column and the sequence to bigint' as remedy
      from pg_sequences where last_value > max_value * 0.7 and not cycle`,
  },
  {
    name: 'wraparound',
    severity: 'error',
    sql: () => `select datname as object, format('%s transactions old', age(datfrozenxid)) as what, 'let vacuum freeze finish; end what holds it up' as remedy
      from pg_database where age(datfrozenxid) > 1000000000`,
  },
  {
    name: 'settings',
    severity: 'note',
    sql: () => `select name as object, format('is %s', current_setting(name)) as what, remedy from (values
        ('random_page_cost', current_setting('random_page_cost')::float8 > 2, 'set 1.1 on SSDs: indexes are else thought too dear'),
        ('shared_buffers', pg_size_bytes(current_setting('shared_buffers')) < 256 * 1024 * 1024, 'a quarter of memory is usual'),
        ('work_mem', pg_size_bytes(current_setting('work_mem')) < 16 * 1024 * 1024, '16 to 64 MB keep sorts and hashes of a page in memory'),
        ('checkpoint_timeout', extract(epoch from current_setting('checkpoint_timeout')::interval) < 600, '15min halves full-page writes'),
        ('jit', current_setting('jit')::bool, 'off for short queries: compiling takes longer than they do'),
        ('idle_in_transaction_session_timeout', current_setting('idle_in_transaction_session_timeout') = '0', 'a minute or so, so that a forgotten transaction ends')
      ) advice (name, wrong, remedy) where wrong`,
  },
  {
    name: 'pg_stat_statements',
    severity: 'note',
    // the view hides the setting from those who may not see it, where current_setting is an error
    sql: () => `select 'pg_stat_statements' as object, case loaded when true then 'is loaded, and not created in this database' when false then 'is not loaded' else 'is not created in this database' end as what,
        concat(case when not loaded then 'add it to shared_preload_libraries and restart' when loaded is null then 'if shared_preload_libraries lacks it, add it and restart; then ' end,
               case when loaded is distinct from false then 'create extension pg_stat_statements' end) as remedy
      from (select (select setting like '%pg_stat_statements%' from pg_settings where name = 'shared_preload_libraries') as loaded) known
      where not exists (select from pg_extension where extname = 'pg_stat_statements')`,
  },
]

/** What stands beside the tables against what they say. */
const DERIVED: ReadonlyArray<{
  readonly object: string
  readonly asset: string
  readonly what: string
  readonly sql: string
}> = [
  {
    object: 'sales_daily_live',
    asset: 'sales',
    what: 'of the last 7 days differ from the orders',
    sql: `select count(*)::int as wrong from (
        select {{own}}.sale_day(o.{{orders.createdAt}}) as day, count(distinct o.{{orders.id}}) as orders, coalesce(sum(i.{{items.quantity}}), 0) as units,
               coalesce(sum(i.{{items.quantity}}::{{worth}} * i.{{items.unitPrice}}::{{worth}}), 0) as revenue
        from {{orders}} o left join {{items}} i on i.{{items.order}} = o.{{orders.id}}
        where o.{{orders.status}}::text in ({{counted}}) and o.{{orders.createdAt}} >= now() - interval '9 days' group by 1) raw
      full join {{own}}.sales_daily_live live using (day)
      where day > {{own}}.sale_day({{now}}) - 7 and day <= {{own}}.sale_day({{now}})
        and (coalesce(raw.orders, 0), coalesce(raw.units, 0), coalesce(raw.revenue, 0)) <> (coalesce(live.orders, 0), coalesce(live.units, 0), coalesce(live.revenue, 0))`,
  },
  {
    object: 'stock_level',
    asset: 'inventory',
    what: 'of 100 products differ in their stock',
    sql: `select count(*)::int as wrong from (select {{products.id}} as id, {{products.stock}} as stock from {{products}} order by random() limit 100) p
      left join {{own}}.stock_level s on s.product = p.id where s.on_hand is distinct from coalesce(p.stock, 0)`,
  },
  {
    object: 'product_document',
    asset: 'search',
    what: 'of 100 products and 100 documents differ',
    sql: `with picked as materialized (
        (select {{products.id}} as id from {{products}} order by random() limit 100) union (select product from {{own}}.product_document order by random() limit 100)
      ), kept as (select d.* from {{own}}.product_document d where d.product in (select id from picked)
      ), fresh as (select d.* from {{own}}.product_documents(array(select id from picked)) d)
      select count(distinct product)::int as wrong from ((table kept except table fresh) union all (table fresh except table kept)) differing`,
  },
]

/** Looks a database over; changes nothing. What the role may not see is told as a note. */
export async function examine(connection: Connection, mapping: Mapping): Promise<Finding[]> {
  const findings: Finding[] = []
  const look = async (check: string, work: () => Promise<Finding[]>): Promise<void> => {
    try {
      findings.push(...(await work()))
    } catch (error) {
      // nor can what is derived be compared by a mapping that the tables no longer fit
      if (sqlState(error) !== '42501' && !(error instanceof PgOptimizationsError)) throw error
      const what = `was not looked at: ${(error as Error).message}`
      findings.push({
        check,
        severity: 'note',
        object: '',
        what,
        remedy: 'ask as the owner of the tables, with the mapping that was applied',
      })
    }
  }
  await look('invalid index', () => invalid(connection, mapping))
  for (const { name, severity, sql } of CHECKS)
    await look(name, async () =>
      (await rows<Pick<Finding, 'object' | 'what' | 'remedy'>>(connection, sql())).map((finding) => ({
        check: name,
        severity,
        ...finding,
      })),
    )
  await look('drift', () => drifted(connection, mapping))
  await look('ledger', () => backlog(connection, mapping))
  for (const derived of DERIVED) await look('derived data', () => compare(connection, mapping, derived))
  return findings
}

/** Indexes that a build left behind; one of ours, by its tag or by the note of a build that was interrupted, may be dropped. */
async function invalid(connection: Connection, mapping: Mapping): Promise<Finding[]> {
  const found = await rows<{ object: string; key: string; tagged: boolean }>(
    connection,
    `select i.indexrelid::regclass::text as object, format('index %s.%s', n.nspname, c.relname) as key,
            coalesce(obj_description(c.oid, 'pg_class') like 'shop-pg %', false) as tagged
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where not i.indisvalid and ${MINE}
       and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)`,
  )
  if (found.length === 0) return []
  const noted = [...(await readBookkeeping(connection, mapping.schema)).keys()]
  return found.map(({ object, key, tagged }) => ({
    check: 'invalid index',
    severity: 'error',
    object,
    what: 'was left invalid by an interrupted build: it costs writes and serves nobody',
    remedy: 'drop it, or apply again',
    ...((tagged || noted.some((note) => note.endsWith(`/${key}`))) && { fix: `drop index concurrently ${object}` }),
  }))
}

/** What somebody has changed since it was made. */
async function drifted(connection: Connection, { schema }: Mapping): Promise<Finding[]> {
  return [...(await readBookkeeping(connection, schema))]
    .filter(([, note]) => note.drifted)
    .map(([key]) => ({
      check: 'drift',
      severity: 'warning',
      object: key.slice(key.indexOf('/') + 1),
      what: 'is not as it was made',
      remedy: 'apply again, which makes it anew',
    }))
}

async function compare(
  connection: Connection,
  mapping: Mapping,
  { object, asset, what, sql }: (typeof DERIVED)[number],
): Promise<Finding[]> {
  const full = `${identifier(mapping.schema)}.${object}`
  if (!(await isThere(connection, full))) return []
  const resolved = await resolve(connection, mapping, { forChange: false })
  const { wrong } = await row<{ wrong: number }>(connection, render(sql, resolved))
  if (wrong === 0) return []
  const remedy = `shop-pg rebuild --asset ${asset}, and see what passes the triggers by`
  return [{ check: 'derived data', severity: 'error', object, what: `${wrong} ${what}`, remedy }]
}

async function isThere(connection: Connection, relation: string): Promise<boolean> {
  const { there } = await row<{ there: boolean }>(connection, 'select to_regclass($1) is not null as there', [relation])
  return there
}

/** A ledger that nobody folds. */
async function backlog(connection: Connection, { schema }: Mapping): Promise<Finding[]> {
  const ledger = `${identifier(schema)}.sales_ledger`
  if (!(await isThere(connection, ledger))) return []
  const { long } = await row<{ long: boolean }>(
    connection,
    `select count(*) > 20000 as long from (select from ${ledger} limit 20001) changes`,
  )
  if (!long) return []
  const [what, remedy] = [
    'has more than 20000 changes that are not folded: the live views slow down',
    'call fold() every few seconds',
  ]
  return [
    {
      check: 'ledger',
      severity: 'warning',
      object: 'sales_ledger',
      what,
      remedy,
      fix: `select ${identifier(schema)}.fold(100000)`,
    },
  ]
}

/** Indexes that are another's beginning, or that nobody has read since statistics began. */
export async function superfluous(
  connection: Connection,
): Promise<Array<{ readonly index: string; readonly why: string }>> {
  const found = []
  for (const { name, sql } of CHECKS) {
    if (name === 'duplicate index' || name === 'unused index')
      found.push(...(await rows<{ object: string; what: string }>(connection, sql())))
  }
  return found.map(({ object, what }) => ({ index: object, why: what }))
}

/** The SQL that `doctor --fix` runs for findings: only what is of this package has any. */
export function fixesOf(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ fix }) => fix ?? [])
}

/** Runs {@link fixesOf} findings; gives what was run. */
export async function mend(connection: Connection, findings: readonly Finding[]): Promise<string[]> {
  const fixes = fixesOf(findings)
  for (const sql of fixes) await connection.query(sql)
  return fixes
}
