import type { ClientBase } from 'pg'

import { shopActions } from './catalogue.ts'
import { insertStatements, insertTuples } from './insert.ts'
import type { EventMac } from './mac.ts'
import { HASH_BYTES, rootOf } from './merkle.ts'
import { type PreparedEvent, prepareEvent } from './prepare.ts'
import { encodeEvent } from './tuple.ts'

const actions = new Map(shopActions.map((action) => [action.name as string, action]))

/** Row changes sealed at once: their hashes are held in memory. */
const MAX_ROWS = 50_000

/**
 * Puts the row changes of finished transactions under one event, which says how many there were and the Merkle root
 * over them. The event then goes in the tree, and with it every row change.
 */
export async function sealRows(client: ClientBase, schema: string, mac: EventMac | undefined): Promise<void> {
  const { rows } = await client.query<{ from: string; until: string }>(
    `select rows_xid as from, greatest(rows_xid,
       (select base from ${schema}.lineage) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) as until
     from ${schema}.log`,
  )
  const { from, until } = rows[0]!
  if (from === until) return
  const cut = await client.query<{ xid: string }>(
    `select xid from ${schema}.row_changes where xid >= $1 and xid < $2 order by xid offset $3 limit 1`,
    [from, until, MAX_ROWS],
  )
  const found = cut.rows[0]?.xid
  const end = found === undefined ? until : found === from ? String(BigInt(from) + 1n) : found
  const hashes = await rowHashes(client, schema, from, end)
  if (hashes.length > 0) {
    const prepared = (await prepareEvent(
      {
        action: 'rows.sealed',
        actor: { type: 'system', id: 'sealer' },
        data: {
          count: hashes.length,
          first: Number(from),
          last: Number(end) - 1,
          root: rootOf(hashes).toString('base64url'),
        },
      },
      { actions, subjectKeys: undefined, now: Date.now, maxEventBytes: 65_536, allowFields: new Set() },
    )) as PreparedEvent
    const { tuple } = encodeEvent(prepared, undefined, mac)
    await insertTuples(client, insertStatements(schema), [tuple])
  }
  await client.query(`update ${schema}.log set rows_xid = $1`, [end])
}

/** The leaf hashes of the row changes whose transactions lie in `[from, until)`, in their order. */
export async function rowHashes(client: ClientBase, schema: string, from: string, until: string): Promise<Buffer[]> {
  // epoch and ::text depend on no setting of the session
  const { rows } = await client.query<{ hashes: Buffer | null }>(
    `select string_agg(sha256('\\x00'::bytea || convert_to(jsonb_build_array(id, xid, extract(epoch from at), relation::bigint,
               op::text, key, old, new, actor, request)::text, 'UTF8')), ''::bytea order by xid, id) as hashes
           from ${schema}.row_changes where xid >= $1 and xid < $2`,
    [from, until],
  )
  const all = rows[0]?.hashes ?? Buffer.alloc(0)
  return Array.from({ length: all.length / HASH_BYTES }, (_, i) => all.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}
