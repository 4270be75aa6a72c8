import { createHash } from 'node:crypto'
import { PassThrough, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import type { ClientBase } from 'pg'
import { ZipFile } from 'yazl'

import { csvLine } from './csv.ts'
import type { RecordedEvent } from './event.ts'
import { openValues } from './personal.ts'
import { type PersonalTable, quoted } from './personal-data.ts'
import type { SubjectKeys } from './subject-keys.ts'

/** Decrypts one value of a registered column; `undefined` when it cannot be read any more. */
export type DecryptColumn = (what: {
  readonly subject: string
  readonly table: string
  readonly column: string
  readonly row: Readonly<Record<string, unknown>>
  readonly value: unknown
}) => unknown

export interface ExportPlan {
  readonly client: ClientBase
  readonly schema: string
  readonly subject: string
  /** The value of the tables' subject columns. */
  readonly subjectId: string
  readonly tables: readonly PersonalTable[]
  readonly subjectKeys: SubjectKeys
  readonly decrypt: DecryptColumn | undefined
  readonly onRows: ((rows: number) => void) | undefined
  readonly signal: AbortSignal | undefined
}

/** One file of the zip, in its two forms. */
interface Part {
  readonly name: string
  readonly about: Readonly<Record<string, unknown>>
  readonly columns: readonly string[]
  readonly rows: () => AsyncGenerator<Readonly<Record<string, unknown>>>
}

/** What a masked value of somebody else looks like. */
const MASKED = '[third party]'

/**
 * Writes a person's data as a zip: every table as JSON Lines and as CSV, the events about them, and a manifest with
 * purpose, retention, legal basis, row counts and digests. All of it is one snapshot; memory holds a thousand rows.
 * @returns how many rows it holds
 */
export async function writeExport(plan: ExportPlan, to: Writable): Promise<number> {
  const { client } = plan
  await client.query('begin isolation level repeatable read read only')
  try {
    const zip = new ZipFile()
    const done = pipeline(zip.outputStream, to, plan.signal ? { signal: plan.signal } : {})
    const failed = new Promise<never>((_, reject) => {
      zip.on('error', reject)
    })
    const files: Record<string, unknown>[] = []
    let total = 0
    const parts = [...plan.tables.map((table) => tablePart(plan, table)), trailPart(plan)]
    for (const part of parts) {
      const count = await Promise.race([addPart(zip, part, files, plan.onRows), failed])
      total += count
    }
    const manifest = { subject: plan.subject, exportedAt: new Date().toISOString(), rows: total, files }
    zip.addBuffer(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), 'manifest.json')
    zip.end()
    await Promise.race([done, failed])
    return total
  } finally {
    await client.query('rollback')
  }
}

/** Adds both forms of a part, and waits for each: there is one connection to read from. */
async function addPart(
  zip: ZipFile,
  part: Part,
  files: Record<string, unknown>[],
  onRows: ((rows: number) => void) | undefined,
): Promise<number> {
  let count = 0
  const forms = {
    jsonl: (row: Readonly<Record<string, unknown>>) => `${JSON.stringify(row)}\n`,
    csv: (row: Readonly<Record<string, unknown>>) => csvLine(part.columns.map((column) => row[column])),
  }
  for (const [extension, line] of Object.entries(forms)) {
    const digest = createHash('sha256')
    count = 0
    await new Promise<void>((resolve, reject) => {
      async function* text(): AsyncGenerator<Buffer> {
        if (extension === 'csv') yield Buffer.from(csvLine(part.columns))
        for await (const row of part.rows()) {
          count++
          if (extension === 'jsonl' && count % 100 === 0) onRows?.(100)
          yield Buffer.from(line(row))
        }
      }
      async function* digested(): AsyncGenerator<Buffer> {
        for await (const chunk of text()) {
          digest.update(chunk)
          yield chunk
        }
      }
      const stream = new PassThrough()
      pipeline(digested, stream).then(resolve, reject)
      zip.addReadStreamLazy(`${part.name}.${extension}`, {}, (opened) => opened(null, stream))
    })
    files.push({ file: `${part.name}.${extension}`, rows: count, sha256: digest.digest('hex'), ...part.about })
  }
  return count
}

function tablePart(plan: ExportPlan, table: PersonalTable): Part {
  const columns = [...(table.alsoExport ?? []), ...table.fields, ...(table.thirdParty ?? [])]
  const { purpose, retention, legalBasis } = table
  return {
    name: table.table,
    about: { purpose, retention, legalBasis },
    columns,
    rows: async function* () {
      const sql = `select * from ${quoted(table.table)} where ${quoted(table.subjectColumn)}::text = $1`
      for await (const row of scan(plan, sql, [plan.subjectId])) {
        const out: Record<string, unknown> = {}
        for (const column of columns) out[column] = row[column] ?? null
        for (const column of table.encrypted ?? [])
          if (row[column] !== null && columns.includes(column))
            out[column] =
              (await plan.decrypt?.({ subject: plan.subject, table: table.table, column, row, value: row[column] })) ??
              '[unreadable]'
        for (const column of table.thirdParty ?? []) if (row[column] !== null) out[column] = MASKED
        yield out
      }
    },
  }
}

function trailPart(plan: ExportPlan): Part {
  return {
    name: 'audit-trail',
    about: {
      purpose: 'security and accountability',
      retention: 'see the compliance guide',
      legalBasis: 'legal-obligation',
    },
    columns: ['time', 'id', 'action', 'outcome', 'actor', 'targets', 'data', 'changes', 'personal'],
    rows: async function* () {
      const sql = `select body, sealed, subject from ${plan.schema}.events where subject = $1 or actor = $1 or target = $1 order by time`
      for await (const row of scan(plan, sql, [plan.subject])) {
        const event = JSON.parse(row['body'] as string) as RecordedEvent
        const own = row['subject'] === plan.subject
        const opening =
          own && row['sealed']
            ? await plan.subjectKeys.open(plan.subject, row['sealed'] as Buffer, event.id)
            : undefined
        yield {
          time: event.time,
          id: event.id,
          action: event.action,
          outcome: event.outcome,
          actor: person(event.actor, plan.subject),
          targets: event.targets?.map((target) => `${target.type}:${target.id}`) ?? null,
          data: event.data ?? null,
          changes: event.changes ?? null,
          personal: opening && event.pii ? openValues(opening, event.pii.commitments).values : null,
        }
      }
    },
  }
}

/** Staff who worked on a person's account are third parties in that person's export. */
function person(actor: RecordedEvent['actor'], subject: string): string | null {
  if (!actor) return null
  const name = `${actor.type}:${actor.id}`
  return name === subject || actor.type === 'system' || actor.type === 'service' ? name : `${actor.type}:${MASKED}`
}

let cursors = 0

async function* scan(
  plan: ExportPlan,
  sql: string,
  values: readonly unknown[],
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const cursor = `export_${++cursors}`
  await plan.client.query(`declare ${cursor} no scroll cursor for ${sql}`, [...values])
  try {
    for (;;) {
      plan.signal?.throwIfAborted()
      const { rows } = await plan.client.query<Record<string, unknown>>(`fetch 1000 from ${cursor}`)
      if (rows.length === 0) return
      yield* rows
    }
  } finally {
    await plan.client.query(`close ${cursor}`).catch(() => {}) // the transaction may have failed already
  }
}
