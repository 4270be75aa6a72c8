import pg from 'pg'

import { ADVICE, adviceAsset } from './advice.ts'
import { ASSET_NAMES, assetsFor, type Step, type StepKind, type StepMode, withFoundations } from './asset.ts'
import { PgOptimizationsError } from './errors.ts'
import type { Mapping } from './mapping.ts'
import { checkNames, type Duration, milliseconds, whole } from './options.ts'
import { resolve } from './resolve.ts'
import { blockersOf, type Connect, exclusively, holdersIn, isTransient, pause, refusePooler } from './session.ts'
import { identifier, literal, row, rows, sqlState } from './sql.ts'
import {
  type AssetState,
  dropSql,
  findTagged,
  inDropOrder,
  keyOf,
  notesSql,
  readBookkeeping,
  restingOn,
  schemaSql,
  speakingOf,
  stateOf,
  type StepState,
  type Tagged,
  tagSql,
  targetOf,
} from './state.ts'

/** Where a run stands. */
export interface ApplyProgress {
  /** What is made, or by a rollback dropped. */
  readonly step: Pick<Step, 'asset' | 'kind' | 'schema' | 'name'>
  /** Of all steps of the run, from 1. */
  readonly number: number
  readonly of: number
  /** What of this step is done, 0 to 1, where the server tells. */
  readonly part: number
  /** What of the run is done, 0 to 1, each step weighed by what it has to read. */
  readonly done: number
  readonly note?: string
}

export interface ApplyOptions {
  /** Opens a connection as the owner of the tables: a URL, or a function. */
  readonly connect: string | Connect
  readonly mapping: Mapping
  /** Only these, with what they rest on. @default all whose columns are mapped */
  readonly assets?: readonly string[]
  /** The `sql` of indexes that {@link advise} gave; `assets: ['advice']` builds only them. Their SQL is executed: never from a stranger. */
  readonly advised?: readonly string[]
  /** Computes the data of `assets` anew, where something has passed the triggers by. @default false */
  readonly rebuild?: boolean
  /** How long a statement may queue for a lock, and so hold up everybody behind it. @default '100ms' */
  readonly lockTimeout?: Duration
  /** How long in all to try for a lock, and to let a concurrent build wait for old transactions. @default '1h' */
  readonly patience?: Duration
  /** Rows a backfill begins with; it then aims at 100 ms a batch. @default 1000 */
  readonly batch?: number
  readonly onProgress?: (progress: ApplyProgress) => void
  readonly signal?: AbortSignal
}

/** What one run did. */
export interface Applied {
  readonly made: readonly Step[]
  readonly unchanged: number
}

const COMMON = ['connect', 'mapping', 'lockTimeout', 'patience', 'onProgress', 'signal']

/** How long a run waits: for one lock, and in all; in milliseconds. */
interface Limits {
  readonly lockTimeout: number
  readonly patience: number
  readonly batch: number
}

function limitsOf({ lockTimeout, patience, batch }: Pick<ApplyOptions, 'lockTimeout' | 'patience' | 'batch'>): Limits {
  return {
    lockTimeout: milliseconds('lockTimeout', lockTimeout, 100, 1, 60_000),
    patience: milliseconds('patience', patience, 3_600_000, 100, 7 * 86_400_000),
    batch: whole('batch', batch, 1000, 1, 1_000_000),
  }
}

/** What is there and what is missing, without changing anything. @throws PgOptimizationsError as {@link apply} */
export async function plan({
  connect,
  mapping,
  assets,
  advised,
}: Pick<ApplyOptions, 'connect' | 'mapping' | 'assets' | 'advised'>): Promise<AssetState[]> {
  const client = await connector(connect)()
  try {
    return await statesOf(client, mapping, assets, advised)
  } finally {
    await client.end()
  }
}

/**
 * Applies assets to a live database. Every step is small: fast DDL gives up its place in the queue after `lockTimeout` and
 * comes back; indexes are built concurrently; what must be computed is computed in batches or over one snapshot. A run that
 * was cancelled or killed is finished by the next one.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_OPTION`, `_TABLE`, `_COLUMN`, `_TYPE`, `_PARTITIONED`, `_REPLICA`, `_VERSION`,
 *   `_RIGHTS`, `_CONFLICT`, `_LOCKED`, `_BUSY`
 */
export async function apply(options: ApplyOptions): Promise<Applied> {
  checkNames('apply', options, [...COMMON, 'assets', 'advised', 'rebuild', 'batch'])
  const limits = limitsOf(options)
  const connect = connector(options.connect)
  const client = await connect()
  try {
    // before the lock, so that a wrong mapping is told at once and changes nothing
    const states = await statesOf(client, options.mapping, options.assets, options.advised)
    refuseForeign(states)
    await refuseUnable(client, states)
    await refusePooler(client, connect)
    return await exclusively(client, options.mapping.schema, limits.patience, options.signal, () =>
      new Run(client, connect, options, limits).all(),
    )
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * Takes away what this package has made, or of it these assets, and nothing else. What anybody has built on it is named, and
 * then nothing is taken away; pg_trgm stays where somebody uses it.
 *
 * @throws PgOptimizationsError as {@link apply}
 */
export async function rollback(options: Omit<ApplyOptions, 'advised' | 'rebuild' | 'batch'>): Promise<number> {
  checkNames('rollback', options, [...COMMON, 'assets'])
  checkAssets(options.assets)
  const limits = limitsOf(options)
  const connect = connector(options.connect)
  const client = await connect()
  try {
    await resolve(client, options.mapping)
    await refusePooler(client, connect)
    return await exclusively(client, options.mapping.schema, limits.patience, options.signal, () =>
      new Run(client, connect, options, limits).undo(),
    )
  } finally {
    await client.end().catch(() => {})
  }
}

async function statesOf(
  client: pg.Client,
  mapping: Mapping,
  names: readonly string[] | undefined,
  advised: readonly string[] = [],
): Promise<AssetState[]> {
  checkAssets(names)
  const resolved = await resolve(client, mapping)
  const notes = await readBookkeeping(client, mapping.schema)
  const wanted = names && withFoundations(names)
  const states: AssetState[] = []
  const advice = adviceAsset(advised, notes, mapping.schema)
  for (const asset of [...assetsFor(resolved), ...(advice.steps.length > 0 ? [advice] : [])]) {
    if (wanted && !wanted.has(asset.name)) continue
    const steps = []
    for (const step of asset.steps) steps.push({ step, state: await stateOf(client, step, notes) })
    states.push({ asset, steps })
  }
  return states
}

function checkAssets(names: readonly string[] = []): void {
  for (const name of names) {
    if (name !== ADVICE && !ASSET_NAMES.includes(name))
      throw new PgOptimizationsError(
        'ERR_SHOP_PG_OPTION',
        `assets: there is no ${JSON.stringify(name)}; there are ${ASSET_NAMES.join(', ')}`,
      )
  }
}

function refuseForeign(states: readonly AssetState[]): void {
  const foreign = states.flatMap(({ steps }) =>
    steps.filter(({ state }) => state === 'foreign').map(({ step }) => `${step.kind} ${step.schema}.${step.name}`),
  )
  if (foreign.length > 0)
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_CONFLICT',
      `these exist and are not of this package: ${foreign.join(', ')}; rename or drop them, or choose another schema`,
    )
}

/** What steps need beyond the tables' ownership: an index lives in its table's schema, an extension in the database. */
async function refuseUnable(client: pg.Client, states: readonly AssetState[]): Promise<void> {
  const steps = states.flatMap((asset) =>
    asset.steps.filter(({ state }) => state === 'missing').map(({ step }) => step),
  )
  const may = await row<{ role: string; extend: boolean; closed: string[] }>(
    client,
    `select current_user as role, has_database_privilege(current_database(), 'create') as extend,
            array(select nspname::text from pg_namespace where nspname = any ($1) and not has_schema_privilege(oid, 'create')) as closed`,
    [[...new Set(steps.map(({ schema }) => schema))]],
  )
  const lacking = steps.find(({ kind, schema }) => (kind === 'extension' && !may.extend) || may.closed.includes(schema))
  if (lacking)
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_RIGHTS',
      `${lacking.kind} ${lacking.name}: role ${may.role} lacks a right; grant create on ${
        lacking.kind === 'extension' ? 'this database' : `schema ${lacking.schema}`
      } to it`,
    )
}

/** Before anything goes: what a user has built on it would go with it. */
function refuseResting(theirs: readonly string[]): void {
  if (theirs.length > 0)
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_CONFLICT',
      `these rest on objects that have to go: ${theirs.join(', ')}; drop them first, and make them again afterwards`,
    )
}

/** Pages that a step reads while quick DDL would be done, which takes some ten milliseconds. */
const PAGES: Readonly<Record<StepMode, number>> = { ddl: Infinity, concurrent: 50, build: 20, backfill: 2 }

/** What keeps an asset's data, or holds it. */
const KEEPING: readonly StepKind[] = ['table', 'function', 'trigger']

/** The SQLSTATEs of a function or view that cannot be exchanged for another in place. */
const MISFIT = ['42P13', '42P16', '42725']

function connector(connect: string | Connect): Connect {
  if (typeof connect !== 'string') return connect
  return async () => {
    const client = new pg.Client({ connectionString: connect, application_name: 'shop-pg' })
    client.on('error', () => {}) // the query in flight rejects, which is where it is handled
    await client.connect()
    return client
  }
}

type RunOptions = Pick<ApplyOptions, 'mapping' | 'assets' | 'advised' | 'rebuild' | 'onProgress' | 'signal'>

class Run {
  readonly #client: pg.Client
  readonly #connect: Connect
  readonly #options: RunOptions
  readonly #limits: Limits
  readonly #notes: string
  #number = 0
  #of = 0
  /** Weights: of the step in hand, of those before it, of all. */
  #weight = 1
  #before = 0
  #all = 1

  constructor(client: pg.Client, connect: Connect, options: RunOptions, limits: Limits) {
    this.#client = client
    this.#connect = connect
    this.#options = options
    this.#limits = limits
    this.#notes = `${identifier(options.mapping.schema)}.applied_step`
  }

  async all(): Promise<Applied> {
    await this.#prepare()
    const states = await statesOf(this.#client, this.#options.mapping, this.#options.assets, this.#options.advised)
    refuseForeign(states)
    const { rebuild = false, assets } = this.#options
    const steps = states.flatMap((state) => state.steps)
    const notes = await readBookkeeping(this.#client, this.#options.mapping.schema)
    for (const { step, state } of steps)
      if (state === 'outdated' || state === 'drifted') await this.#refuseReplacing(step)
    const made: Step[] = []
    let unchanged = 0
    // what rests on an object that changes is made anew with it: a view on its table, a backfill of its rows
    let changed = rebuild
    const anew = steps.filter(({ step }) => rebuild && step.kind === 'data' && (assets?.includes(step.asset) ?? true))
    await this.#spoil(anew)
    const due = steps.filter((planned) => planned.state !== 'current' || anew.includes(planned)).map(({ step }) => step)
    const weights = await this.#weigh(due)
    this.#of = due.length
    this.#all = due.reduce((sum, step) => sum + weights.get(step)!, 0)
    for (const [n, planned] of steps.entries()) {
      const { step } = planned
      // what was replaced may have taken this one with it
      const state = changed
        ? await stateOf(this.#client, step, await readBookkeeping(this.#client, this.#options.mapping.schema))
        : planned.state
      if (state === 'current') {
        unchanged++
        continue
      }
      // without what somebody has dropped, changes went unseen
      const lost = state === 'missing' && KEEPING.includes(step.kind) && notes.get(keyOf(step))?.finished
      if (state === 'outdated' || state === 'drifted' || lost) {
        changed = true
        await this.#spoil(
          steps.slice(n).filter((later) => later.step.kind === 'data' && later.step.asset === step.asset),
        )
      }
      this.#options.signal?.throwIfAborted()
      this.#next(weights.get(step))
      await this.#carryOut(step, state)
      made.push(step)
    }
    await this.#remember()
    return { made, unchanged }
  }

  /** These are to be computed anew, by this run or, where it is cut off, by the next. */
  async #spoil(data: AssetState['steps']): Promise<void> {
    await this.#client.query(`update ${this.#notes} set finished_at = null, cursor = null where step = any ($1)`, [
      data.map(({ step }) => keyOf(step)),
    ])
  }

  #next(weight = 1): void {
    this.#before += this.#number++ === 0 ? 0 : this.#weight
    this.#weight = weight
  }

  async #weigh(steps: readonly Step[]): Promise<Map<Step, number>> {
    const oids = [...new Set(steps.flatMap(({ onTable }) => onTable?.oid ?? []))]
    const sizes = await rows<{ oid: number; pages: number }>(
      this.#client,
      'select oid, pg_relation_size(oid)::float8 / 8192 as pages from unnest($1::oid[]) oid',
      [oids],
    )
    const all = sizes.reduce((sum, { pages }) => sum + pages, 0)
    return new Map(
      steps.map((step) => {
        const { pages = all } = sizes.find(({ oid }) => oid === step.onTable?.oid) ?? {}
        return [step, 1 + pages / PAGES[step.kind === 'matview' ? 'build' : step.mode]]
      }),
    )
  }

  /** Notes how the server writes what was made, by which a later plan sees whether somebody has changed it. */
  async #remember(): Promise<void> {
    const tagged = (await findTagged(this.#client, this.#options.mapping.schema)).filter((made) => made.definition)
    await this.#client.query(
      `insert into ${this.#notes} (step, hash, finished_at, definition) select step, hash, now(), definition from unnest($1::text[], $2::text[], $3::text[]) made (step, hash, definition)
       on conflict (step) do update set definition = excluded.definition where split_part(applied_step.definition, ':', 1) is distinct from split_part(excluded.definition, ':', 1)`,
      [tagged.map(keyOf), tagged.map(({ hash }) => hash), tagged.map(({ definition }) => definition)],
    )
  }

  /** The schema and the notes, which every later step is written down in before it begins. */
  async #prepare(): Promise<void> {
    const { schema } = this.#options.mapping
    const { there } = await row<{ there: boolean }>(this.#client, 'select to_regclass($1) is not null as there', [
      this.#notes,
    ])
    if (there) return
    const { schema_there: schemaThere } = await row<{ schema_there: boolean }>(
      this.#client,
      'select exists (select from pg_namespace where nspname = $1) as schema_there',
      [schema],
    )
    await this.#quickly(`${schemaThere ? '' : `${schemaSql(schema)};`} ${notesSql(schema)}`)
  }

  async #carryOut(step: Step, state: StepState): Promise<void> {
    this.#tell(step, 0)
    if (state === 'untagged') return this.#tag(step)
    const replaced = state === 'outdated' || state === 'drifted'
    if (replaced && (await this.#replace(step))) return this.#tell(step, 1)
    if (replaced || state === 'invalid') await this.#remove(step)
    await this.#note(step)
    if (step.mode === 'concurrent') await this.#concurrently(step, step.sql).catch((error) => this.#forget(step, error))
    else if (step.mode === 'backfill') await this.#backfill(step)
    else if (step.mode === 'build') await this.#build(step)
    // an extension bears no tag: that it is ours is noted in the transaction that makes it, or a kill in between would leave it behind
    else if (step.kind === 'extension')
      await this.#quickly(
        `${step.sql}\n;update ${this.#notes} set finished_at = now() where step = ${literal(keyOf(step))}`,
        step,
      )
    else await this.#quickly(`${step.sql}\n;${tagSql(step)}`, step)
    if (step.mode === 'concurrent') await this.#tag(step)
    else await this.#finish(step)
    this.#tell(step, 1)
  }

  /** A function, trigger or view of the same shape is exchanged in place, so that no change goes unseen in between. */
  async #replace(step: Step): Promise<boolean> {
    if (!['function', 'trigger', 'view'].includes(step.kind)) return false
    try {
      await this.#quickly(inPlace(step), step)
    } catch (error) {
      if (!MISFIT.includes(sqlState(error) ?? '')) throw error
      return false // another shape: it has to go first
    }
    await this.#note(step)
    await this.#finish(step)
    return true
  }

  /** Before anything changes: what a user has built on an object is in the way where it cannot be exchanged in place. */
  async #refuseReplacing(step: Step): Promise<void> {
    if (!['table', 'function', 'view', 'matview'].includes(step.kind)) return
    const { theirs } = await this.#goingWith(step)
    if (theirs.length > 0 && !(await this.#fits(step))) refuseResting(theirs)
  }

  async #fits(step: Step): Promise<boolean> {
    if (step.kind !== 'function' && step.kind !== 'view') return false
    try {
      await this.#client.query(
        `begin; set local lock_timeout = ${this.#limits.lockTimeout}; set local check_function_bodies = off; ${inPlace(step)}`,
      )
      return true
    } catch (error) {
      return !MISFIT.includes(sqlState(error) ?? '')
    } finally {
      await this.#client.query('rollback')
    }
  }

  /** Advice that the server refuses would be refused by every later run too. */
  async #forget(step: Step, error: unknown): Promise<never> {
    if (step.asset === ADVICE && /^(22|23|42|54)/.test(sqlState(error) ?? '')) {
      await this.#remove(step)
      await this.#client.query(`delete from ${this.#notes} where step = $1`, [keyOf(step)])
    }
    throw error
  }

  async #tag(step: Step): Promise<void> {
    await this.#quickly(tagSql(step), step)
    await this.#finish(step)
  }

  /** Written down before it begins: what an interrupted run leaves is then known to be ours. */
  async #note(step: Step): Promise<void> {
    await this.#client.query(
      `insert into ${this.#notes} (step, hash, cursor) values ($1, $2, $3)
       on conflict (step) do update set hash = excluded.hash, begun_at = now(), finished_at = null, definition = null,
         cursor = case when applied_step.hash = excluded.hash then applied_step.cursor else excluded.cursor end`,
      [keyOf(step), step.hash, step.asset === ADVICE ? step.sql : null],
    )
  }

  async #finish(step: Step): Promise<void> {
    await this.#client.query(`update ${this.#notes} set finished_at = now(), cursor = $2 where step = $1`, [
      keyOf(step),
      step.asset === ADVICE ? step.sql : null,
    ])
  }

  /** DDL in a transaction that waits for locks only briefly, so that nobody queues behind it for long; tried again with growing pauses. */
  async #quickly(sql: string, step?: ApplyProgress['step']): Promise<void> {
    const until = performance.now() + this.#limits.patience
    for (let wait = 50; ; wait = Math.min(wait * 2, 5000)) {
      try {
        await this.#client.query(
          `begin; set local lock_timeout = ${this.#limits.lockTimeout}; set local statement_timeout = 0; ${sql}; commit`,
        )
        return
      } catch (error) {
        await this.#client.query('rollback')
        if (!isTransient(error)) throw this.#explained(error, step)
        // what only reads is in the way of a drop alone
        const holders = await holdersIn(this.#client, step?.schema ?? this.#options.mapping.schema, /^drop /.test(sql))
        if (performance.now() > until) {
          throw new PgOptimizationsError(
            'ERR_SHOP_PG_LOCKED',
            `${step ? `${step.kind} ${step.name}: ` : ''}no lock within ${this.#limits.patience} ms; held by ${holders}`,
            { cause: error },
          )
        }
        if (step) this.#tell(step, 0, `waiting for a lock held by ${holders}`)
        await pause(wait * (0.5 + Math.random() / 2), this.#options.signal)
      }
    }
  }

  /** CREATE or DROP INDEX CONCURRENTLY on a connection of its own, watched from this one. What a failed build leaves, the next run removes. */
  async #concurrently(step: ApplyProgress['step'], sql: string): Promise<void> {
    const builder = await this.#connect()
    try {
      const { pid } = await row<{ pid: number }>(
        builder,
        `select pg_backend_pid() as pid, set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)`,
      )
      let over = false
      const building = builder.query(sql.replace(/;\s*$/, '')).finally(() => (over = true))
      building.catch(() => {}) // awaited below; the watch may throw before
      try {
        await this.#watch(step, pid, () => over)
      } catch (error) {
        await this.#client.query('select pg_cancel_backend($1)', [pid])
        await building.catch(() => {})
        throw error
      }
      await building
    } catch (error) {
      throw this.#explained(error, step)
    } finally {
      await builder.end().catch(() => {})
    }
  }

  async #watch(step: ApplyProgress['step'], pid: number, isOver: () => boolean): Promise<void> {
    let waitingSince: number | undefined
    for (let wait = 5; !isOver(); wait = Math.min(wait * 2, 500)) {
      await pause(wait, this.#options.signal)
      if (isOver()) return
      const [now] = await rows<{ phase: string; part: number; waiting: boolean }>(
        this.#client,
        `select coalesce(p.phase, 'dropping') as phase, coalesce(p.blocks_done::float8 / nullif(p.blocks_total, 0), p.tuples_done::float8 / nullif(p.tuples_total, 0), 0) as part,
                a.wait_event_type = 'Lock' as waiting
         from pg_stat_activity a left join pg_stat_progress_create_index p using (pid) where a.pid = $1`,
        [pid],
      )
      if (!now?.waiting) {
        waitingSince = undefined
        if (now) this.#tell(step, now.part, now.phase)
        continue
      }
      waitingSince ??= performance.now()
      const holders = await blockersOf(this.#client, pid)
      this.#tell(step, now.part, `waiting for ${holders}`)
      if (performance.now() - waitingSince > this.#limits.patience) {
        throw new PgOptimizationsError(
          'ERR_SHOP_PG_LOCKED',
          `index ${step.name}: waited ${this.#limits.patience} ms for ${holders}; end that transaction and run again`,
        )
      }
    }
  }

  /** One transaction over one snapshot; autovacuum would call it long, readers and writers do not notice it. */
  async #build(step: Step): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.query(
          `begin isolation level repeatable read; set local statement_timeout = 0; ${step.sql.replace(/;\s*$/, '')}; commit`,
        )
        return
      } catch (error) {
        await this.#client.query('rollback')
        // a fold that emptied ledger rows of our snapshot: the next snapshot sees what it made of them
        if (!isTransient(error) || attempt === 20) throw this.#explained(error, step)
        await pause(50 * attempt, this.#options.signal)
      }
    }
  }

  /** Batches in transactions of their own; where the last one stopped is noted in the same transaction. */
  async #backfill(step: Step): Promise<void> {
    let { cursor } = await row<{ cursor: string | null }>(
      this.#client,
      `select cursor from ${this.#notes} where step = $1`,
      [keyOf(step)],
    )
    let size = this.#limits.batch
    const total = await this.#expected(step)
    for (let done = 0; ;) {
      this.#options.signal?.throwIfAborted()
      const start = performance.now()
      const { count, last } = await this.#oneBatch(step, cursor, size)
      if (count === 0) return
      cursor = last
      done += count
      this.#tell(step, Math.min(1, done / Math.max(1, total)))
      const took = performance.now() - start
      size = Math.max(100, Math.min(50_000, Math.round(size * Math.min(2, Math.max(0.5, 100 / took)))))
      await pause(Math.min(50, took / 4), this.#options.signal) // leaves room for others
    }
  }

  async #oneBatch(step: Step, cursor: string | null, size: number): Promise<{ count: number; last: string | null }> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.query('begin; set local statement_timeout = 0') // the batch bounds it
        const batch = await row<{ count: number; last: string | null }>(this.#client, step.sql.replace(/;\s*$/, ''), [
          cursor,
          size,
        ])
        if (batch.count > 0)
          await this.#client.query(`update ${this.#notes} set cursor = $2 where step = $1`, [keyOf(step), batch.last])
        await this.#client.query('commit')
        return batch
      } catch (error) {
        await this.#client.query('rollback')
        if (!isTransient(error) || attempt === 20) throw this.#explained(error, step)
        await pause(20 * attempt, this.#options.signal)
      }
    }
  }

  async #expected(step: Step): Promise<number> {
    const { n } = await row<{ n: number }>(
      this.#client,
      'select greatest(reltuples, 0)::float8 as n from pg_class where oid = $1',
      [step.onTable!.oid],
    )
    return n
  }

  /** Takes a step's object away, with what of ours rests on it: that is made anew after it. */
  async #remove(step: Step): Promise<void> {
    if (step.kind === 'data') return
    if (step.kind === 'index') return this.#concurrently(step, dropSql({ kind: step.kind, target: targetOf(step) }))
    const { ours, theirs } = await this.#goingWith(step)
    refuseResting(theirs)
    await this.#quickly(ours.map(dropSql).join('; '), step)
  }

  async #goingWith(step: Step): Promise<{ readonly ours: readonly Tagged[]; readonly theirs: readonly string[] }> {
    const tagged = await findTagged(this.#client, this.#options.mapping.schema)
    let ours = tagged.filter((made) => keyOf(made) === keyOf(step))
    for (;;) {
      const resting = await restingOn(this.#client, ours)
      const more = tagged.filter((made) => resting.some((one) => isSame(one, made)))
      const theirs = resting.filter((one) => !more.some((made) => isSame(one, made)))
      if (theirs.length > 0 || more.length === 0)
        return { ours: inDropOrder(ours), theirs: theirs.map(({ what }) => what) }
      ours = [...ours, ...more]
    }
  }

  async undo(): Promise<number> {
    const { mapping, assets } = this.#options
    const notes = await readBookkeeping(this.#client, mapping.schema)
    const tagged = await findTagged(this.#client, mapping.schema)
    const going = inDropOrder(tagged, assets)
    const resting = await restingOn(this.#client, going)
    refuseResting([
      ...resting.map((one) => {
        const ours = tagged.find((made) => isSame(one, made))
        return ours ? `${one.what} (asset ${ours.asset})` : one.what
      }),
      ...(await speakingOf(this.#client, mapping.schema, tagged, going)),
    ])
    this.#of = this.#all = going.length
    for (const object of going) {
      this.#next()
      this.#options.signal?.throwIfAborted()
      this.#tell(object, 0)
      if (object.kind === 'index') await this.#concurrently(object, dropSql(object))
      else await this.#quickly(dropSql(object), object)
    }
    const kept: string[] = []
    for (const [key, { finished }] of notes) {
      const [, asset, kind, schema, name] = /^([\w-]+)\/(extension|index) (.*)\.(\w+)$/s.exec(key) ?? []
      if (asset === undefined || !(assets?.includes(asset) ?? true)) continue
      const object = { asset, kind: kind as 'extension' | 'index', schema: schema!, name: name! }
      if (kind === 'extension' && finished && !(await this.#dropUnused(`extension ${identifier(name!)}`, object)))
        kept.push(key)
      // one that an interrupted run left without its tag
      if (kind === 'index' && !finished && name!.startsWith('shop_'))
        await this.#concurrently(
          object,
          dropSql({ kind: 'index', target: targetOf({ ...object, onTable: undefined }) }),
        )
    }
    if (!assets) await this.#dropSchema()
    else if (notes.size > 0)
      await this.#client.query(
        `delete from ${this.#notes} where split_part(step, '/', 1) = any ($1) and step <> all ($2)`,
        [assets, kept],
      )
    return going.length
  }

  async #dropSchema(): Promise<void> {
    const { schema } = this.#options.mapping
    const { ours } = await row<{ ours: boolean }>(
      this.#client,
      `select coalesce((select obj_description(oid, 'pg_namespace') = 'shop-pg schema' from pg_namespace where nspname = ${literal(schema)}), false) as ours`,
    )
    // somebody may have put a table of his own there: then it stays, with the table
    if (ours) await this.#dropUnused(`schema ${identifier(schema)}`)
  }

  /** False where somebody uses it; then it stays. */
  async #dropUnused(what: string, step?: ApplyProgress['step']): Promise<boolean> {
    try {
      await this.#quickly(`drop ${what}`, step)
      return true
    } catch (error) {
      if (!(error instanceof PgOptimizationsError) || error.code !== 'ERR_SHOP_PG_CONFLICT') throw error
      if (step) this.#tell(step, 1, 'stays: somebody uses it')
      return false
    }
  }

  #tell(step: ApplyProgress['step'], part: number, note?: string): void {
    this.#options.onProgress?.({
      step,
      number: this.#number,
      of: this.#of,
      part,
      done: Math.min(1, (this.#before + this.#weight * part) / this.#all),
      ...(note !== undefined && { note }),
    })
  }

  #explained(error: unknown, step: ApplyProgress['step'] | undefined): unknown {
    const code = ({ '42501': 'ERR_SHOP_PG_RIGHTS', '2BP01': 'ERR_SHOP_PG_CONFLICT' } as const)[sqlState(error) ?? '']
    if (code === undefined) return error
    const { message, detail } = error as { readonly message: string; readonly detail?: string }
    return new PgOptimizationsError(
      code,
      `${step ? `${step.kind} ${step.name}: ` : ''}${message}${detail === undefined ? '' : `; ${detail}`}`,
      { cause: error },
    )
  }
}

/** The SQL of a step that exchanges what is there, and tags it. */
function inPlace(step: Step): string {
  return `${step.sql.replace(/\bcreate (function|trigger|view)\b/, 'create or replace $1')}\n;${tagSql(step)}`
}

function isSame(a: Pick<Tagged, 'classid' | 'oid'>, b: Pick<Tagged, 'classid' | 'oid'>): boolean {
  return a.classid === b.classid && a.oid === b.oid
}
