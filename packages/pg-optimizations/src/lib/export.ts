import { assetsFor } from './asset.ts'
import { type Entity, MODEL, type Mapping } from './mapping.ts'
import type { Resolved, Table } from './resolve.ts'
import { identifier } from './sql.ts'
import { tagSql } from './state.ts'

const TYPES = { any: 'bigint', text: 'text', number: 'bigint', boolean: 'boolean', time: 'timestamptz' } as const

/** A mapping with the types of a plain shop, for writing SQL without a server. */
export function assume(mapping: Mapping, types: Readonly<Record<string, string>> = {}): Resolved {
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

/** One file an asset, for people who apply by hand: what `apply` would run, in its order. */
export function exportSql(resolved: Resolved): Array<{ readonly file: string; readonly text: string }> {
  const schema = identifier(resolved.mapping.schema)
  return assetsFor(resolved).map((asset, index) => {
    const steps = asset.steps.map((step) => {
      if (step.mode === 'backfill')
        return `-- in batches: give the last value it returned as $1 until count is 0\n/*\n${step.sql}\n*/`
      if (step.mode === 'build') return `begin isolation level repeatable read;\n${step.sql}\ncommit;`
      const tag =
        step.kind === 'trigger' || step.kind === 'function' || step.kind === 'extension' ? '' : `\n${tagSql(step)};`
      return `${step.sql}${tag}`
    })
    const first = index === 0 ? `create schema if not exists ${schema};\n\n` : ''
    return {
      file: `${String(index + 1).padStart(2, '0')}_${asset.name}.sql`,
      text: `-- ${asset.about}\n\n${first}${steps.join('\n\n')}\n`,
    }
  })
}
