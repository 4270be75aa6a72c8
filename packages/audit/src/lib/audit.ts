import type { KeyObject } from 'node:crypto'

import type { ClientBase, Pool } from 'pg'

import type { Action, Durability } from './action.ts'
import { shopActions } from './catalogue.ts'
import type { ShopAction } from './catalogue.ts'
import { Chain } from './chain.ts'
import { DatabaseWriter } from './database-writer.ts'
import { Drain } from './drain.ts'
import { AuditError } from './errors.ts'
import type { AuditEvent, EventOf } from './event.ts'
import { channels } from './events.ts'
import { GroupCommit } from './group-commit.ts'
import { insertStatements, type InsertStatements, insertTuples } from './insert.ts'
import { type EventMac, eventMac } from './mac.ts'
import { checkNames, type Duration, duration, oneOf, optionError, schemaName, wholeNumber } from './options.ts'
import { type Preparation, type PreparedEvent, prepareEvent } from './prepare.ts'
import { Spool } from './spool.ts'
import type { SubjectKeys } from './subject-keys.ts'
import { encodeEvent, tupleBound } from './tuple.ts'

export interface AuditOptions<A extends Action> {
  /** Of its own if possible: the application's queries should not wait for audit's, nor audit's for theirs. */
  readonly pool: Pool
  /** The actions the trail knows. @default `shopActions` */
  readonly actions?: readonly A[]
  /** Overrides the durability of single actions: `{ 'order.placed': 'critical' }`. */
  readonly durability?: Readonly<Partial<Record<A['name'], Durability>>>
  /** Keys per person, without which no personal value is accepted and addresses and user agents are not stored. */
  readonly subjectKeys?: SubjectKeys
  /** 32 secret bytes the database never sees: with them `verify` knows rows that were written past the application. */
  readonly macKey?: Uint8Array | KeyObject
  /** The schema `migrate` made. @default 'audit' */
  readonly schema?: string
  /** Needed by buffered actions, and used by critical ones while the database is away. */
  readonly spool?: {
    /** On a local disk, of this process alone. */
    readonly directory: string
    /** @default 1073741824 (1 GiB) */
    readonly maxBytes?: number
    /** @default 16777216 (16 MiB) */
    readonly segmentBytes?: number
    /** What happens to an event beyond `maxBytes`: refused, or kept waiting. @default 'reject' */
    readonly whenFull?: 'reject' | 'wait'
  }
  readonly critical?: {
    /** Events that may wait for the database at once. @default 10000 */
    readonly maxPending?: number
    /** What happens to an event beyond it. @default 'reject' */
    readonly whenFull?: 'reject' | 'wait'
    /** After which an event is reported as not confirmed. @default '10s' */
    readonly deadline?: Duration
    /** Where events go while the database is away. @default 'spool' with a spool, else 'wait' */
    readonly whenDown?: 'spool' | 'wait'
  }
  readonly buffered?: {
    /** Rows of one statement. @default 1000 */
    readonly batchRows?: number
    /** How long one statement may take. @default '30s' */
    readonly timeout?: Duration
  }
  /** An event and its personal values, canonical. @default 65536 */
  readonly maxEventBytes?: number
  /** Field names that look secret and are not: `['tokenCookie']`. */
  readonly allowFields?: readonly string[]
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number
}

/** What the trail has done since it was made, and what waits. */
export interface AuditStats {
  readonly recorded: number
  readonly refused: number
  /** Secrets replaced before they were stored. */
  readonly redacted: number
  /** Critical events not yet committed. */
  readonly pending: number
  /** Bytes of the spool. */
  readonly spoolBytes: number
}

/** An audit trail being written. */
export interface Audit<A extends Action = ShopAction> extends AsyncDisposable {
  /**
   * Records an event and settles once it is as durable as its action asks.
   * @returns the event's id
   * @throws ERR_SHOP_AUDIT_… for what is refused; an event that was refused is nowhere.
   */
  record(event: EventOf<A>): Promise<string>
  /** Records an event in the caller's transaction: it commits with the caller's changes, or not at all. */
  within(client: ClientBase, event: EventOf<A>): Promise<string>
  stats(): AuditStats
  /** Settles when everything is in the database. @throws ERR_SHOP_AUDIT_DRAIN_TIMEOUT */
  drain(options?: { readonly deadline?: Duration }): Promise<void>
  /** Refuses further events, drains within the deadline (@default '10s') and ends; the spool keeps what is left. */
  close(options?: { readonly deadline?: Duration }): Promise<void>
}

const known = [
  'pool',
  'actions',
  'durability',
  'subjectKeys',
  'macKey',
  'schema',
  'spool',
  'critical',
  'buffered',
  'maxEventBytes',
  'allowFields',
  'now',
]

/** Makes an audit trail over a migrated database. @throws ERR_SHOP_AUDIT_OPTION, ERR_SHOP_AUDIT_SPOOL_LOCKED */
export function createAudit<A extends Action = ShopAction>(options: AuditOptions<A>): Audit<A> {
  return new Trail(options) as Audit<A>
}

class Trail<A extends Action> {
  readonly #preparation: Preparation
  readonly #durabilities: ReadonlyMap<string, Durability>
  readonly #mac: EventMac | undefined
  readonly #statements: InsertStatements
  readonly #critical: GroupCommit
  readonly #spool: Spool | undefined
  readonly #drain: Drain | undefined
  readonly #chain: Chain
  #closed: Promise<void> | undefined
  #recorded = 0
  #refused = 0
  #redacted = 0

  constructor(options: AuditOptions<A>) {
    const where = 'createAudit'
    checkNames(where, options, known)
    if (typeof options.pool?.connect !== 'function') throw optionError(where, 'pool', 'is missing; expected a pg Pool')
    const schema = schemaName(where, options.schema)
    const actions: readonly Action[] = options.actions ?? shopActions
    this.#preparation = {
      actions: byName(actions),
      subjectKeys: options.subjectKeys,
      now: options.now ?? Date.now,
      maxEventBytes: wholeNumber(where, 'maxEventBytes', options.maxEventBytes, 65_536, [1024, 1_048_576]),
      allowFields: new Set(options.allowFields),
    }
    this.#durabilities = durabilities(actions, options.durability ?? {})
    this.#mac = eventMac(where, options.macKey)
    this.#statements = insertStatements(schema)
    this.#spool = openSpool(where, options.spool)
    this.#drain = this.#spool && startDrain(where, this.#spool, options.pool, schema, options.buffered ?? {})
    if (!this.#spool && [...this.#durabilities.values()].includes('buffered') && options.actions)
      throw optionError(where, 'spool', 'is missing; buffered actions need one')
    const critical = options.critical ?? {}
    checkNames(`${where}.critical`, critical, ['maxPending', 'whenFull', 'deadline', 'whenDown'])
    const whenDown = oneOf(where, 'critical.whenDown', critical.whenDown, this.#spool ? 'spool' : 'wait', [
      'spool',
      'wait',
    ])
    if (whenDown === 'spool' && !this.#spool)
      throw optionError(where, 'critical.whenDown', 'is "spool" without a spool')
    this.#critical = new GroupCommit({
      writer: new DatabaseWriter(options.pool, schema),
      chain: new Chain(this.#mac),
      maxPending: wholeNumber(where, 'critical.maxPending', critical.maxPending, 10_000, [1, 1_000_000]),
      whenFull: oneOf(where, 'critical.whenFull', critical.whenFull, 'reject', ['reject', 'wait']),
      deadline: duration(where, 'critical.deadline', critical.deadline, 10_000, [100, 3_600_000]),
      divert: whenDown === 'spool' ? this.#spool?.divert : undefined,
    })
    this.#chain = new Chain(this.#mac)
  }

  record(event: AuditEvent): Promise<string> {
    return this.#accept(event, this.#durabilities.get(event?.action), undefined)
  }

  within(client: ClientBase, event: AuditEvent): Promise<string> {
    return this.#accept(event, 'tx', client)
  }

  async #accept(event: AuditEvent, lane: Durability | undefined, client: ClientBase | undefined): Promise<string> {
    const started = performance.now()
    try {
      if (this.#closed) throw new AuditError('ERR_SHOP_AUDIT_CLOSED', 'the audit trail is closed')
      const checked = prepareEvent(event, this.#preparation)
      const prepared = checked instanceof Promise ? await checked : checked
      if (client) await this.#insert(client, prepared)
      else if (lane === 'critical') await this.#critical.add(prepared)
      else if (lane === 'buffered') await this.#buffer(prepared)
      else
        throw new AuditError(
          'ERR_SHOP_AUDIT_NEEDS_TRANSACTION',
          `${event.action} is recorded in a transaction; use within(client, event)`,
        )
      this.#recorded++
      this.#redacted += prepared.redacted
      if (channels.recorded.hasSubscribers)
        channels.recorded.publish({
          action: event.action,
          id: prepared.body.id,
          lane,
          redacted: prepared.redacted,
          seconds: (performance.now() - started) / 1000,
        })
      return prepared.body.id
    } catch (error) {
      this.#refused++
      if (channels.refused.hasSubscribers)
        channels.refused.publish({
          action: String(event?.action),
          code: (error as { code?: string }).code ?? 'unknown',
        })
      throw error
    }
  }

  #insert(client: ClientBase, prepared: PreparedEvent): Promise<void> {
    return insertTuples(client, this.#statements, [encodeEvent(prepared, undefined, this.#mac).tuple])
  }

  #buffer(prepared: PreparedEvent): Promise<void> {
    if (!this.#spool)
      throw new AuditError('ERR_SHOP_AUDIT_OPTION', `${prepared.action.name} is buffered; give createAudit({ spool })`)
    return this.#spool.append({
      bytes: tupleBound(prepared),
      encode: () => [this.#chain.link(prepared)],
      lost: () => this.#chain.restart(),
    })
  }

  stats(): AuditStats {
    return {
      recorded: this.#recorded,
      refused: this.#refused,
      redacted: this.#redacted,
      pending: this.#critical.pending,
      spoolBytes: this.#spool?.bytes ?? 0,
    }
  }

  async drain(options: { readonly deadline?: Duration } = {}): Promise<void> {
    const ms = duration('drain', 'deadline', options.deadline, 10_000, [0, 3_600_000])
    const until = performance.now() + ms
    await within(this.#critical.idle(), ms)
    const empty = await (this.#drain?.empty(until - performance.now()) ?? true)
    if (!empty || this.#critical.pending > 0)
      throw new AuditError(
        'ERR_SHOP_AUDIT_DRAIN_TIMEOUT',
        `${this.#critical.pending} events and ${this.#spool?.bytes ?? 0} spooled bytes wait after ${ms} ms`,
      )
  }

  close(options: { readonly deadline?: Duration } = {}): Promise<void> {
    return (this.#closed ??= this.#close(options))
  }

  async #close(options: { readonly deadline?: Duration }): Promise<void> {
    try {
      await this.drain(options)
    } finally {
      await this.#drain?.stop()
      await this.#spool?.close()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function byName(actions: readonly Action[]): ReadonlyMap<string, Action> {
  const map = new Map<string, Action>()
  for (const action of actions) {
    if (map.has(action.name)) throw optionError('createAudit', 'actions', `names ${action.name} twice`)
    map.set(action.name, action)
  }
  return map
}

function durabilities(
  actions: readonly Action[],
  overrides: Readonly<Record<string, Durability | undefined>>,
): ReadonlyMap<string, Durability> {
  const map = new Map(actions.map((action) => [action.name, action.durability]))
  for (const [name, durability] of Object.entries(overrides)) {
    if (!map.has(name)) throw optionError('createAudit', 'durability', `names the unknown action ${name.slice(0, 64)}`)
    map.set(name, oneOf('createAudit', `durability.${name}`, durability, 'critical', ['tx', 'critical', 'buffered']))
  }
  return map
}

function openSpool(where: string, options: AuditOptions<Action>['spool']): Spool | undefined {
  if (!options) return undefined
  checkNames(`${where}.spool`, options, ['directory', 'maxBytes', 'segmentBytes', 'whenFull'])
  if (typeof options.directory !== 'string' || options.directory === '')
    throw optionError(where, 'spool.directory', 'is missing')
  return new Spool({
    directory: options.directory,
    maxBytes: wholeNumber(where, 'spool.maxBytes', options.maxBytes, 2 ** 30, [65_536, 2 ** 40]),
    segmentBytes: wholeNumber(where, 'spool.segmentBytes', options.segmentBytes, 2 ** 24, [16_384, 2 ** 30]),
    whenFull: oneOf(where, 'spool.whenFull', options.whenFull, 'reject', ['reject', 'wait']),
  })
}

function startDrain(
  where: string,
  spool: Spool,
  pool: Pool,
  schema: string,
  options: NonNullable<AuditOptions<Action>['buffered']>,
): Drain {
  checkNames(`${where}.buffered`, options, ['batchRows', 'timeout'])
  const drain = new Drain({
    spool,
    writer: new DatabaseWriter(pool, schema),
    batchRows: wholeNumber(where, 'buffered.batchRows', options.batchRows, 1000, [1, 10_000]),
    batchBytes: 2 ** 20,
    timeout: duration(where, 'buffered.timeout', options.timeout, 30_000, [1000, 3_600_000]),
  })
  drain.start() // what an earlier process left
  return drain
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
