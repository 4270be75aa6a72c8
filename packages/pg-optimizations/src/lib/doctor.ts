import type { Mapping } from './mapping.ts'
import { type Connection, identifier, row, rows } from './sql.ts'

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
  /** Gives rows of object, what, remedy and perhaps fix. */
  readonly sql: () => string
}

const MINE = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`

const CHECKS: readonly Check[] = [
  {
    name: 'invalid index',
    severity: 'error',
    sql: () => `select i.indexrelid::regclass::text as object, 'was left invalid by an interrupted build: it costs writes and serves nobody' as what,
        'drop it, or apply again' as remedy, format('drop index concurrently %s', i.indexrelid::regclass) as fix
      from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where not i.indisvalid and ${MINE}
        and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)`,
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
    sql: () => `select 'pg_stat_statements' as object, case when current_setting('shared_preload_libraries') like '%pg_stat_statements%' then 'is loaded, and not created in this database' else 'is not loaded' end as what,
        case when current_setting('shared_preload_libraries') like '%pg_stat_statements%' then 'create extension pg_stat_statements' else 'add it to shared_preload_libraries and restart' end as remedy
      where not exists (select from pg_extension where extname = 'pg_stat_statements')`,
  },
]

/** Looks a database over; changes nothing. */
export async function examine(connection: Connection, mapping: Mapping): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { name, severity, sql } of CHECKS) {
    const found = await rows<{ object: string; what: string; remedy: string; fix?: string }>(connection, sql())
    findings.push(...found.map((finding) => ({ check: name, severity, ...finding })))
  }
  return [...findings, ...(await backlog(connection, mapping))]
}

/** A ledger that nobody folds. */
async function backlog(connection: Connection, { schema }: Mapping): Promise<Finding[]> {
  const ledger = `${identifier(schema)}.sales_ledger`
  const { there } = await row<{ there: boolean }>(connection, 'select to_regclass($1) is not null as there', [ledger])
  if (!there) return []
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

/** The SQL that `doctor --fix` runs for findings. Only indexes of this package are dropped; others are somebody's to decide about. */
export function fixesOf(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ fix, object }) =>
    fix === undefined || (fix.startsWith('drop') && !/(^|\.)"?shop_/.test(object)) ? [] : [fix],
  )
}

/** Runs {@link fixesOf} findings; gives what was run. */
export async function mend(connection: Connection, findings: readonly Finding[]): Promise<string[]> {
  const fixes = fixesOf(findings)
  for (const sql of fixes) await connection.query(sql)
  return fixes
}
