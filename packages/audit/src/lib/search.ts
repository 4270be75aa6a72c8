import type { ClientBase } from 'pg'

import type { RecordedEvent } from './event.ts'
import { schemaName } from './options.ts'

/** What an event must be to be found; all that is given must hold. */
export interface SearchQuery {
  /** `type:id` */
  readonly actor?: string | undefined
  /** `type:id`, of the first target. */
  readonly target?: string | undefined
  /** A name, or the beginning of names with an asterisk: `auth.*`. */
  readonly action?: string | undefined
  readonly outcome?: string | undefined
  readonly since?: Date | undefined
  readonly until?: Date | undefined
  /** Events after this one in time, as `tail` goes on. */
  readonly after?: RecordedEvent | undefined
  /** @default 50 */
  readonly limit?: number
}

/** Finds events, the newest first; with `after`, the oldest first. Sealed personal values stay sealed. */
export async function searchTrail(
  client: ClientBase,
  query: SearchQuery,
  options: { readonly schema?: string | undefined } = {},
): Promise<RecordedEvent[]> {
  const schema = schemaName('searchTrail', options.schema)
  const { rows } = await client.query<{ body: string }>(
    `select body from ${schema}.events
     where ($1::text is null or actor = $1) and ($2::text is null or target = $2)
       and ($3::text is null or action like $3) and ($4::text is null or outcome = $4)
       and time >= coalesce($5::timestamptz, '-infinity') and time < coalesce($6::timestamptz, 'infinity')
       and ($7::timestamptz is null or (time, id) > ($7, $8::uuid))
     order by time ${query.after ? 'asc' : 'desc'}, id ${query.after ? 'asc' : 'desc'} limit $9`,
    [
      query.actor,
      query.target,
      query.action === undefined ? null : likePattern(query.action),
      query.outcome,
      query.since,
      query.until,
      query.after?.time,
      query.after?.id,
      query.limit ?? 50,
    ],
  )
  return rows.map((row) => JSON.parse(row.body) as RecordedEvent)
}

function likePattern(action: string): string {
  return action.replace(/[\\%_]/g, '\\$&').replace(/\*$/, '%')
}
