import type { ClientBase } from 'pg'

import { checkpointVerifier } from './checkpoint.ts'
import { AuditError } from './errors.ts'
import type { RecordedEvent } from './event.ts'
import { HASH_BYTES, leafHash } from './merkle.ts'
import { schemaName } from './options.ts'
import { verifyConsistency, verifyInclusion } from './proof.ts'
import { KEY_BYTES, tileReader } from './tile-store.ts'
import { TILE_WIDTH, TileTree } from './tiles.ts'

/** An event with all that is needed to check it without the database: for a court, a customer or an auditor. */
export interface EventProof {
  /** The canonical text that was hashed. */
  readonly event: string
  readonly index: number
  /** The audit path, in base64: 32 bytes a level. */
  readonly hashes: readonly string[]
  /** The signed checkpoint the path leads to. */
  readonly checkpoint: string
}

/** That one checkpoint's tree begins with another's. */
export interface GrowthProof {
  readonly older: string
  readonly newer: string
  readonly hashes: readonly string[]
}

/** Proves that an event is in the trail. @throws ERR_SHOP_AUDIT_NO_SUCH_EVENT when it is unknown or not yet sealed. */
export async function proveEvent(
  client: ClientBase,
  id: string,
  options: { readonly schema?: string } = {},
): Promise<EventProof> {
  const schema = schemaName('proveEvent', options.schema)
  const { rows } = await client.query<{ body: string; index: string; keys: Buffer; size: string; note: string }>(
    `select e.body, t.index, t.keys, c.size, c.note
     from ${schema}.events e
     join ${schema}.tiles t on t.level = 0 and e.time between t.earliest and t.latest and position(uuid_send(e.id) in t.keys) > 0
     cross join lateral (select size, note from ${schema}.checkpoints order by size desc limit 1) c
     where e.id = $1`,
    [id],
  )
  const row = rows.find((one) => placeIn(one.keys, id) >= 0)
  if (!row)
    throw new AuditError(
      'ERR_SHOP_AUDIT_NO_SUCH_EVENT',
      'the event is not in the tree; it is unknown or not yet sealed',
    )
  const index = Number(row.index) * TILE_WIDTH + placeIn(row.keys, id)
  const tree = new TileTree(Number(row.size), tileReader(client, schema))
  const hashes = await tree.inclusionProof(index, Number(row.size))
  return { event: row.body, index, hashes: hashes.map((hash) => hash.toString('base64')), checkpoint: row.note }
}

/** The leaf of an event's id within a tile. */
function placeIn(keys: Buffer, id: string): number {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex')
  for (let i = 0; i < keys.length / KEY_BYTES; i++)
    if (keys.subarray(i * KEY_BYTES + 8, (i + 1) * KEY_BYTES).equals(bytes)) return i
  return -1
}

/**
 * Checks a proof with nothing but the signer's verifier key.
 * @returns the event
 * @throws ERR_SHOP_AUDIT_CHECKPOINT, ERR_SHOP_AUDIT_TAMPERED
 */
export function checkEventProof(proof: EventProof, verifierKey: string): RecordedEvent {
  const checkpoint = checkpointVerifier(verifierKey).open(proof.checkpoint)
  const holds = verifyInclusion({
    index: proof.index,
    size: checkpoint.size,
    leafHash: leafHash(proof.event),
    root: checkpoint.root,
    proof: proof.hashes.map(decode),
  })
  if (!holds) throw new AuditError('ERR_SHOP_AUDIT_TAMPERED', 'the event is not in the tree of the checkpoint')
  return JSON.parse(proof.event) as RecordedEvent
}

/**
 * Proves that the trail only grew since an older checkpoint.
 * @throws ERR_SHOP_AUDIT_SIZE when the database holds less than the older checkpoint says, ERR_SHOP_AUDIT_CHECKPOINT
 */
export async function proveGrowth(
  client: ClientBase,
  older: string,
  verifierKey: string,
  options: { readonly schema?: string } = {},
): Promise<GrowthProof> {
  const schema = schemaName('proveGrowth', options.schema)
  const { rows } = await client.query<{ size: string; note: string }>(
    `select size, note from ${schema}.checkpoints order by size desc limit 1`,
  )
  const row = rows[0]
  if (!row) throw new AuditError('ERR_SHOP_AUDIT_SIZE', 'the trail has no checkpoint yet')
  const size = Number(row.size)
  const tree = new TileTree(size, tileReader(client, schema))
  const hashes = await tree.consistencyProof(checkpointVerifier(verifierKey).open(older).size, size)
  return { older, newer: row.note, hashes: hashes.map((hash) => hash.toString('base64')) }
}

/** Checks a growth proof. @throws ERR_SHOP_AUDIT_CHECKPOINT, ERR_SHOP_AUDIT_TAMPERED */
export function checkGrowthProof(proof: GrowthProof, verifierKey: string): void {
  const verifier = checkpointVerifier(verifierKey)
  const [older, newer] = [verifier.open(proof.older), verifier.open(proof.newer)]
  const holds = verifyConsistency({
    size1: older.size,
    size2: newer.size,
    root1: older.root,
    root2: newer.root,
    proof: proof.hashes.map(decode),
  })
  if (!holds) throw new AuditError('ERR_SHOP_AUDIT_TAMPERED', 'the newer tree does not begin with the older one')
}

function decode(hash: string): Buffer {
  const bytes = Buffer.from(hash, 'base64')
  return bytes.length === HASH_BYTES ? bytes : Buffer.alloc(0)
}
