import type { ClientBase } from 'pg'

import { AuditError } from './errors.ts'
import { schemaName } from './options.ts'

/** A legal hold: what it covers must not be erased and must not leave, however old it is. */
export interface Hold {
  readonly id: string
  /** Absent: everybody. */
  readonly subject?: string
  readonly since?: Date
  readonly until?: Date
  readonly reason: string
  readonly placedBy: string
  readonly placedAt: Date
}

/** Places a hold. @returns its id */
export async function placeHold(
  client: ClientBase,
  hold: Omit<Hold, 'id' | 'placedAt'>,
  options: { readonly schema?: string } = {},
): Promise<string> {
  const schema = schemaName('placeHold', options.schema)
  const { rows } = await client.query<{ id: string }>(
    `insert into ${schema}.holds (subject, since, until, reason, placed_by)
     values ($1, coalesce($2::timestamptz, '-infinity'), coalesce($3::timestamptz, 'infinity'), $4, $5) returning id`,
    [hold.subject, hold.since, hold.until, hold.reason, hold.placedBy],
  )
  return rows[0]!.id
}

/** Lifts a hold; it stays in the table with the time. @throws ERR_SHOP_AUDIT_RETENTION when there is no such hold. */
export async function releaseHold(
  client: ClientBase,
  id: string,
  options: { readonly schema?: string } = {},
): Promise<void> {
  const schema = schemaName('releaseHold', options.schema)
  const { rowCount } = await client.query(
    `update ${schema}.holds set released_at = now() where id = $1 and released_at is null`,
    [id],
  )
  if (rowCount === 0) throw new AuditError('ERR_SHOP_AUDIT_RETENTION', 'there is no such hold in force')
}

/** The holds in force that cover a subject, or any subject with an event in a span of time. */
export async function holdsOver(
  client: ClientBase,
  schema: string,
  what: { readonly subject: string } | { readonly from: string; readonly to: string },
): Promise<readonly { readonly id: string; readonly reason: string }[]> {
  if ('subject' in what) {
    const { rows } = await client.query<{ id: string; reason: string }>(
      `select id, reason from ${schema}.holds where released_at is null and (subject is null or subject = $1)`,
      [what.subject],
    )
    return rows
  }
  const { rows } = await client.query<{ id: string; reason: string }>(
    `select id, reason from ${schema}.holds h where released_at is null and since < $2 and until > $1 and (subject is null or exists (
       select from ${schema}.events e where e.time >= $1 and e.time < $2 and h.subject in (e.subject, e.actor, e.target)))`,
    [what.from, what.to],
  )
  return rows
}
