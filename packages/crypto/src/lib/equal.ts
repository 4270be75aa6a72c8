import { hash, randomBytes, timingSafeEqual as equalBytes } from 'node:crypto'

/**
 * Compares any two strings or byte arrays in a time that says nothing of where they differ, nor of how their lengths do beyond
 * what hashing them takes. A string equals its UTF-8 bytes.
 */
export function timingSafeEqual(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const salt = randomBytes(32)
  return equalBytes(digest(salt, a), digest(salt, b))
}

function digest(salt: Buffer, value: string | Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([salt, typeof value === 'string' ? Buffer.from(value) : value]), 'buffer')
}
