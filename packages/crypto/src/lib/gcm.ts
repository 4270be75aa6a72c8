import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Bytes of a GCM tag: never fewer than all of them. */
export const gcmTagBytes = 16

/** AES-256-GCM over the concatenation of `parts`; pieces in order, the tag last. */
export function gcmSeal(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  parts: readonly (Uint8Array | string)[],
): Buffer[] {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: gcmTagBytes }).setAAD(aad)
  const sealed = parts.map((part) => (typeof part === 'string' ? cipher.update(part, 'utf8') : cipher.update(part)))
  cipher.final()
  sealed.push(cipher.getAuthTag())
  return sealed
}

/** The plaintext of ciphertext and tag, or `undefined` when they are not authentic. */
export function gcmOpen(key: KeyObject, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  const tagAt = sealed.length - gcmTagBytes
  if (tagAt < 0) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: gcmTagBytes })
  decipher.setAAD(aad).setAuthTag(sealed.subarray(tagAt))
  const plain = decipher.update(sealed.subarray(0, tagAt))
  try {
    decipher.final()
    return plain
  } catch {
    plain.fill(0)
    return undefined
  }
}
