import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Bytes of a GCM tag: never fewer than all of them. */
export const gcmTagBytes = 16

/** AES-256-GCM. The text is encrypted in one piece; the tag comes apart from it, so that nobody has to join them. */
export function gcmSeal(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  plain: Uint8Array,
): { readonly text: Buffer; readonly tag: Buffer } {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  if (aad.length > 0) cipher.setAAD(aad)
  const text = cipher.update(plain)
  cipher.final()
  return { text, tag: cipher.getAuthTag() }
}

/** The plaintext of ciphertext and tag, or `undefined` when they are not authentic. */
export function gcmOpen(key: KeyObject, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  const tagAt = sealed.length - gcmTagBytes
  if (tagAt < 0) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
  if (aad.length > 0) decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plain = decipher.update(sealed.subarray(0, tagAt))
  try {
    decipher.final()
    return plain
  } catch {
    plain.fill(0)
    return undefined
  }
}
