import { createSecretKey, type KeyObject } from 'node:crypto'

import { HASH_BYTES, sha256 } from './merkle.ts'
import { optionError } from './options.ts'

/** Bytes of an event's MAC. */
export const MAC_BYTES = 16

/** The application's seal over a leaf hash: 16 bytes of HMAC-SHA-256 under a key the database never sees. */
export type EventMac = (leaf: Uint8Array) => Buffer

const BLOCK = 64

/**
 * Makes the seal of a key of 32 bytes. HMAC (RFC 2104) as two one-shot hashes over prepared blocks: half the time of
 * an Hmac object for a message of 32 bytes.
 * @throws ERR_SHOP_AUDIT_OPTION
 */
export function eventMac(where: string, key: Uint8Array | KeyObject | undefined): EventMac | undefined {
  if (key === undefined) return undefined
  const object = key instanceof Uint8Array ? createSecretKey(key) : key
  if (object.type !== 'secret' || object.symmetricKeySize !== 32)
    throw optionError(where, 'macKey', 'has the wrong length; expected 32 secret bytes')
  const inner = Buffer.alloc(BLOCK + HASH_BYTES, 0x36)
  const outer = Buffer.alloc(BLOCK + HASH_BYTES, 0x5c)
  for (const [i, byte] of object.export().entries()) {
    inner[i]! ^= byte
    outer[i]! ^= byte
  }
  return (leaf) => {
    inner.set(leaf, BLOCK)
    outer.set(sha256(inner), BLOCK)
    return sha256(outer).subarray(0, MAC_BYTES)
  }
}
