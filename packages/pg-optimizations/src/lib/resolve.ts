import { PgOptimizationsError, type PgOptimizationsErrorCode } from './errors.ts'
import { type ColumnKind, type Entity, MODEL, type Mapping } from './mapping.ts'
import { type Connection, identifier, row, rows } from './sql.ts'

/** A mapped column as the server has it. */
export interface Column {
  /** Quoted. */
  readonly name: string
  /** As `format_type` writes it: `numeric(10,2)`; of a domain what it rests on. */
  readonly type: string
}

/** A mapped table as the server has it. */
export interface Table {
  readonly oid: number
  readonly schema: string
  /** Quoted, with its schema. */
  readonly name: string
  readonly columns: Readonly<Record<string, Column | undefined>>
}

/** A mapping held against the live catalogue. */
export interface Resolved {
  readonly mapping: Mapping
  readonly serverVersion: number
  /** Where pg_trgm is, or will be. */
  readonly trigramSchema: string
  /** Whether items may be there before their order: no foreign key is checked with the statement that inserts them. */
  readonly itemsFirst: boolean
  readonly tables: Readonly<Record<Entity, Table>>
}

const KINDS: Record<ColumnKind, RegExp> = {
  any: /^/,
  text: /^(text|character varying|(.+\.)?citext|character)(\(\d+\))?$/,
  number: /^(smallint|integer|bigint|numeric|real|double precision|money)(\(.+\))?$/,
  boolean: /^boolean$/,
  time: /^(timestamp.*|date)$/,
}

/** What triggers compare, by the operators of pg_catalog: another type has others, or compares as text there. */
const COMPARED = [
  'products.id',
  'products.category',
  'categories.id',
  'orders.id',
  'orders.status',
  'items.order',
  'items.product',
]

interface Relation {
  readonly oid: number
  readonly schema: string
  readonly table: string
  readonly kind: string
  readonly partition: boolean
  readonly inherits: boolean
  readonly mine: boolean
  /** Row level security is on; it binds the owner too. */
  readonly secured: boolean
  readonly forced: boolean
}

interface Found {
  readonly name: string
  readonly type: string
  readonly builtin: boolean
  readonly virtual: boolean
  readonly labels: readonly string[]
}

/**
 * Finds every mapped table and column on the server, and checks types, kind, rights and version, before anything changes.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_MAPPING`, `_TABLE`, `_COLUMN`, `_TYPE`, `_PARTITIONED`, `_REPLICA`, `_VERSION`,
 *   `_RIGHTS`, `_ROW_SECURITY`
 */
export async function resolve(
  connection: Connection,
  mapping: Mapping,
  { forChange = true }: { readonly forChange?: boolean } = {},
): Promise<Resolved> {
  const server = await row<{
    version: number
    replica: boolean
    may_create: boolean
    role: string
    trgm: string | null
  }>(
    connection,
    `select (select nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where extname = 'pg_trgm') as trgm, current_setting('server_version_num')::int as version, pg_is_in_recovery() as replica, current_user as role,
            has_database_privilege(current_database(), 'create')
              or coalesce((select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = $1), false) as may_create`,
    [mapping.schema],
  )
  if (server.version < 150_000)
    throw fail('VERSION', `this server is PostgreSQL ${Math.floor(server.version / 10_000)}; 15 or later is needed`)
  if (forChange && server.replica) throw fail('REPLICA', 'this server is a read replica; connect to the primary')
  const tables = {} as Record<Entity, Table>
  for (const entity of Object.keys(MODEL) as Entity[])
    tables[entity] = await resolveTable(connection, mapping, entity, forChange, server.role)
  if (forChange && !server.may_create) {
    throw fail(
      'RIGHTS',
      `role ${server.role} may not create schema ${mapping.schema}; grant create on this database to it, or create the schema for it`,
    )
  }
  return {
    mapping,
    serverVersion: server.version,
    trigramSchema: server.trgm ?? mapping.schema,
    itemsFirst: await mayItemsBeFirst(connection, mapping, tables),
    tables,
  }
}

async function resolveTable(
  connection: Connection,
  mapping: Mapping,
  entity: Entity,
  forChange: boolean,
  role: string,
): Promise<Table> {
  const { table: given, columns } = mapping.entities[entity]
  const relation = await findRelation(connection, given)
  if (!relation) throw fail('TABLE', `${entity}: there is no table ${given}, nor one of that name on the search path`)
  const where = `${relation.schema}.${relation.table}`
  if (relation.kind !== 'r') {
    const what = relation.kind === 'p' ? 'partitioned' : relation.kind === 'f' ? 'a foreign table' : 'a view'
    throw fail('PARTITIONED', `${entity}: ${where} is ${what}; indexes cannot be built online there`)
  }
  if (relation.inherits) {
    const what = relation.partition ? 'a partition' : 'a parent or child of another table'
    throw fail('PARTITIONED', `${entity}: ${where} is ${what}; triggers do not see what is written through the parent`)
  }
  if (forChange && !relation.mine)
    throw fail('RIGHTS', `${entity}: role ${role} does not own ${where}; connect as its owner`)
  if (forChange && relation.forced)
    throw fail(
      'ROW_SECURITY',
      `${entity}: ${where} forces row level security on its owner too: ${role} would fill tables with what its policies show; grant it bypassrls`,
    )
  if (forChange && relation.secured && !mapping.dangerouslyIgnoreRowSecurity)
    throw fail(
      'ROW_SECURITY',
      `${entity}: ${where} has row level security, and what is derived from it in schema ${mapping.schema} has none; set dangerouslyIgnoreRowSecurity in the mapping where all who may read that schema may know of every row`,
    )
  const found = new Map(
    (
      await rows<Found>(
        connection,
        `with recursive based as (
           select attnum, attname as name, atttypid as type, atttypmod as mod, attgenerated = 'v' as virtual from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped
           union all
           select b.attnum, b.name, t.typbasetype, t.typtypmod, b.virtual from based b join pg_type t on t.oid = b.type and t.typtype = 'd')
         select b.name, b.virtual, format_type(b.type, b.mod) as type, t.typtype = 'e' or t.typnamespace = 'pg_catalog'::regnamespace as builtin,
                array(select enumlabel::text from pg_enum where enumtypid = t.oid order by enumsortorder) as labels
         from based b join pg_type t on t.oid = b.type and t.typtype <> 'd' order by b.attnum`,
        [relation.oid],
      )
    ).map((column) => [column.name, column]),
  )
  const columnOf = (column: string, name: string): Found => {
    const there = found.get(name)
    if (there) return there
    throw fail(
      'COLUMN',
      `${entity}.${column}: ${where} has no column ${JSON.stringify(name)}; it has ${[...found.keys()].join(', ')}`,
    )
  }
  if (entity === 'orders') for (const name of mapping.listed) columnOf('listed', name)
  const resolved = Object.entries(columns).map(([column, name]) => {
    if (name === false) return [column, undefined] as const
    const { type, builtin, virtual, labels } = columnOf(column, name)
    const { type: kind } = (MODEL[entity] as Record<string, { type: ColumnKind }>)[column]!
    if (!KINDS[kind].test(type))
      throw fail('TYPE', `${entity}.${column}: ${where}.${name} is ${type}; expected a ${kind} type`)
    if (virtual)
      throw fail(
        'TYPE',
        `${entity}.${column}: ${where}.${name} is generated when it is read: no trigger sees it change, and no index can hold it; make it stored`,
      )
    if (COMPARED.includes(`${entity}.${column}`) && !builtin)
      throw fail(
        'TYPE',
        `${entity}.${column}: ${where}.${name} is ${type}; expected a type of PostgreSQL's own, or an enum`,
      )
    const unknown = column === 'status' && labels.length > 0 && mapping.counted.find((state) => !labels.includes(state))
    if (typeof unknown === 'string')
      throw fail('MAPPING', `orders.counted: ${type} has no ${JSON.stringify(unknown)}; it has ${labels.join(', ')}`)
    return [column, { name: identifier(name), type }] as const
  })
  return {
    oid: relation.oid,
    schema: relation.schema,
    name: `${identifier(relation.schema)}.${identifier(relation.table)}`,
    columns: Object.fromEntries(resolved),
  }
}

async function mayItemsBeFirst(
  connection: Connection,
  { entities: { items, orders } }: Mapping,
  tables: Resolved['tables'],
): Promise<boolean> {
  const { first } = await row<{ first: boolean }>(
    connection,
    `select not exists (
       select from pg_constraint c join pg_attribute i on i.attrelid = c.conrelid and c.conkey = array[i.attnum]
       join pg_attribute o on o.attrelid = c.confrelid and c.confkey = array[o.attnum]
       where c.contype = 'f' and c.convalidated and not c.condeferrable and c.conrelid = $1 and i.attname = $2 and c.confrelid = $3 and o.attname = $4
     ) as first`,
    [tables.items.oid, items.columns['order'], tables.orders.oid, orders.columns['id']],
  )
  return first
}

/** By exact name first, so that mixed case and dots inside names need no quoting; else as SQL itself would read it. */
async function findRelation(connection: Connection, given: string): Promise<Relation | undefined> {
  const dot = given.indexOf('.')
  const found = await rows<Relation>(
    connection,
    `select c.oid::int, n.nspname as schema, c.relname as table, c.relkind::text as kind, pg_has_role(c.relowner, 'usage') as mine,
            c.relrowsecurity as secured, c.relrowsecurity and c.relforcerowsecurity and not (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as forced,
            c.relispartition as partition, exists (select from pg_inherits where c.oid in (inhrelid, inhparent)) as inherits
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
       and ((n.nspname = $1 and c.relname = $2) or (c.relname = $3 and pg_table_is_visible(c.oid)) or c.oid = to_regclass($4))
     order by c.oid = to_regclass($4) desc nulls last limit 1`,
    [given.slice(0, Math.max(0, dot)), given.slice(dot + 1), given, /^[\w."$]+$/.test(given) ? given : 'pg_temp.none'],
  )
  return found[0]
}

function fail(code: string, message: string): PgOptimizationsError {
  return new PgOptimizationsError(`ERR_SHOP_PG_${code}` as PgOptimizationsErrorCode, message)
}
