import { hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** HKDF-SHA-512 (RFC 5869). */
export function hkdf512(
  key: KeyObject | Uint8Array,
  salt: Uint8Array | string,
  info: Uint8Array | string,
  length: number,
): Buffer {
  return Buffer.from(hkdfSync('sha512', key, salt, info, length))
}

/** A key of its own for one purpose: HKDF-SHA-512 of a root key, without salt, under `shop/e1 <purpose>`. */
export function deriveKey(root: KeyObject, purpose: string, length: number): Buffer {
  return hkdf512(root, '', `shop/e1 ${purpose}`, length)
}
