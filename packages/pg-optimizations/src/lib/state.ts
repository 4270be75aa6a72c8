import type { Asset, Step } from './asset.ts'
import { type Connection, identifier, literal, row, rows } from './sql.ts'

/**
 * What stands on the server in a step's place: nothing; ours, but interrupted before its tag; the same definition; another
 * one of ours; an index that an interrupted build left unusable; something that is not ours.
 */
export type StepState = 'missing' | 'untagged' | 'current' | 'outdated' | 'invalid' | 'foreign'

/** An object that this package has made, as its comment tells. */
export interface Tagged {
  readonly asset: string
  readonly kind: Step['kind']
  readonly schema: string
  readonly name: string
  /** For a trigger its table, quoted, with schema. */
  readonly table: string | null
  /** For a function its signature, quoted, with schema. */
  readonly signature: string | null
}

const TAG = /^shop-pg ([\w-]+) ([0-9a-f]{12}) (.+)$/s

/** What stands in an object's comment. */
function tagOf(step: Step): string {
  return `shop-pg ${step.asset} ${step.hash} ${step.own}`
}

interface Found {
  readonly comment: string | null
  readonly valid: boolean
}

/** Looks one step up in the catalogue. */
export async function stateOf(
  connection: Connection,
  step: Step,
  bookkeeping: ReadonlyMap<string, Bookkept>,
): Promise<StepState> {
  const kept = bookkeeping.get(keyOf(step))
  if (step.kind === 'data')
    return kept?.finished && kept.hash === step.hash ? 'current' : kept?.finished ? 'outdated' : 'missing'
  const [found] = await rows<Found>(connection, ...lookUp(step))
  if (!found) return 'missing'
  if (step.kind === 'extension') return 'current'
  const tag = TAG.exec(found.comment ?? '')
  if (tag && tag[3] !== step.own) return 'foreign'
  if (!found.valid) return tag || kept ? 'invalid' : 'foreign'
  if (!tag) return kept?.hash === step.hash ? 'untagged' : 'foreign'
  return tag[2] === step.hash ? 'current' : 'outdated'
}

/** What this package has noted of a step: begun, so that what an interrupted run left is known to be ours; or finished. */
export interface Bookkept {
  readonly hash: string
  readonly finished: boolean
  /** Where a backfill stands; of an advised index its SQL. */
  readonly cursor: string | null
}

/** A step's name in the notes. */
export function keyOf(step: Step): string {
  return `${step.asset}/${step.kind} ${step.schema}.${step.name}`
}

/** The notes; empty where nothing was ever applied. */
export async function readBookkeeping(connection: Connection, schema: string): Promise<Map<string, Bookkept>> {
  const table = `${identifier(schema)}.applied_step`
  const { there } = await row<{ there: boolean }>(connection, 'select to_regclass($1) is not null as there', [table])
  if (!there) return new Map()
  const notes = await rows<Bookkept & { step: string }>(
    connection,
    `select step, hash, finished_at is not null as finished, cursor from ${table}`,
  )
  return new Map(notes.map(({ step, ...note }) => [step, note]))
}

function lookUp({ kind, schema, name, onTable }: Step): [text: string, values: unknown[]] {
  switch (kind) {
    case 'function':
      return [
        `select obj_description(p.oid, 'pg_proc') as comment, true as valid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = $1 and p.proname = $2`,
        [schema, name],
      ]
    case 'trigger':
      return [
        `select obj_description(oid, 'pg_trigger') as comment, true as valid from pg_trigger where tgrelid = $1 and tgname = $2 and not tgisinternal`,
        [onTable, name],
      ]
    case 'extension':
      return ['select null as comment, true as valid from pg_extension where extname = $1', [name]]
    default:
      return [
        `select obj_description(c.oid, 'pg_class') as comment, coalesce(i.indisvalid and i.indisready, true) as valid
         from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
         where n.nspname = $1 and c.relname = $2`,
        [schema, name],
      ]
  }
}

/** Everything on the server whose comment says that this package made it for the mapping with this schema. */
export async function findTagged(connection: Connection, own: string): Promise<Tagged[]> {
  const found = await rows<{
    kind: Step['kind']
    schema: string
    name: string
    table: string | null
    signature: string | null
    comment: string
  }>(
    connection,
    `select case c.relkind when 'i' then 'index' when 'v' then 'view' when 'm' then 'matview' when 'S' then 'sequence' else 'table' end as kind,
            n.nspname as schema, c.relname as name, null as table, null as signature, d.description as comment
     from pg_description d join pg_class c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
     join pg_namespace n on n.oid = c.relnamespace where d.description like 'shop-pg %'
     union all
     select 'function', n.nspname, p.proname, null, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), d.description
     from pg_description d join pg_proc p on p.oid = d.objoid and d.classoid = 'pg_proc'::regclass
     join pg_namespace n on n.oid = p.pronamespace where d.description like 'shop-pg %'
     union all
     select 'trigger', n.nspname, t.tgname, format('%I.%I', n.nspname, c.relname), null, d.description
     from pg_description d join pg_trigger t on t.oid = d.objoid and d.classoid = 'pg_trigger'::regclass
     join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace where d.description like 'shop-pg %'`,
  )
  return found.flatMap(({ comment, ...object }) => {
    const [, asset, , whose] = TAG.exec(comment) ?? []
    return asset !== undefined && whose === own ? [{ ...object, asset }] : []
  })
}

/** Views and foreign keys of somebody else that rest on what this package made, and would go with it. */
export async function dependants(connection: Connection, own: string): Promise<string[]> {
  const found = await rows<{ name: string }>(
    connection,
    `with ours as (select objoid as oid from pg_description where classoid = 'pg_class'::regclass and objsubid = 0 and description like 'shop-pg %' and right(description, length($1) + 1) = ' ' || $1)
     select distinct r.ev_class::regclass::text as name from pg_depend d join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
     where d.refclassid = 'pg_class'::regclass and d.refobjid in (select oid from ours) and r.ev_class not in (select oid from ours)
     union select conrelid::regclass::text from pg_constraint where contype = 'f' and confrelid in (select oid from ours) and conrelid not in (select oid from ours)`,
    [own],
  )
  return found.map(({ name }) => name)
}

/** `comment on …` with the step's tag; a function is found by its name, of which this package has one each. */
export function tagSql(step: Step): string {
  const text = literal(tagOf(step))
  const name = `${identifier(step.schema)}.${identifier(step.name)}`
  switch (step.kind) {
    case 'function':
      return `do $tag$ begin execute format('comment on function %s is %L', ${literal(name)}::regproc::regprocedure, ${text}); end $tag$`
    case 'trigger':
      return `do $tag$ begin execute format('comment on trigger %I on %s is %L', ${literal(step.name)}, ${step.onTable}::regclass, ${text}); end $tag$`
    case 'matview':
      return `comment on materialized view ${name} is ${text}`
    default:
      return `comment on ${step.kind} ${name} is ${text}`
  }
}

/** How an object of ours is taken away, where it is still there, with what rests on it: see {@link dependants}. */
export function dropSql({ kind, schema, name, table, signature }: Tagged): string {
  const alone = kind === 'trigger' || kind === 'extension'
  const what = kind === 'function' ? signature! : alone ? identifier(name) : `${identifier(schema)}.${identifier(name)}`
  if (kind === 'trigger') return `drop trigger if exists ${what} on ${table}`
  if (kind === 'index') return `drop index concurrently if exists ${what}`
  return `drop ${kind === 'matview' ? 'materialized view' : kind} if exists ${what} cascade`
}

/** What a plan shows of one asset. */
export interface AssetState {
  readonly asset: Asset
  readonly steps: ReadonlyArray<{ readonly step: Step; readonly state: StepState }>
}
