import { KEY_BYTES } from './tile-store.ts'

/** A one-dimensional array in PostgreSQL's binary format, out of the same bytes `[from, to)` of every key. */
export function strideArray(oid: number, keys: Uint8Array, from: number, to: number): Buffer {
  const count = keys.length / KEY_BYTES
  const width = to - from
  const array = Buffer.allocUnsafe(20 + count * (4 + width))
  array.writeInt32BE(1, 0)
  array.writeInt32BE(0, 4)
  array.writeInt32BE(oid, 8)
  array.writeInt32BE(count, 12)
  array.writeInt32BE(1, 16)
  for (let i = 0, at = 20; i < count; i++, at += 4 + width) {
    array.writeInt32BE(width, at)
    for (let b = 0; b < width; b++) array[at + 4 + b] = keys[i * KEY_BYTES + from + b]!
  }
  return array
}
