import type { ClientBase } from 'pg'

import { auditContext } from './context.ts'
import { AuditError } from './errors.ts'
import type { Actor } from './event.ts'
import { checkNames, optionError, schemaName } from './options.ts'

export interface TrackOptions {
  /** Columns that are not recorded, and whose change alone is no change: `updated_at`, a search vector. */
  readonly exclude?: readonly string[]
  /** Columns of which only is recorded that they changed: a password hash, an encrypted address. */
  readonly redact?: readonly string[]
  /** @default 'audit' */
  readonly schema?: string
}

interface Column {
  readonly name: string
  readonly type: string
  readonly key: boolean
}

interface Table {
  readonly oid: number
  readonly name: string
  readonly columns: readonly Column[]
}

/**
 * Records every change of a table's rows: one trigger a kind of statement, over all its rows at once, written for the
 * table's own columns. Repeat it after `alter table`.
 * @throws ERR_SHOP_AUDIT_TABLE when the table or a column is unknown, or there is no primary key.
 */
export async function track(client: ClientBase, table: string, options: TrackOptions = {}): Promise<void> {
  checkNames('track', options, ['exclude', 'redact', 'schema'])
  const schema = schemaName('track', options.schema)
  const found = await describe(client, table)
  const { exclude = [], redact = [] } = options
  for (const name of [...exclude, ...redact])
    if (!found.columns.some((column) => column.name === name))
      throw new AuditError('ERR_SHOP_AUDIT_TABLE', `${found.name} has no column ${JSON.stringify(name.slice(0, 63))}`)
  if (found.columns.some((column) => column.key && [...exclude, ...redact].includes(column.name)))
    throw optionError('track', 'exclude and redact', 'name a column of the primary key, by which a row is found')
  const routine = `${schema}.track_${found.oid}`
  const text = [
    triggerFunction(schema, routine, found, new Set(exclude), new Set(redact)),
    ...dropTriggers(found.name),
    `create trigger shop_audit_insert after insert on ${found.name} referencing new table as new_rows for each statement execute function ${routine}()`,
    `create trigger shop_audit_update after update on ${found.name} referencing old table as old_rows new table as new_rows for each statement execute function ${routine}()`,
    `create trigger shop_audit_delete after delete on ${found.name} referencing old table as old_rows for each statement execute function ${routine}()`,
    `create trigger shop_audit_truncate after truncate on ${found.name} for each statement execute function ${routine}()`,
    `delete from ${schema}.tracked where relation = ${found.oid}`,
    `insert into ${schema}.tracked (relation, name, excluded, redacted) values (${found.oid}, ${literal(found.name)}, ${list(exclude)}, ${list(redact)})`,
  ]
  await client.query(text.join(';\n')) // one simple query is one transaction
}

/** Stops recording a table; what was recorded stays. @throws ERR_SHOP_AUDIT_TABLE */
export async function untrack(
  client: ClientBase,
  table: string,
  options: { readonly schema?: string } = {},
): Promise<void> {
  const schema = schemaName('untrack', options.schema)
  const found = await describe(client, table)
  const text = [
    ...dropTriggers(found.name),
    `drop function if exists ${schema}.track_${found.oid}()`,
    `delete from ${schema}.tracked where relation = ${found.oid}`,
  ]
  await client.query(text.join(';\n'))
}

/**
 * Tells the triggers who acts, for the rest of the transaction: by default whoever the audit context names. Without it
 * a change is put down to the database's own user.
 */
export async function setRowContext(
  client: ClientBase,
  context: { readonly actor?: Actor | undefined; readonly requestId?: string | undefined } = auditContext() ?? {},
): Promise<void> {
  const actor = context.actor ? `${context.actor.type}:${context.actor.id}` : ''
  await client.query(`select set_config('audit.actor', $1, true), set_config('audit.request', $2, true)`, [
    actor,
    context.requestId ?? '',
  ])
}

async function describe(client: ClientBase, table: string): Promise<Table> {
  const { rows } = await client.query<Column & { oid: number; table: string }>(
    `select c.oid, c.oid::regclass::text as table, a.attname as name, t.typname as type, coalesce(a.attnum = any(i.indkey), false) as key
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     left join pg_index i on i.indrelid = c.oid and i.indisprimary
     where c.oid = to_regclass($1) and c.relkind in ('r', 'p') order by a.attnum`,
    [table],
  )
  const first = rows[0]
  if (!first) throw new AuditError('ERR_SHOP_AUDIT_TABLE', `there is no table ${JSON.stringify(table.slice(0, 127))}`)
  if (!rows.some((row) => row.key))
    throw new AuditError('ERR_SHOP_AUDIT_TABLE', `${first.table} has no primary key: its rows could not be told apart`)
  return { oid: first.oid, name: first.table, columns: rows }
}

function dropTriggers(table: string): string[] {
  return ['insert', 'update', 'delete', 'truncate'].map(
    (kind) => `drop trigger if exists shop_audit_${kind} on ${table}`,
  )
}

/** Types whose text is their JSON. */
const plain: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'bool'])

/** Types without an equality operator are compared as text. */
const asText: ReadonlySet<string> = new Set(
  ['json', 'xml', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle'].flatMap((type) => [type, `_${type}`]),
)

function triggerFunction(
  schema: string,
  routine: string,
  table: Table,
  exclude: ReadonlySet<string>,
  redact: ReadonlySet<string>,
): string {
  const keys = table.columns.filter((column) => column.key)
  const shown = table.columns.filter((column) => !exclude.has(column.name))
  const rest = shown.filter((column) => !column.key)
  const keyOf = (row: string): string =>
    keys.length === 1
      ? `${row}.${ident(keys[0]!.name)}::text`
      : `concat_ws(',', ${keys.map((column) => `${row}.${ident(column.name)}`).join(', ')})`
  const firstKey = ident(keys[0]!.name)
  const whole = (row: string): string => {
    const hidden = [...redact].map((name) => `${literal(name)}, '[redacted]'`).join(', ')
    const without = exclude.size > 0 ? ` - ${list([...exclude])}` : ''
    return `(to_jsonb(${row})${without}${hidden ? ` || jsonb_build_object(${hidden})` : ''})::text`
  }
  const differs = (column: Column): string => {
    const cast = asText.has(column.type) ? '::text' : ''
    return `o.${ident(column.name)}${cast} is distinct from n.${ident(column.name)}${cast}`
  }
  // columns that did not change cost a comparison and nothing else; each comparison is also set up anew per statement
  const changed = (row: string): string => {
    const parts = rest.map((column) => {
      const name = literal(`,${JSON.stringify(column.name)}:`)
      const value = redact.has(column.name)
        ? `'"[redacted]"'`
        : `coalesce(${plain.has(column.type) ? '' : 'to_json'}(${row}.${ident(column.name)})::text, 'null')`
      return `case when ${differs(column)} then ${name} || ${value} end`
    })
    return parts.length > 0 ? `'{' || substr(concat(${parts.join(', ')}), 2) || '}'` : `'{}'`
  }
  const join = keys.map((column) => `o.${ident(column.name)} = n.${ident(column.name)}`).join(' and ')
  return `create or replace function ${routine}() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off -- transition tables have no statistics: a nested loop over them is quadratic
as $shop_audit$
declare
  who text := coalesce(nullif(current_setting('audit.actor', true), ''), 'db:' || session_user);
  request text := nullif(current_setting('audit.request', true), '');
begin
  if tg_op = 'UPDATE' then
    insert into ${schema}.row_changes (xid, relation, op, key, old, new, actor, request)
    select (select base + pg_current_xact_id()::text::bigint from ${schema}.lineage), ${table.oid}, c.*, who, request from (select
      case when o.${firstKey} is null then 'I'::"char" when n.${firstKey} is null then 'D'::"char" else 'U'::"char" end,
      case when n.${firstKey} is null then ${keyOf('o')} else ${keyOf('n')} end,
      case when o.${firstKey} is null then null when n.${firstKey} is null then ${whole('o')} else ${changed('o')} end,
      case when n.${firstKey} is null then null when o.${firstKey} is null then ${whole('n')} else ${changed('n')} end
    from old_rows o full join new_rows n on ${join} offset 0) c (op, key, old, new) -- offset 0: worked out once a row
    where c.old is distinct from '{}';
  elsif tg_op = 'INSERT' then
    insert into ${schema}.row_changes (xid, relation, op, key, new, actor, request)
    select (select base + pg_current_xact_id()::text::bigint from ${schema}.lineage), ${table.oid}, 'I', ${keyOf('n')}, ${whole('n')}, who, request from new_rows n;
  elsif tg_op = 'DELETE' then
    insert into ${schema}.row_changes (xid, relation, op, key, old, actor, request)
    select (select base + pg_current_xact_id()::text::bigint from ${schema}.lineage), ${table.oid}, 'D', ${keyOf('o')}, ${whole('o')}, who, request from old_rows o;
  else
    insert into ${schema}.row_changes (xid, relation, op, actor, request) values ((select base + pg_current_xact_id()::text::bigint from ${schema}.lineage), ${table.oid}, 'T', who, request);
  end if;
  return null;
end $shop_audit$`
}

const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`
const literal = (text: string): string =>
  text.includes('\\') ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`
const list = (names: readonly string[]): string => `array[${names.map(literal).join(', ')}]::text[]`
