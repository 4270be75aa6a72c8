import { hash } from 'node:crypto'

import type { ShopActionData } from './catalogue.ts'
import type { AuditEvent } from './event.ts'

/** One line pgAudit wrote, with what the log's own prefix or columns say about it. */
export interface PgauditEntry {
  readonly kind: 'SESSION' | 'OBJECT'
  readonly statementId: number
  readonly substatementId: number
  /** READ, WRITE, DDL, ROLE, … */
  readonly class: string
  readonly command: string
  readonly objectType: string
  readonly object: string
  readonly statement: string
  /** As logged; `<none>` and `<not logged>` are pgAudit's own words. */
  readonly parameters: string
  readonly rows: number | undefined
  readonly time: Date | undefined
  readonly role: string | undefined
  readonly database: string | undefined
  /** The server's name for the session (`%c`). */
  readonly session: string | undefined
}

/** The form of the server's log. */
export type LogFormat = 'stderr' | 'csv' | 'json'

interface Frame {
  readonly time?: Date | undefined
  readonly role?: string | undefined
  readonly database?: string | undefined
  readonly session?: string | undefined
}

/** Longest record that is put together; what is longer is skipped, so that a broken log cannot fill the memory. */
const MAX_RECORD = 1_048_576

/**
 * Reads pgAudit's lines out of a server log, across line breaks inside statements. Other lines are skipped.
 * `stderr` understands the prefix of `pgauditConfig`; with another prefix who and when stay unknown.
 */
export async function* parsePgaudit(
  log: AsyncIterable<string | Buffer> | Iterable<string | Buffer>,
  format: LogFormat = 'stderr',
): AsyncGenerator<PgauditEntry> {
  const read = { stderr: stderrRecord, csv: csvRecord, json: jsonRecord }[format]
  let pending = ''
  for await (const line of lines(log)) {
    pending = pending === '' ? line : `${pending}\n${line}`
    const found = read(pending)
    if (found === 'more' && pending.length < MAX_RECORD) continue
    pending = ''
    if (found !== 'more' && found) yield found
  }
}

async function* lines(log: AsyncIterable<string | Buffer> | Iterable<string | Buffer>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of log) {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop()!
    yield* parts
  }
  if (rest !== '') yield rest
}

type Found = PgauditEntry | 'more' | undefined

const prefix =
  /^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}) (\w+) \[\d+\] (?:([^@ ]+)@(\S+) (?:.*? )?([0-9a-f]+\.[0-9a-f]+) )?/

function stderrRecord(text: string): Found {
  const at = text.indexOf('AUDIT: ')
  if (at < 0) return undefined
  const found = prefix.exec(text)
  const utc = found?.[2] === 'UTC' || found?.[2] === 'GMT'
  return auditRecord(text.slice(at).replaceAll('\n\t', '\n'), {
    time: found && utc ? new Date(`${found[1]!.replace(' ', 'T')}Z`) : undefined,
    role: found?.[3],
    database: found?.[4],
    session: found?.[5],
  })
}

function csvRecord(text: string): Found {
  const columns = parseCsv(text)
  if (columns === 'more') return 'more'
  const message = columns[13]
  if (!message?.startsWith('AUDIT: ')) return undefined
  return auditRecord(message, {
    time: logTime(columns[0]),
    role: columns[1],
    database: columns[2],
    session: columns[5],
  })
}

function jsonRecord(text: string): Found {
  let row: Record<string, unknown>
  try {
    row = JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
  const string = (name: string): string | undefined => (typeof row[name] === 'string' ? row[name] : undefined)
  const message = string('message')
  if (!message?.startsWith('AUDIT: ')) return undefined
  return auditRecord(message, {
    time: logTime(string('timestamp')),
    role: string('user'),
    database: string('dbname'),
    session: string('session_id'),
  })
}

function logTime(text: string | undefined): Date | undefined {
  const found = /^(\S+) (\S+) (?:UTC|GMT)$/.exec(text ?? '')
  return found ? new Date(`${found[1]}T${found[2]}Z`) : undefined
}

function auditRecord(message: string, frame: Frame): Found {
  const fields = parseCsv(message.slice('AUDIT: '.length))
  if (fields === 'more') return 'more'
  const [kind, statementId, substatementId, type, command, objectType, object, statement, parameters, rows] = fields
  if ((kind !== 'SESSION' && kind !== 'OBJECT') || statement === undefined || !type || !command) return undefined
  return {
    kind,
    statementId: Number(statementId),
    substatementId: Number(substatementId),
    class: type,
    command,
    objectType: objectType ?? '',
    object: object ?? '',
    statement,
    parameters: parameters ?? '',
    rows: rows === undefined || rows === '' || !/^\d+$/.test(rows) ? undefined : Number(rows),
    time: frame.time,
    role: frame.role,
    database: frame.database,
    session: frame.session,
  }
}

/** The fields of one CSV record; `more` when a quote is still open at the end of the text. */
function parseCsv(text: string): string[] | 'more' {
  const fields: string[] = []
  for (let at = 0; ;) {
    if (text[at] !== '"') {
      const end = text.indexOf(',', at)
      fields.push(end < 0 ? text.slice(at) : text.slice(at, end))
      if (end < 0) return fields
      at = end + 1
      continue
    }
    let value = ''
    for (at++; ;) {
      const quote = text.indexOf('"', at)
      if (quote < 0) return 'more'
      value += text.slice(at, quote)
      at = quote + 1
      if (text[at] !== '"') break
      value += '"'
      at++
    }
    fields.push(value)
    if (text[at] !== ',') return fields
    at++
  }
}

/** A statement without its literals, which may be personal: strings, dollar quotes and numbers become `?`. */
export function maskLiterals(sql: string): string {
  return sql.replace(
    /\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|[eE]'(?:[^'\\]|\\[\s\S]|'')*'?|[bBxXnN]?'(?:[^']|'')*'?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"]|"")*"|(?<![\w$.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
    (found) => (found.startsWith('"') ? found : /^(?:--|\/\*)/.test(found) ? '' : '?'),
  )
}

/**
 * A pgAudit line as an event of the trail, without literals and parameters. Its id comes from the line itself, so a
 * log read twice is recorded once.
 */
export function pgauditEvent(
  entry: PgauditEntry,
): AuditEvent<'db.statement', ShopActionData<'db.statement'>> & { readonly data: ShopActionData<'db.statement'> } {
  const time = entry.time ?? new Date()
  const digest = hash(
    'sha256',
    JSON.stringify([
      entry.session,
      entry.time,
      entry.kind,
      entry.statementId,
      entry.substatementId,
      entry.object,
      entry.statement,
    ]),
  )
  const id = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`
  return {
    action: 'db.statement',
    ...(entry.time && { id }),
    time,
    ...(entry.role && { actor: { type: 'service', id: `db-role-${entry.role.replaceAll('@', '_')}` } }),
    targets: entry.object ? [{ type: entry.objectType.toLowerCase() || 'object', id: entry.object }] : [],
    data: {
      class: entry.class,
      command: entry.command,
      ...(entry.object && { object: entry.object }),
      statement: maskLiterals(entry.statement).slice(0, 4000) || '?',
      ...(entry.role && { role: entry.role }),
    },
  }
}
