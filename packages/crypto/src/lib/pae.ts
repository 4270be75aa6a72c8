/**
 * PASETO's pre-authentication encoding of a list of texts: the count and every length as 64-bit little endian before it,
 * so that no two lists encode alike.
 */
export function pae(pieces: readonly string[]): Buffer {
  const parts: Buffer[] = [le64(pieces.length)]
  for (const piece of pieces) {
    const bytes = Buffer.from(piece)
    parts.push(le64(bytes.length), bytes)
  }
  return Buffer.concat(parts)
}

function le64(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(length, 0)
  return bytes
}
