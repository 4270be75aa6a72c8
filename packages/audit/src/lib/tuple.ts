import type { RecordedEvent } from './event.ts'
import { joinText } from './event-text.ts'
import type { EventMac } from './mac.ts'
import { leafHash } from './merkle.ts'
import type { PreparedEvent } from './prepare.ts'

/**
 * One row of the events table in PostgreSQL's own binary format: for every column a length (int32, -1 for null) and
 * the bytes. The spool keeps rows like this and the database takes them like this, so nothing is encoded twice.
 */
export type Tuple = Buffer

/** The columns of a tuple in their order, with the element type's OID for binary arrays. */
export const tupleColumns = [
  { name: 'time', type: 'timestamptz', oid: 1184 },
  { name: 'id', type: 'uuid', oid: 2950 },
  { name: 'seq', type: 'bigint', oid: 20 },
  { name: 'action', type: 'text', oid: 25 },
  { name: 'actor', type: 'text', oid: 25 },
  { name: 'target', type: 'text', oid: 25 },
  { name: 'outcome', type: 'text', oid: 25 },
  { name: 'severity', type: 'text', oid: 25 },
  { name: 'subject', type: 'text', oid: 25 },
  { name: 'body', type: 'text', oid: 25 },
  { name: 'mac', type: 'bytea', oid: 17 },
  { name: 'sealed', type: 'bytea', oid: 17 },
] as const

/** Milliseconds between 1970 and 2000, PostgreSQL's year zero. */
const EPOCH_2000 = 946_684_800_000

/** A tuple, and the hash the next event of the writer links to. */
export interface EncodedEvent {
  readonly tuple: Tuple
  readonly leaf: Buffer
}

/** Encodes an event; the body is hashed as it will be stored. */
export function encodeEvent(
  event: PreparedEvent,
  link: RecordedEvent['link'],
  macOf: EventMac | undefined,
): EncodedEvent {
  const { body, sealed } = event
  const text = joinText(event.text, link)
  const leaf = leafHash(text)
  const actor = body.actor && `${body.actor.type}:${body.actor.id}`
  const target = body.targets?.[0] && `${body.targets[0].type}:${body.targets[0].id}`
  const mac = macOf?.(leaf)
  const strings = [body.action, actor, target, body.outcome, body.severity, body.pii?.subject, text]
  let size = 12 + 20 + 12 + 4 + (mac?.length ?? 0) + 4 + (sealed?.length ?? 0)
  for (const string of strings) size += 4 + (string === undefined ? 0 : string.length * 3)
  const room = roomFor(size)
  room.writeInt32BE(8, 0)
  writeMicros(room, event.time - EPOCH_2000, 4)
  room.writeInt32BE(16, 12)
  room.write(body.id.replaceAll('-', ''), 16, 16, 'hex')
  room.writeInt32BE(8, 32)
  const seq = link?.seq ?? 0
  room.writeInt32BE(Math.floor(seq / 2 ** 32), 36)
  room.writeInt32BE(seq | 0, 40)
  let at = 44
  for (const string of strings) {
    const length = string === undefined ? -1 : room.write(string, at + 4)
    at = room.writeInt32BE(length, at) + Math.max(length, 0)
  }
  for (const bytes of [mac, sealed]) {
    at = room.writeInt32BE(bytes ? bytes.length : -1, at)
    if (bytes) room.set(bytes, at)
    at += bytes?.length ?? 0
  }
  used += at
  return { tuple: room.subarray(0, at), leaf }
}

/** Milliseconds as microseconds in 64 bits: beyond the year 2285 more than a number holds, and a BigInt costs a heap object. */
function writeMicros(room: Buffer, ms: number, at: number): void {
  const high = Math.floor(ms / 2 ** 32)
  const low = (ms - high * 2 ** 32) * 1000
  room.writeInt32BE(high * 1000 + Math.floor(low / 2 ** 32), at)
  room.writeInt32BE(low | 0, at + 4)
}

/** At most how many bytes an event's tuple takes, before it is linked. */
export function tupleBound({ body, bytes, sealed }: PreparedEvent): number {
  const { action, actor, pii } = body
  const target = body.targets?.[0]
  let units = action.length + (pii?.subject.length ?? 0)
  if (actor) units += actor.type.length + actor.id.length
  if (target) units += target.type.length + target.id.length
  return units * 3 + bytes + (sealed?.length ?? 0) + 320
}

const SLAB = 65_536
let slab = Buffer.allocUnsafe(SLAB)
let used = 0

/** Room for a tuple of at most `size` bytes, after the one before: a buffer of its own would cost more than the tuple. */
function roomFor(size: number): Buffer {
  if (size > SLAB - used) {
    slab = Buffer.allocUnsafe(Math.max(SLAB, size))
    used = 0
  }
  return slab.subarray(used, used + size)
}

/** The fields of a tuple, each as PostgreSQL's binary form takes it. */
export function tupleFields(tuple: Tuple): (Buffer | null)[] {
  const fields: (Buffer | null)[] = []
  for (let at = 0; at < tuple.length;) {
    const length = tuple.readInt32BE(at)
    at += 4
    fields.push(length < 0 ? null : tuple.subarray(at, at + length))
    at += Math.max(length, 0)
  }
  return fields
}

/** Many tuples as one binary array per column, for `unnest`. */
export function tupleArrays(tuples: readonly Tuple[]): Buffer[] {
  const sizes = new Array<number>(tupleColumns.length).fill(20)
  for (const tuple of tuples) {
    let at = 0
    for (let c = 0; c < sizes.length; c++) {
      const step = 4 + Math.max(tuple.readInt32BE(at), 0)
      sizes[c]! += step
      at += step
    }
  }
  const arrays = sizes.map((size, c) => arrayHeader(Buffer.allocUnsafe(size), tupleColumns[c]!.oid, tuples.length))
  const ends = new Array<number>(sizes.length).fill(20)
  for (const tuple of tuples) {
    let at = 0
    for (let c = 0; c < ends.length; c++) {
      const next = at + 4 + Math.max(tuple.readInt32BE(at), 0)
      tuple.copy(arrays[c]!, ends[c]!, at, next)
      ends[c]! += next - at
      at = next
    }
  }
  return arrays
}

/** One dimension, nulls possible, numbered from 1. */
function arrayHeader(array: Buffer, oid: number, count: number): Buffer {
  array.writeInt32BE(1, 0)
  array.writeInt32BE(1, 4)
  array.writeInt32BE(oid, 8)
  array.writeInt32BE(count, 12)
  array.writeInt32BE(1, 16)
  return array
}
