import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const iv = Buffer.from('a65959a6', 'hex')

/** AES-256 key wrap with padding (RFC 5649): deterministic and authenticated, made for wrapping keys and nothing else. */
export function wrapKey(kek: KeyObject, key: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap-pad', kek, iv)
  return Buffer.concat([cipher.update(key), cipher.final()])
}

/** The wrapped key, or `undefined` when it was not wrapped by this key-encryption key. */
export function unwrapKey(kek: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  try {
    const decipher = createDecipheriv('id-aes256-wrap-pad', kek, iv)
    return Buffer.concat([decipher.update(wrapped), decipher.final()])
  } catch {
    return undefined
  }
}
