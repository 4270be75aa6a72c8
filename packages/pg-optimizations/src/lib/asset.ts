import { createHash } from 'node:crypto'

import { ASSETS } from './assets.generated.ts'
import type { Entity } from './mapping.ts'
import type { Resolved, Table } from './resolve.ts'
import { identifier } from './sql.ts'
import { render } from './template.ts'

/**
 * How a step is carried out: `ddl` under a short lock timeout, again until it succeeds; `concurrent` without one, under a
 * watchdog; `build` in one transaction over one snapshot; `backfill` in batches that a later run resumes.
 */
export type StepMode = 'ddl' | 'concurrent' | 'build' | 'backfill'

/** What a step makes. */
export type StepKind =
  | 'table'
  | 'index'
  | 'function'
  | 'view'
  | 'matview'
  | 'sequence'
  | 'trigger'
  | 'extension'
  | 'data'

/** One object of an asset, and the SQL that makes it. */
export interface Step {
  readonly asset: string
  readonly mode: StepMode
  readonly kind: StepKind
  /** Unquoted; for an index on a mapped table with its `shop_` prefix. */
  readonly name: string
  /** The schema it lives in, or whose table it is on. */
  readonly schema: string
  /** The package's schema, which the object's comment names: another mapping in the same database has another. */
  readonly own: string
  /** The mapped table a trigger or an index is on, or a backfill reads. */
  readonly onTable: Pick<Table, 'oid' | 'name'> | undefined
  readonly sql: string
  /** Stands in the object's comment; another hash means another definition. */
  readonly hash: string
}

/** A set of objects that belong together. */
export interface Asset {
  readonly name: string
  /** One sentence. */
  readonly about: string
  readonly steps: readonly Step[]
}

/** Names of all assets, in the order in which they are applied. */
export const ASSET_NAMES: readonly string[] = ASSETS.map(({ text }) => header(text, 'asset'))

/** What an asset rests on, itself included. */
export function withFoundations(names: readonly string[]): Set<string> {
  const rests = ASSETS.filter(({ text }) => names.includes(header(text, 'asset'))).map(({ text }) =>
    header(text, 'rests on'),
  )
  return new Set([...names, ...rests])
}

/** The assets with their SQL for one mapping. Those whose columns are not mapped are left out. */
export function assetsFor(resolved: Resolved): Asset[] {
  return ASSETS.flatMap(({ text }) => {
    const needs = header(text, 'needs').split(' ').filter(Boolean)
    return needs.every((need) => isMapped(resolved, need)) ? [parse(text, resolved)] : []
  })
}

function parse(text: string, resolved: Resolved): Asset {
  const name = header(text, 'asset')
  const [, ...parts] = text.split(/^-- step: /m)
  const forAll = header(text, 'for all').split(' ')
  const steps = parts.flatMap((part) => {
    const end = part.indexOf('\n')
    const [, mode, kind, object, entity, condition] =
      /^(\w+) (\w+) (\w+)(?: on (\w+))?(?: if (\S+))?$/.exec(part.slice(0, end).trim()) ?? []
    if (!mode || !kind || !object) throw new Error(`asset ${name}: unreadable step ${part.slice(0, end)}`)
    if (condition && !isMapped(resolved, condition)) return []
    const table = entity ? resolved.tables[entity as Entity] : undefined
    const made = render(part.slice(end + 1).trim(), resolved)
    // what runs with its owner's rights does nothing for anybody else, but where the asset says so
    const closed = kind === 'function' && / security definer /.test(made) && !forAll.includes(object)
    const own = identifier(resolved.mapping.schema)
    const sql = closed ? `${made}\nrevoke execute on function ${own}.${object} from public;` : made
    return [
      {
        asset: name,
        mode: mode as StepMode,
        kind: kind as StepKind,
        name: kind === 'index' && table ? `shop_${object}` : object,
        schema: table?.schema ?? resolved.mapping.schema,
        own: resolved.mapping.schema,
        onTable: table,
        sql,
        hash: createHash('sha256').update(sql).digest('hex').slice(0, 12),
      },
    ]
  })
  return { name, about: header(text, 'about'), steps }
}

function isMapped(resolved: Resolved, need: string): boolean {
  const [entity, column] = need.split('.') as [Entity, string]
  return resolved.tables[entity].columns[column] !== undefined
}

function header(text: string, key: string): string {
  return new RegExp(`^-- ${key}: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? ''
}
