/** Bytes of a frame before the additional data: room for HMAC-SHA-512's inner key block. */
export const frameHead = 128

/** Longest additional data in bytes: far above any real table, column and key, and bounded. */
export const maxContextBytes = 2048

/** Longest plaintext, kind byte included, that suite 0x01 takes by default. */
export const shortBytes = 1024

/** Room after the plaintext: IV, padding, tag, HMAC's length field. */
const frameTail = 128

/**
 * The one buffer in which short values are sealed and opened: everything is synchronous, so it is never used twice at once.
 * Layout: `[128][additional data][IV][text][padding, tag]`.
 */
export const frame: Buffer = Buffer.alloc(frameHead + maxContextBytes + shortBytes + frameTail)

const heads: Buffer[] = []

/** A buffer's first bytes; of the shared frame each view is made once. */
export function headOf(buffer: Buffer, end: number): Buffer {
  return buffer === frame ? (heads[end] ??= frame.subarray(0, end)) : buffer.subarray(0, end)
}

/** A frame for `length` bytes of body after the additional data: the shared one, or a copy of its head that is long enough. */
export function frameFor(aadEnd: number, length: number): Buffer {
  if (aadEnd + length + 16 <= frame.length) return frame
  const longer = Buffer.alloc(aadEnd + length + frameTail)
  frame.copy(longer, 0, 0, aadEnd)
  return longer
}

/** Where bodies of longer values are made and opened. It grows to the longest value seen, and to no more than {@link maxRoom}. */
let room = Buffer.alloc(65_536)

/** What a process keeps for ever after its first long value, at most. */
const maxRoom = 2 ** 21

/** Room for `length` bytes: the shared one, whose pages are there already, or for a very long value one of its own. */
export function roomFor(length: number): Buffer {
  if (length > maxRoom) return Buffer.allocUnsafeSlow(length)
  if (length > room.length) room = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)))
  return room.subarray(0, length)
}
