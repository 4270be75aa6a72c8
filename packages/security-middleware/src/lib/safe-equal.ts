import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const key = randomBytes(32)

/**
 * Whether two texts or byte strings are equal, in a time that tells nothing of where they differ, nor of whether
 * their lengths do. Both are put through HMAC-SHA256 under a key of this process (double HMAC), so that the comparison
 * is of 32 bytes nobody can choose. `undefined` and `null` equal nothing, themselves included, at the same cost.
 *
 * The time still grows with the length of the inputs: bound what a client can send.
 *
 * @example if (!safeEqual(request.header('x-api-key'), apiKey)) …
 */
export function safeEqual(
  a: string | Uint8Array | null | undefined,
  b: string | Uint8Array | null | undefined,
): boolean {
  const both = a !== undefined && a !== null && b !== undefined && b !== null
  return timingSafeEqual(digest(a ?? ''), digest(b ?? '')) && both
}

function digest(value: string | Uint8Array): Buffer {
  const hmac = createHmac('sha256', key)
  if (typeof value !== 'string') return hmac.update(value).digest()
  // UTF-8 writes every lone surrogate alike: such a text gets an encoding, and a mark, of its own
  return value.isWellFormed()
    ? hmac.update(value, 'utf8').digest()
    : hmac.update('\u0000utf-16\u0000').update(value, 'utf16le').digest()
}
