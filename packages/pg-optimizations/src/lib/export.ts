import { assetsFor, type Step } from './asset.ts'
import { type Entity, MODEL, type Mapping } from './mapping.ts'
import type { Resolved, Table } from './resolve.ts'
import { dollarQuote, identifier } from './sql.ts'
import { noteSql, notesSql, schemaSql, tagSql } from './state.ts'

const TYPES = { any: 'bigint', text: 'text', number: 'bigint', boolean: 'boolean', time: 'timestamptz' } as const

/** A mapping with the types of a plain shop, for writing SQL without a server. */
export function assume(
  mapping: Mapping,
  types: Readonly<Record<string, string>> = { 'orders.status': 'text' },
): Resolved {
  const tables = Object.fromEntries(
    (Object.keys(MODEL) as Entity[]).map((entity) => {
      const { table, columns } = mapping.entities[entity]
      const [schema, name] = table.includes('.') ? (table.split(/\.(.*)/s) as [string, string]) : ['public', table]
      const resolved: Table = {
        oid: 0,
        schema,
        name: `${identifier(schema)}.${identifier(name)}`,
        columns: Object.fromEntries(
          Object.entries(columns).map(([column, given]) => {
            const { type } = (MODEL[entity] as Record<string, { type: keyof typeof TYPES }>)[column]!
            return [
              column,
              given === false
                ? undefined
                : { name: identifier(given), type: types[`${entity}.${column}`] ?? TYPES[type] },
            ]
          }),
        ),
      }
      return [entity, resolved]
    }),
  ) as Record<Entity, Table>
  return { mapping, serverVersion: 180_000, trigramSchema: mapping.schema, itemsFirst: false, tables }
}

/** One file an asset, for people who apply by hand: what `apply` would run, in its order, and what it would leave written down. */
export function exportSql(resolved: Resolved): Array<{ readonly file: string; readonly text: string }> {
  const { schema } = resolved.mapping
  return assetsFor(resolved).map((asset, index) => ({
    file: `${String(index + 1).padStart(2, '0')}_${asset.name}.sql`,
    text: `${[asset.about, ...(index === 0 ? heads(resolved) : [])].map((line) => `-- ${line}`).join('\n')}\n\n${[
      ...(index === 0 ? [`begin;\n${schemaSql(schema)};\n${notesSql(schema)};\ncommit;`] : []),
      ...asset.steps.map(byHand),
    ].join('\n\n')}\n`,
  }))
}

/** What the files take for granted. */
function heads({ tables }: Resolved): string[] {
  return [
    'For psql, file by file, and not within a transaction: indexes are built concurrently. The files are for these types;',
    'where yours differ, `shop-pg export` writes them for yours.',
    ...Object.values(tables).map(({ name, columns }) => {
      const known = Object.values(columns).flatMap((column) => (column ? [`${column.name} ${column.type}`] : []))
      return `${name} (${known.join(', ')})`
    }),
  ]
}

function byHand(step: Step): string {
  const sql = step.sql.replace(/;\s*$/, '')
  if (step.mode === 'backfill') {
    const quote = dollarQuote(sql)
    const body = `declare
  seen int;
  at text;
  done text;
begin
  loop
    execute ${quote}
${sql}
    ${quote} into seen, at, done using at, 1000;
    exit when seen = 0;
    commit;
  end loop;
end`
    const outer = dollarQuote(body)
    return `do ${outer} ${body} ${outer};\n${noteSql(step)};`
  }
  if (step.mode === 'build') return `begin isolation level repeatable read;\n${sql};\n${noteSql(step)};\ncommit;`
  // where it is there already, nothing is noted, and no rollback takes it away
  if (step.kind === 'extension') return `begin;\n${sql};\n${noteSql(step)};\ncommit;`
  return `${sql};\n${tagSql(step)};`
}
