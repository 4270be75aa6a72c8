import { type KeyObject, hash } from 'node:crypto'
import type { Writable } from 'node:stream'

import type { ClientBase, Pool, PoolClient } from 'pg'

import type { Audit } from './audit.ts'
import { canonicalize } from './canonical.ts'
import { dataErased, dataExported } from './catalogue.ts'
import { acquire } from './connection.ts'
import { type ErasureRecord, type ErasureStep, signErasure, type SignedErasureRecord } from './erasure-record.ts'
import { AuditError } from './errors.ts'
import type { Actor } from './event.ts'
import { holdsOver } from './hold.ts'
import { checkNames, oneOf, optionError, schemaName } from './options.ts'
import { checkRegistry, type PersonalTable, quoted } from './personal-data.ts'
import { type DecryptColumn, writeExport } from './subject-export.ts'
import type { SubjectKeys } from './subject-keys.ts'

export interface PrivacyOptions {
  readonly pool: Pool
  readonly audit: Pick<Audit, 'record'>
  /** Where personal data stands. A table that is not named here is neither exported nor erased. */
  readonly tables: readonly PersonalTable[]
  readonly subjectKeys: SubjectKeys
  /** Ed25519; signs the completion records. */
  readonly key: KeyObject | string
  /** Reads encrypted columns for an export. */
  readonly decrypt?: DecryptColumn
  /** The value of the tables' subject columns. @default what follows the colon: `customer:42` gives `42` */
  readonly subjectId?: (subject: string) => string
  /** What happens to the space erased rows leave: `full` rewrites the tables, under a lock. @default 'plain' */
  readonly vacuum?: 'plain' | 'full' | 'off'
  /** @default 'audit' */
  readonly schema?: string
}

/** What an erasure would do: nothing has been done yet. */
export interface ErasurePlan {
  readonly subject: string
  readonly steps: readonly ErasureStep[]
  /** Events of the trail whose sealed values would go. */
  readonly events: number
  /** Of the above: `erase` refuses a plan that no longer holds. */
  readonly digest: string
}

/** The rights of a data subject, carried out over a registry of tables and the trail itself. */
export interface Privacy {
  /** Articles 15 and 20: writes a zip. @returns rows and the event's id */
  exportSubject(
    subject: string,
    options: {
      readonly to: Writable
      readonly actor: Actor
      readonly reason: string
      readonly onRows?: (rows: number) => void
      readonly signal?: AbortSignal
    },
  ): Promise<{ readonly rows: number; readonly event: string }>
  /** The dry run of an erasure. @throws ERR_SHOP_AUDIT_ERASURE under a legal hold, or when a tracked table shows personal columns */
  planErasure(subject: string): Promise<ErasurePlan>
  /** Article 17: carries a plan out; repeat it after a crash. @throws ERR_SHOP_AUDIT_ERASURE when the plan no longer holds */
  erase(
    plan: ErasurePlan,
    options: { readonly actor: Actor; readonly legalBasis: string },
  ): Promise<SignedErasureRecord>
  /** The registry, for the record of processing activities (article 30). */
  readonly tables: readonly PersonalTable[]
}

const known = ['pool', 'audit', 'tables', 'subjectKeys', 'key', 'decrypt', 'subjectId', 'vacuum', 'schema']

/** Makes the privacy service. @throws ERR_SHOP_AUDIT_OPTION */
export function createPrivacy(options: PrivacyOptions): Privacy {
  checkNames('createPrivacy', options, known)
  for (const name of ['pool', 'audit', 'subjectKeys', 'key'] as const)
    if (!options[name]) throw optionError('createPrivacy', name, 'is missing')
  return new SubjectRights(options)
}

class SubjectRights implements Privacy {
  readonly tables: readonly PersonalTable[]
  readonly #options: PrivacyOptions
  readonly #schema: string
  readonly #vacuum: 'plain' | 'full' | 'off'
  readonly #subjectId: (subject: string) => string

  constructor(options: PrivacyOptions) {
    this.#options = options
    this.tables = checkRegistry(options.tables)
    this.#schema = schemaName('createPrivacy', options.schema)
    this.#vacuum = oneOf('createPrivacy', 'vacuum', options.vacuum, 'plain', ['plain', 'full', 'off'])
    this.#subjectId = options.subjectId ?? ((subject) => subject.slice(subject.indexOf(':') + 1))
  }

  async exportSubject(
    subject: string,
    options: Parameters<Privacy['exportSubject']>[1],
  ): Promise<{ rows: number; event: string }> {
    const rows = await this.#connected((client) =>
      writeExport(
        {
          client,
          schema: this.#schema,
          subject,
          subjectId: this.#subjectId(subject),
          tables: this.tables,
          subjectKeys: this.#options.subjectKeys,
          decrypt: this.#options.decrypt,
          onRows: options.onRows,
          signal: options.signal,
        },
        options.to,
      ),
    )
    const event = await this.#options.audit.record(
      dataExported(
        { type: 'subject', id: subject },
        { format: 'zip', rows, reason: options.reason },
        { actor: options.actor },
      ),
    )
    return { rows, event }
  }

  planErasure(subject: string): Promise<ErasurePlan> {
    return this.#connected((client) => this.#plan(client, subject))
  }

  async #plan(client: ClientBase, subject: string): Promise<ErasurePlan> {
    const [hold] = await holdsOver(client, this.#schema, { subject })
    if (hold) throw new AuditError('ERR_SHOP_AUDIT_ERASURE', `legal hold ${hold.id} stands against it: ${hold.reason}`)
    await this.#refuseOpenTriggers(client)
    const steps: ErasureStep[] = []
    for (const { table, subjectColumn, erase } of this.tables) {
      const { rows } = await client.query<{ n: string }>(
        `select count(*) n from ${quoted(table)} where ${quoted(subjectColumn)}::text = $1`,
        [this.#subjectId(subject)],
      )
      const reason = erase.action === 'retain' ? { reason: erase.reason } : {}
      steps.push({ table, action: erase.action, rows: Number(rows[0]!.n), ...reason })
    }
    const { rows } = await client.query<{ n: string }>(
      `select count(*) n from ${this.#schema}.events where subject = $1 and sealed is not null`,
      [subject],
    )
    const plan = { subject, steps, events: Number(rows[0]!.n) }
    return { ...plan, digest: hash('sha256', canonicalize(plan)) }
  }

  /** Row changes are sealed as they are: a personal value in one could never leave again. */
  async #refuseOpenTriggers(client: ClientBase): Promise<void> {
    const { rows } = await client.query<{ name: string; hidden: string[] }>(
      `select c.oid::regclass::text as name, t.excluded || t.redacted as hidden from ${this.#schema}.tracked t join pg_class c on c.oid = t.relation`,
    )
    const hidden = new Map(rows.map((row) => [row.name.includes('.') ? row.name : `public.${row.name}`, row.hidden]))
    for (const entry of this.tables) {
      const columns = hidden.get(entry.table)
      if (!columns || entry.erase.action === 'retain') continue
      const open = entry.fields.find((field) => !columns.includes(field) && !entry.encrypted?.includes(field))
      if (open !== undefined)
        throw new AuditError(
          'ERR_SHOP_AUDIT_ERASURE',
          `${entry.table} is tracked with its personal column ${open} in clear; track it with --redact ${open}`,
        )
    }
  }

  async erase(
    plan: ErasurePlan,
    options: { readonly actor: Actor; readonly legalBasis: string },
  ): Promise<SignedErasureRecord> {
    const { subject } = plan
    await this.#connected((client) => this.#carryOut(client, plan))
    const keyDestroyed = await this.#options.subjectKeys.forget(subject)
    await this.#connected((client) => this.#reclaim(client))
    const rows = plan.steps.reduce((sum, step) => sum + (step.action === 'retain' ? 0 : step.rows), plan.events)
    const event = await this.#options.audit.record(
      dataErased(
        subject,
        { rows, legalBasis: options.legalBasis, manifest: `sha256:${plan.digest}` },
        { actor: options.actor },
      ),
    )
    const record: ErasureRecord = {
      subject,
      completedAt: new Date().toISOString(),
      requestedBy: `${options.actor.type}:${options.actor.id}`,
      legalBasis: options.legalBasis,
      steps: [...plan.steps, { table: `${this.#schema}.events`, action: 'shred', rows: plan.events }],
      keyDestroyed: keyDestroyed || (await this.#options.subjectKeys.isForgotten(subject)),
      event,
    }
    return signErasure(record, this.#options.key)
  }

  async #carryOut(client: ClientBase, plan: ErasurePlan): Promise<void> {
    await client.query('begin isolation level repeatable read')
    try {
      const now = await this.#plan(client, plan.subject)
      if (now.digest !== plan.digest)
        throw new AuditError('ERR_SHOP_AUDIT_ERASURE', 'the plan no longer holds: rows came or went; plan it again')
      const id = this.#subjectId(plan.subject)
      // the last registered table first: those that refer to others are registered after them
      for (const entry of this.tables.toReversed()) await this.#eraseTable(client, entry, id)
      await client.query(`update ${this.#schema}.events set sealed = null where subject = $1 and sealed is not null`, [
        plan.subject,
      ])
      await client.query('commit')
    } catch (error) {
      await client.query('rollback')
      throw error
    }
  }

  async #eraseTable(client: ClientBase, entry: PersonalTable, id: string): Promise<void> {
    const where = `where ${quoted(entry.subjectColumn)}::text = $1`
    if (entry.erase.action === 'delete') await client.query(`delete from ${quoted(entry.table)} ${where}`, [id])
    if (entry.erase.action === 'anonymise') {
      const columns = Object.entries(entry.erase.values)
      const sets = columns.map(([column], i) => `${quoted(column)} = $${i + 2}`)
      await client.query(`update ${quoted(entry.table)} set ${sets.join(', ')} ${where}`, [
        id,
        ...columns.map(([, value]) => value),
      ])
    }
  }

  /** Dead rows and index entries keep their bytes until a vacuum; it cannot run in a transaction. */
  async #reclaim(client: ClientBase): Promise<void> {
    if (this.#vacuum === 'off') return
    const changed = this.tables.filter(({ erase }) => erase.action === 'delete' || erase.action === 'anonymise')
    const names = [...changed.map((entry) => quoted(entry.table)), `${this.#schema}.events`]
    await client.query(`vacuum (${this.#vacuum === 'full' ? 'full' : 'index_cleanup on'}) ${names.join(', ')}`)
  }

  async #connected<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await acquire(this.#options.pool)
    let broken = true
    try {
      const result = await work(client)
      broken = false
      return result
    } finally {
      client.release(broken)
    }
  }
}
