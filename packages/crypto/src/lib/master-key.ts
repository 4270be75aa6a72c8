import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CryptoError } from './errors.ts'
import { deriveKey } from './hkdf.ts'

/** Reads 64 hexadecimal characters as a 32-byte key. @throws ERR_SHOP_CRYPTO_MASTER_KEY, which never prints what it was given. */
export function parseHexKey(hex: unknown, name: string): KeyObject {
  if (typeof hex !== 'string' || hex === '') throw refuse(name, 'is missing')
  if (hex.length !== 64) throw refuse(name, `has ${hex.length} characters`)
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw refuse(name, 'has a character that is not hexadecimal')
  if (/^(..)\1{31}$/.test(hex)) throw refuse(name, 'is one byte repeated, which no generator makes')
  const bytes = Buffer.from(hex, 'hex')
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

function refuse(name: string, what: string): CryptoError {
  return new CryptoError(
    'ERR_SHOP_CRYPTO_MASTER_KEY',
    `${name} must be 64 hexadecimal characters, but it ${what}; make one with: shop-crypto keygen`,
  )
}

/** The key id of a master key: derived from it, so that another master key is an unknown key, not a failed check. */
export function masterKeyId(root: KeyObject): number {
  return deriveKey(root, 'key id', 4).readUInt32BE(0)
}
