import pg from 'pg'

import { ADVICE, adviceAsset } from './advice.ts'
import { ASSET_NAMES, assetsFor, type Step, withFoundations } from './asset.ts'
import { PgOptimizationsError } from './errors.ts'
import type { Mapping } from './mapping.ts'
import { checkNames, type Duration, milliseconds, whole } from './options.ts'
import { resolve } from './resolve.ts'
import { blockersOf, type Connect, exclusively, isTransient, pause } from './session.ts'
import { identifier, literal, row, rows, sqlState } from './sql.ts'
import {
  type AssetState,
  dependants,
  dropSql,
  findTagged,
  keyOf,
  readBookkeeping,
  stateOf,
  type StepState,
  tagSql,
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
  checkNames('apply', options, [...COMMON, 'assets', 'advised', 'batch'])
  const limits = limitsOf(options)
  const connect = connector(options.connect)
  const client = await connect()
  try {
    // before the lock, so that a wrong mapping is told at once and changes nothing
    refuseForeign(await statesOf(client, options.mapping, options.assets, options.advised))
    return await exclusively(client, options.mapping.schema, limits.patience, options.signal, () =>
      new Run(client, connect, options, limits).all(),
    )
  } finally {
    await client.end().catch(() => {})
  }
}

/** Takes away everything this package has made, and nothing else. @throws PgOptimizationsError as {@link apply} */
export async function rollback(options: Omit<ApplyOptions, 'assets' | 'advised' | 'batch'>): Promise<number> {
  checkNames('rollback', options, COMMON)
  const limits = limitsOf(options)
  const connect = connector(options.connect)
  const client = await connect()
  try {
    await resolve(client, options.mapping)
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
  for (const name of names ?? []) {
    if (name !== ADVICE && !ASSET_NAMES.includes(name))
      throw new PgOptimizationsError(
        'ERR_SHOP_PG_OPTION',
        `assets: there is no ${JSON.stringify(name)}; there are ${ASSET_NAMES.join(', ')}`,
      )
  }
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

function connector(connect: string | Connect): Connect {
  if (typeof connect !== 'string') return connect
  return async () => {
    const client = new pg.Client({ connectionString: connect, application_name: 'shop-pg' })
    client.on('error', () => {}) // the query in flight rejects, which is where it is handled
    await client.connect()
    return client
  }
}

type RunOptions = Pick<ApplyOptions, 'mapping' | 'assets' | 'advised' | 'onProgress' | 'signal'>

class Run {
  readonly #client: pg.Client
  readonly #connect: Connect
  readonly #options: RunOptions
  readonly #limits: Limits
  readonly #notes: string
  #number = 0
  #of = 0

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
    const steps = states.flatMap((state) => state.steps)
    const replaced = steps.some(
      ({ step, state }) => state === 'outdated' && ['table', 'view', 'matview'].includes(step.kind),
    )
    if (replaced) await this.#refuseDependants()
    this.#of = steps.filter(({ state }) => state !== 'current').length
    const made: Step[] = []
    let unchanged = 0
    // what rests on an object that changes is made anew with it: a view on its table, a backfill of its rows
    const stale = new Set<string>()
    for (const planned of steps) {
      const { step } = planned
      // what was replaced may have taken this one with it
      const state =
        stale.size > 0
          ? await stateOf(this.#client, step, await readBookkeeping(this.#client, this.#options.mapping.schema))
          : planned.state
      if (state === 'current' && !(step.kind === 'data' && stale.has(step.asset))) {
        unchanged++
        continue
      }
      if (state === 'outdated') stale.add(step.asset)
      this.#options.signal?.throwIfAborted()
      this.#number++
      await this.#carryOut(step, state)
      made.push(step)
    }
    return { made, unchanged }
  }

  /** The schema and the notes, which every later step is written down in before it begins. */
  async #prepare(): Promise<void> {
    const schema = identifier(this.#options.mapping.schema)
    const { there } = await row<{ there: boolean }>(this.#client, 'select to_regclass($1) is not null as there', [
      this.#notes,
    ])
    if (there) return
    const { schema_there: schemaThere } = await row<{ schema_there: boolean }>(
      this.#client,
      'select exists (select from pg_namespace where nspname = $1) as schema_there',
      [this.#options.mapping.schema],
    )
    await this.#quickly(
      `${schemaThere ? '' : `create schema ${schema}; comment on schema ${schema} is 'shop-pg schema';`}
       create table ${this.#notes} (step text primary key, hash text not null, begun_at timestamptz not null default now(), finished_at timestamptz, cursor text);
       comment on table ${this.#notes} is ${literal(`shop-pg notes 000000000000 ${this.#options.mapping.schema}`)}`,
    )
  }

  async #carryOut(step: Step, state: StepState): Promise<void> {
    this.#tell(step, 0)
    if (state === 'untagged') return this.#tag(step)
    if (state === 'outdated' && (await this.#replace(step))) return this.#tell(step, 1)
    if (state === 'outdated' || state === 'invalid') await this.#remove(step)
    await this.#note(step)
    if (step.mode === 'concurrent') await this.#concurrently(step, step.sql)
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
      await this.#quickly(
        `${step.sql.replace(/\bcreate (function|trigger|view)\b/, 'create or replace $1')}\n;${tagSql(step)}`,
        step,
      )
    } catch (error) {
      if (sqlState(error) !== '42P13' && sqlState(error) !== '42P16') throw error
      return false // another shape: it has to go first
    }
    await this.#note(step)
    await this.#finish(step)
    return true
  }

  async #tag(step: Step): Promise<void> {
    await this.#quickly(tagSql(step), step)
    await this.#finish(step)
  }

  /** Written down before it begins: what an interrupted run leaves is then known to be ours. */
  async #note(step: Step): Promise<void> {
    await this.#client.query(
      `insert into ${this.#notes} (step, hash, cursor) values ($1, $2, $3)
       on conflict (step) do update set hash = excluded.hash, begun_at = now(), finished_at = null,
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
  async #quickly(sql: string, step?: Step): Promise<void> {
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
        const holders = await this.#holders(step)
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

  /** Who has the tables of the mapping open just now, longest first. */
  async #holders(step: Step | undefined): Promise<string> {
    const { who } = await row<{ who: string | null }>(
      this.#client,
      `select string_agg(distinct format('process %s (%s, %s, transaction open for %s, %s)', a.pid, a.usename,
                coalesce(nullif(a.application_name, ''), 'no application name'), date_trunc('second', now() - a.xact_start), a.state), '; ') as who
       from pg_locks l join pg_stat_activity a using (pid) join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
       where l.granted and a.pid <> pg_backend_pid() and c.relkind = 'r' and n.nspname = $1 and l.mode <> 'AccessShareLock'`,
      [step?.schema ?? this.#options.mapping.schema],
    )
    return who ?? 'somebody who has gone meanwhile'
  }

  /** CREATE or DROP INDEX CONCURRENTLY on a connection of its own, watched from this one. What a failed build leaves, the next run removes. */
  async #concurrently(step: Step, sql: string): Promise<void> {
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

  async #watch(step: Step, pid: number, isOver: () => boolean): Promise<void> {
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
        await this.#client.query('begin')
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
      [step.onTable],
    )
    return n
  }

  async #remove(step: Step): Promise<void> {
    if (step.kind === 'data') return
    const table =
      step.onTable === undefined
        ? null
        : (await row<{ name: string }>(this.#client, 'select $1::regclass::text as name', [step.onTable])).name
    const name = `${identifier(step.schema)}.${identifier(step.name)}`
    const signature =
      step.kind === 'function'
        ? (
            await row<{ signature: string }>(this.#client, 'select $1::regproc::regprocedure::text as signature', [
              name,
            ])
          ).signature
        : null
    const sql = dropSql({ asset: step.asset, kind: step.kind, schema: step.schema, name: step.name, table, signature })
    if (step.kind === 'index') await this.#concurrently(step, sql)
    else await this.#quickly(sql, step)
  }

  async undo(): Promise<number> {
    const order: Record<string, number> = {
      trigger: 0,
      matview: 1,
      view: 2,
      function: 3,
      index: 4,
      sequence: 6,
      table: 5,
    }
    const { mapping } = this.#options
    const notes = await readBookkeeping(this.#client, mapping.schema)
    await this.#refuseDependants()
    const tagged = await findTagged(this.#client, mapping.schema)
    tagged.sort((a, b) => order[a.kind]! - order[b.kind]!)
    this.#of = tagged.length
    let dropped = 0
    for (const object of tagged) {
      this.#number++
      this.#options.signal?.throwIfAborted()
      this.#tell(object, 0)
      if (object.kind === 'index' && object.schema === mapping.schema) continue // goes with its table
      if (object.kind === 'index') await this.#client.query(dropSql(object))
      else await this.#quickly(dropSql(object))
      dropped++
    }
    for (const [key, note] of notes) {
      const extension = /\/extension .*\.(\w+)$/.exec(key)
      if (extension && note.finished) await this.#quickly(`drop extension ${identifier(extension[1]!)}`)
      const index = /\/index (.*)\.(shop_\w+)$/.exec(key)
      // one that an interrupted run left without its tag
      if (index && !note.finished)
        await this.#client.query(`drop index concurrently if exists ${identifier(index[1]!)}.${identifier(index[2]!)}`)
    }
    const { ours } = await row<{ ours: boolean }>(
      this.#client,
      `select coalesce((select obj_description(oid, 'pg_namespace') = 'shop-pg schema' from pg_namespace where nspname = ${literal(mapping.schema)}), false) as ours`,
    )
    if (ours) {
      // somebody may have put a table of his own there: then it stays, with the table
      await this.#quickly(`drop schema ${identifier(mapping.schema)}`).catch((error: unknown) => {
        if (sqlState(error) !== '2BP01') throw error
      })
    }
    return dropped
  }

  /** Before anything goes: what a user has built on it would go with it. */
  async #refuseDependants(): Promise<void> {
    const theirs = await dependants(this.#client, this.#options.mapping.schema)
    if (theirs.length > 0)
      throw new PgOptimizationsError(
        'ERR_SHOP_PG_CONFLICT',
        `these rest on objects that have to go: ${theirs.join(', ')}; drop them first, and make them again afterwards`,
      )
  }

  #tell(step: ApplyProgress['step'], part: number, note?: string): void {
    this.#options.onProgress?.({ step, number: this.#number, of: this.#of, part, ...(note !== undefined && { note }) })
  }

  #explained(error: unknown, step: Step | undefined): unknown {
    if (sqlState(error) !== '42501') return error
    return new PgOptimizationsError(
      'ERR_SHOP_PG_RIGHTS',
      `${step ? `${step.kind} ${step.name}: ` : ''}${(error as Error).message}`,
      { cause: error },
    )
  }
}
