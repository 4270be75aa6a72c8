import type { Asset, Step, StepKind } from './asset.ts'
import { type Connection, identifier, literal, row, rows } from './sql.ts'

/**
 * What stands on the server in a step's place: nothing; ours, but interrupted before its tag; the same definition; the same
 * by its tag, but somebody has changed it since; another definition of ours; an index that an interrupted build left unusable;
 * something that is not ours.
 */
export type StepState = 'missing' | 'untagged' | 'current' | 'drifted' | 'outdated' | 'invalid' | 'foreign'

/** An object that this package has made, as its comment tells. */
export interface Tagged {
  readonly asset: string
  readonly kind: StepKind
  readonly schema: string
  readonly name: string
  readonly hash: string
  /** As `drop` takes it: quoted, with schema; a function with its arguments, a trigger with its table. */
  readonly target: string
  /** Its place in the server's catalogues. */
  readonly classid: number
  readonly oid: number
  /** Of an index its table. */
  readonly within: number | null
  /** The server's release, and a hash of how it writes the object; of a table or sequence nothing. */
  readonly definition: string | null
}

const TAG = /^shop-pg ([\w-]+) ([0-9a-f]{12}) (.+)$/s

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
  if (tag[2] !== step.hash) return 'outdated'
  return kept?.drifted ? 'drifted' : 'current'
}

/** What this package has noted of a step: begun, so that what an interrupted run left is known to be ours; or finished. */
export interface Bookkept {
  readonly hash: string
  readonly finished: boolean
  /** Where a backfill stands; of an advised index its SQL. */
  readonly cursor: string | null
  /** Whether the object is another than the one that was made. */
  readonly drifted: boolean
}

/** A step's name in the notes. */
export function keyOf({ asset, kind, schema, name }: Pick<Step, 'asset' | 'kind' | 'schema' | 'name'>): string {
  return `${asset}/${kind} ${schema}.${name}`
}

/** The notes; empty where nothing was ever applied. */
export async function readBookkeeping(connection: Connection, schema: string): Promise<Map<string, Bookkept>> {
  const table = `${identifier(schema)}.applied_step`
  const { there } = await row<{ there: boolean }>(connection, 'select to_regclass($1) is not null as there', [table])
  if (!there) return new Map()
  const notes = await rows<Omit<Bookkept, 'drifted'> & { step: string; definition: string | null }>(
    connection,
    `select step, hash, finished_at is not null as finished, cursor, definition from ${table}`,
  )
  const now = new Map((await findTagged(connection, schema)).map((made) => [keyOf(made), made.definition]))
  return new Map(
    notes.map(({ step, definition, ...note }) => [step, { ...note, drifted: differs(definition, now.get(step)) }]),
  )
}

/** Another release writes the same object in other words: then nobody can tell. */
function differs(before: string | null, now: string | null | undefined): boolean {
  return !!before && !!now && before !== now && before.split(':', 1)[0] === now.split(':', 1)[0]
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
        [onTable!.oid, name],
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
  const { path } = await row<{ path: string }>(connection, `select current_setting('search_path') as path`)
  const found = await rows<Tagged>(
    connection,
    // how the server writes an object depends on the search path, so that it has to be the same each time, and set before
    `with path as materialized (select set_config('search_path', '', true) = '' as set),
       tagged as (select classoid, objoid, regexp_match(description, ${literal(TAG.source)}) as tag from pg_description where objsubid = 0 and description like 'shop-pg %')
     select tag[1] as asset, made.kind, made.schema, made.name, tag[2] as hash, made.target, classoid as classid, objoid as oid, made.within,
            current_setting('server_version_num')::int / 10000 || ':' || left(encode(sha256(convert_to(made.text, 'UTF8')), 'hex'), 12) as definition
     from path cross join tagged cross join lateral (
       select case c.relkind when 'i' then 'index' when 'v' then 'view' when 'm' then 'matview' when 'S' then 'sequence' else 'table' end as kind,
              n.nspname as schema, c.relname as name, format('%I.%I', n.nspname, c.relname) as target, i.indrelid as within,
              case when path.set then case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) else pg_get_indexdef(i.indexrelid) end end as text
       from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
       where classoid = 'pg_class'::regclass and c.oid = objoid
       union all
       select 'function', n.nspname, p.proname, case when path.set then format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) end, null,
              case when path.set then pg_get_functiondef(p.oid) end
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace where classoid = 'pg_proc'::regclass and p.oid = objoid
       union all
       select 'trigger', n.nspname, t.tgname, format('%I on %I.%I', t.tgname, n.nspname, c.relname), null,
              case when path.set then pg_get_triggerdef(t.oid) || t.tgenabled::text end
       from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
       where classoid = 'pg_trigger'::regclass and t.oid = objoid
     ) made where tag[3] = $1`,
    [own],
  )
  await connection.query(`select set_config('search_path', ${literal(path)}, true)`) // within a transaction of the caller's
  return found
}

/** Something that rests on an object, in the server's words. */
interface Resting extends Pick<Tagged, 'classid' | 'oid'> {
  readonly what: string
}

/**
 * What rests on these objects and is none of them: views, functions, keys, columns of their types. What is part of one of
 * them (its indexes, its row type, an extension's members) goes with it.
 */
export async function restingOn(
  connection: Connection,
  objects: ReadonlyArray<Pick<Tagged, 'classid' | 'oid'>>,
): Promise<Resting[]> {
  return rows(
    connection,
    `with recursive going (classid, oid) as (
       select * from unnest($1::oid[], $2::oid[])
       union
       select d.classid, d.objid from going g join pg_depend d on d.refclassid = g.classid and d.refobjid = g.oid where d.deptype <> 'n'
     ), resting as (
       -- a view's rule stands for the view
       select case when r.oid is null then d.classid else 'pg_class'::regclass::oid end as classid, coalesce(r.ev_class, d.objid) as oid, case when r.oid is null then d.objsubid else 0 end as part
       from going g join pg_depend d on d.refclassid = g.classid and d.refobjid = g.oid
       left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid where d.deptype = 'n'
     )
     select distinct classid, oid, pg_describe_object(classid, oid, part) as what from resting where (classid, oid) not in (select classid, oid from going) order by what`,
    [objects.map(({ classid }) => classid), objects.map(({ oid }) => oid)],
  )
}

/** Functions in the package's schema that bear no tag and speak of these objects, which the server does not know to be related. */
export async function speakingOf(
  connection: Connection,
  own: string,
  tagged: readonly Tagged[],
  objects: readonly Tagged[],
): Promise<string[]> {
  const names = objects.filter(({ schema, kind }) => schema === own && kind !== 'index').map(({ name }) => name)
  const found = await rows<{ what: string }>(
    connection,
    `select 'function ' || p.oid::regprocedure as what from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = $1 and not p.oid = any ($2::oid[]) and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
       and exists (select from unnest($3::text[]) name where position(name in p.prosrc) > 0) order by what`,
    [own, tagged.map(({ oid }) => oid), names],
  )
  return found.map(({ what }) => what)
}

/** What a rollback drops, so ordered that nothing rests on what goes next; an index of a table that goes is not named. */
export function inDropOrder(tagged: readonly Tagged[], assets?: readonly string[]): Tagged[] {
  const going = tagged.filter(({ asset }) => assets?.includes(asset) ?? true)
  const oids = new Set(going.map(({ oid }) => oid))
  return going
    .filter(({ within }) => within === null || !oids.has(within))
    .sort((a, b) => DROPPED.indexOf(a.kind) - DROPPED.indexOf(b.kind) || b.oid - a.oid)
}

const DROPPED: readonly StepKind[] = ['trigger', 'matview', 'view', 'function', 'index', 'table', 'sequence']

/** `comment on …` with the step's tag; a function is found by its name, of which this package has one each. */
export function tagSql(step: Step): string {
  const kind = step.kind === 'matview' ? 'materialized view' : step.kind
  return `comment on ${kind} ${targetOf(step)} is ${literal(`shop-pg ${step.asset} ${step.hash} ${step.own}`)}`
}

/** The package's schema, which is its own where this made it. */
export function schemaSql(own: string): string {
  return `create schema ${identifier(own)};\ncomment on schema ${identifier(own)} is 'shop-pg schema'`
}

/** The notes, where every step is written down before it begins. */
export function notesSql(own: string): string {
  const notes = `${identifier(own)}.applied_step`
  return `create table ${notes} (step text primary key, hash text not null, begun_at timestamptz not null default now(), finished_at timestamptz, cursor text, definition text);
comment on table ${notes} is ${literal(`shop-pg notes 000000000000 ${own}`)}`
}

/** The note of a finished step. */
export function noteSql(step: Step): string {
  return `insert into ${identifier(step.own)}.applied_step (step, hash, finished_at) values (${literal(keyOf(step))}, '${step.hash}', now())`
}

/** How an object of ours is taken away, where it is still there and nothing rests on it. */
export function dropSql({ kind, target }: Pick<Tagged, 'kind' | 'target'>): string {
  const words: Partial<Record<StepKind, string>> = { matview: 'materialized view', index: 'index concurrently' }
  return `drop ${words[kind] ?? kind} if exists ${target}`
}

/** A step's object, as `comment on` and `drop` take it. */
export function targetOf({ kind, schema, name, onTable }: Pick<Step, 'kind' | 'schema' | 'name' | 'onTable'>): string {
  return kind === 'trigger' ? `${identifier(name)} on ${onTable!.name}` : `${identifier(schema)}.${identifier(name)}`
}

/** What a plan shows of one asset. */
export interface AssetState {
  readonly asset: Asset
  readonly steps: ReadonlyArray<{ readonly step: Step; readonly state: StepState }>
}
