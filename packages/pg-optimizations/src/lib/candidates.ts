import type { Connection } from './sql.ts'
import { identifier, rows } from './sql.ts'
import { indexName } from './model.ts'

/** A node of `explain (format json)`, as far as advice reads it. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Total Cost': number
  readonly 'Relation Name'?: string
  readonly Schema?: string
  readonly Alias?: string
  readonly Filter?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly 'Hash Cond'?: string
  readonly 'Merge Cond'?: string
  readonly 'Join Filter'?: string
  readonly 'Sort Key'?: readonly string[]
  readonly 'Index Name'?: string
  readonly Output?: readonly string[]
  readonly Plans?: readonly PlanNode[]
}

/** An index that might help. */
export interface Candidate {
  readonly sql: string
  /** Quoted, with schema. */
  readonly table: string
  readonly columns: readonly string[]
  readonly method: 'btree' | 'gin' | 'brin'
}

export interface KnownColumn {
  readonly table: string
  readonly name: string
  readonly type: string
  readonly correlation: number | null
}

/** All columns of the user's tables, by table. */
export async function knownColumns(connection: Connection): Promise<Map<string, KnownColumn[]>> {
  const found = await rows<KnownColumn>(
    connection,
    `select format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) as table, a.attname as name, format_type(a.atttypid, null) as type,
            (select s.correlation from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname limit 1) as correlation
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and a.attnum > 0 and not a.attisdropped and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`,
  )
  const byTable = new Map<string, KnownColumn[]>()
  for (const column of found) byTable.set(column.table, [...(byTable.get(column.table) ?? []), column])
  return byTable
}

/**
 * Indexes that a plan's own words suggest: what it filters and joins by for equality, then ranges or the sort; full text and
 * substring conditions as GIN; a function of a column as its expression; a time column that lies in order as BRIN. What is
 * the same in every call (a boolean, a null, a constant) makes the index partial. `trigrams` is the schema of pg_trgm.
 */
export function candidatesFor(
  plan: PlanNode,
  columns: ReadonlyMap<string, readonly KnownColumn[]>,
  trigrams: string | undefined,
): Candidate[] {
  const scans: PlanNode[] = []
  const conditions: string[] = []
  const sorts: string[][] = []
  walk(plan, (node) => {
    if (node['Relation Name']) scans.push(node)
    for (const key of ['Filter', 'Hash Cond', 'Merge Cond', 'Join Filter', 'Index Cond', 'Recheck Cond'] as const)
      if (node[key]) conditions.push(node[key])
    if (node['Sort Key']) sorts.push([...node['Sort Key']])
  })
  const found = new Map<string, Candidate>()
  for (const scan of scans) {
    const table = `${identifier(scan.Schema ?? 'public')}.${identifier(scan['Relation Name']!)}`
    const known = columns.get(table)
    if (!known) continue
    const add = (
      method: Candidate['method'],
      keys: readonly string[],
      where = '',
      include: readonly string[] = [],
    ): void => {
      if (keys.length === 0 || keys.length > 4) return
      const body = `on ${table} using ${method} (${keys.join(', ')})${include.length > 0 ? ` include (${include.join(', ')})` : ''}${where ? ` where ${where}` : ''}`
      found.set(body, { sql: `create index concurrently ${indexName(body)} ${body}`, table, columns: keys, method })
    }
    const mine = [scan.Filter, scan['Index Cond'], scan['Recheck Cond']]
      .filter((text) => text !== undefined)
      .join(' AND ')
    const alias = scan.Alias ?? scan['Relation Name']!
    const before = qualifier(alias)
    const joins = conditions.filter((text) => new RegExp(before).test(text)).join(' AND ')
    const uses = (column: string, operator: string, text: string, qualified: boolean): boolean => {
      const name = `${qualified ? before : `(?:${before})?`}"?${escape(column)}"?(?:\\)?::[\\w ]+)?\\)?`
      return new RegExp(`(?<![\\w.])${name} ${operator}|${operator} \\(?${name}(?!\\w)`).test(text)
    }
    const equal = known
      .filter(({ name }) => uses(name, '=', mine, false) || uses(name, '=', joins, true))
      .map(({ name }) => quote(name))
    const range = known.filter(({ name }) => uses(name, '(?:<|>|<=|>=)', mine, false)).map(({ name }) => quote(name))
    const fixed = known.flatMap(({ name, type }) => {
      const predicate = fixedCondition(mine, alias, name, type)
      return predicate === undefined ? [] : [{ column: quote(name), type, predicate }]
    })
    const where = fixed.map(({ predicate }) => predicate).join(' and ')
    const sorted = sorts.flatMap((sort) => {
      const own = sort.map((key) => sortKey(key, alias, known))
      return own.every((key) => key !== undefined) ? [own as string[]] : []
    })
    for (const some of new Set([where, ''])) {
      // what the predicate fixes needs no place in the key; a lone boolean has none at all
      const keys = equal.filter(
        (key) => !fixed.some(({ column, type }) => column === key && (some || type === 'boolean')),
      )
      add('btree', keys, some)
      for (const one of keys) add('btree', [one], some)
      for (const one of range) {
        add('btree', [...keys, one], some)
        add('btree', [one], some)
      }
      for (const sort of sorted) {
        add('btree', [...keys.filter((key) => !sort.some((part) => `${part} `.startsWith(`${key} `))), ...sort], some)
        add('btree', sort, some)
      }
      if (keys.length > 0 && range.length > 0) add('btree', keys, some, range)
    }
    for (const [, expression] of mine.matchAll(/\(((?!to_tsvector)\w+\((?:[^()]|\([^()]*\))*\)) = /g))
      if (known.some(({ name }) => expression!.includes(name)))
        add('btree', [`(${unalias(expression!, alias)})`], where)
    for (const [, expression] of mine.matchAll(/\((to_tsvector\((?:[^()]|\([^()]*\))*\)) @@/g))
      add('gin', [`(${unalias(expression!, alias)})`], where)
    for (const { name, type } of known) {
      if (type === 'tsvector' && uses(name, '@@', mine, false)) add('gin', [quote(name)], where)
      if (trigrams !== undefined && /^(text|character)/.test(type) && uses(name, '~~\\*?', mine, false))
        add('gin', [`${quote(name)} ${quote(trigrams)}.gin_trgm_ops`], where)
      if (
        /^(timestamp|date)/.test(type) &&
        range.includes(quote(name)) &&
        Math.abs(known.find((column) => column.name === name)?.correlation ?? 0) > 0.9
      )
        add('brin', [quote(name)])
    }
  }
  return [...found.values()]
}

/** Visits a plan and everything below it. */
export function walk(node: PlanNode, visit: (node: PlanNode) => void): void {
  visit(node)
  for (const child of node.Plans ?? []) walk(child, visit)
}

/** A condition on a column that is the same in every call, so that an index may be of the rows that meet it. */
function fixedCondition(text: string, alias: string, name: string, type: string): string | undefined {
  const column = `(?:${qualifier(alias)})?"?${escape(name)}"?`
  if (type === 'boolean') {
    const [, not] = new RegExp(`(?:^|[( ])(NOT )?${column}(?:$|[) ])`).exec(text) ?? [undefined]
    if (new RegExp(`(?:^|[( ])${column}(?:$|[) ](?!IS |=))`).test(text)) return `${not ? 'not ' : ''}${quote(name)}`
  }
  const [, nullness] = new RegExp(`\\(${column} (IS (?:NOT )?NULL)\\)`).exec(text) ?? []
  if (nullness !== undefined) return `${quote(name)} ${nullness.toLowerCase()}`
  const [, value] = new RegExp(`\\(\\(?${column}\\)?(?:::[\\w ]+)? = ('(?:[^']|'')*')::`).exec(text) ?? []
  return value === undefined ? undefined : `${quote(name)} = ${value}`
}

function sortKey(key: string, alias: string, known: readonly KnownColumn[]): string | undefined {
  const match = /^(?:"?([^".]+)"?\.)?"?([\w ]+?)"?( DESC)?( NULLS \w+)?$/.exec(key)
  if (!match || (match[1] !== undefined && match[1] !== alias) || !known.some(({ name }) => name === match[2]))
    return undefined
  return `${quote(match[2]!)}${match[3] ? ' desc' : ''}${match[4]?.toLowerCase() ?? ''}`
}

function unalias(expression: string, alias: string): string {
  return expression.replaceAll(new RegExp(qualifier(alias), 'g'), '')
}

/** How a plan writes a table before a column's name. */
function qualifier(alias: string): string {
  return `(?<![\\w"])"?${escape(alias)}"?\\.`
}

function quote(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
