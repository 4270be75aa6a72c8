import type { Entity } from './mapping.ts'
import type { Resolved, Table } from './resolve.ts'
import { dollarQuote, identifier, literal } from './sql.ts'

/**
 * Fills the mapped names into the SQL of an asset:
 *
 * - `{{products}}`, `{{products.price}}`: the table, the column, quoted;
 * - `{{type products.id}}`: the column's type;
 * - `{{own}}`: the package's schema, and `{{text own}}` within a literal; `{{trgm}}`: the schema of pg_trgm; `{{counted}}`: the list of states that count; `{{listed}}`: what an index includes
 *   of the columns that are listed; `{{zone}}`, `{{language}}`: literals; `{{worth}}`: the type in which a quantity times a price is
 *   exact, whatever they are; `{{day}}`: the day of the stamp `at`, and `{{now}}` as a stamp: without a time zone of its own one is in UTC;
 * - `{{#products.active}} … {{/}}` only where the column is mapped, `{{^products.active}} … {{/}}` only where it is not; so `{{#itemsFirst}}`;
 * - `$$`: a quote that no mapped name or state ends.
 */
export function render(template: string, resolved: Resolved): string {
  const { tables } = resolved
  const conditional = template.replaceAll(
    /\{\{([#^])(?:itemsFirst|(\w+)\.(\w+))\}\}([\s\S]*?)\{\{\/\}\}/g,
    (_all, sign: string, entity: Entity | undefined, column: string, content: string) =>
      (entity ? tables[entity].columns[column] !== undefined : resolved.itemsFirst) === (sign === '#') ? content : '',
  )
  const filled = conditional
    .replaceAll('$$', '\0')
    .replaceAll(
      /\{\{(type |text )?(\w+)(?:\.(\w+))?\}\}/g,
      (all, form: string | undefined, name: string, column: string | undefined) => {
        if (column === undefined) {
          const text = constant(resolved, name) ?? table(tables, name, all).name
          return form === 'text ' ? text.replaceAll("'", "''") : text
        }
        const found = table(tables, name, all).columns[column]
        if (!found) throw new Error(`an asset uses ${all}, which is not mapped`)
        return form ? found.type : found.name
      },
    )
  return filled.replaceAll('\0', () => dollarQuote(filled))
}

function constant({ mapping, trigramSchema, tables }: Resolved, name: string): string | undefined {
  switch (name) {
    case 'own':
      return identifier(mapping.schema)
    case 'counted':
      return mapping.counted.map(literal).join(', ')
    case 'listed':
      return mapping.listed.length > 0 ? ` include (${mapping.listed.map(identifier).join(', ')})` : ''
    case 'trgm':
      return identifier(trigramSchema)
    case 'zone':
      return literal(mapping.timeZone)
    case 'worth': {
      const { quantity, unitPrice } = tables.items.columns
      return [quantity, unitPrice].every((column) => /^(smallint|integer)$/.test(column?.type ?? ''))
        ? 'bigint'
        : 'numeric'
    }
    case 'day':
      return stamps(mapping, tables).day
    case 'now':
      return stamps(mapping, tables).now
    case 'language':
      return literal(`pg_catalog.${mapping.language}`)
    default:
      return undefined
  }
}

function stamps(
  { timeZone }: Resolved['mapping'],
  { orders }: Resolved['tables'],
): { readonly day: string; readonly now: string } {
  const type = orders.columns['createdAt']?.type ?? ''
  const zone = literal(timeZone)
  if (type === 'date') return { day: 'at', now: `(now() at time zone ${zone})::date` }
  return type.endsWith('without time zone')
    ? { day: `(at at time zone 'UTC' at time zone ${zone})::date`, now: `(now() at time zone 'UTC')` }
    : { day: `(at at time zone ${zone})::date`, now: 'now()' }
}

function table(tables: Resolved['tables'], name: string, all: string): Table {
  const found = tables[name as Entity] as Table | undefined
  if (!found) throw new Error(`an asset uses ${all}, which is not known`)
  return found
}
