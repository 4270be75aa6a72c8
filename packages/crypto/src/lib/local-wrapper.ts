import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { CryptoError } from './errors.ts'
import { deriveKey } from './hkdf.ts'
import { rootBytes } from './key-suites.ts'
import { unwrapKey, wrapKey } from './kwp.ts'
import { parseHexKey } from './master-key.ts'
import type { KeyWrapper } from './wrapper.ts'

/**
 * A key-encryption key of 64 hexadecimal characters in an environment variable, read when it is first needed.
 * @default MASTER_ENCRYPTION_KEY
 */
export function environmentWrapper(variable = 'MASTER_ENCRYPTION_KEY'): KeyWrapper {
  return localWrapper(`env:${variable}`, () => Promise.resolve(parseHexKey(process.env[variable], variable)))
}

/** A key-encryption key of 64 hexadecimal characters in a file (a mounted secret), read when it is first needed. */
export function fileWrapper(path: string): KeyWrapper {
  return localWrapper('file', async () => parseHexKey((await readFile(path, 'utf8')).trim(), 'the key file'))
}

/** Wraps by AES-256-KWP under a key derived for nothing else. */
function localWrapper(name: string, load: () => Promise<KeyObject>): KeyWrapper {
  let kek: KeyObject | undefined
  const key = async (): Promise<KeyObject> => (kek ??= createSecretKey(deriveKey(await load(), 'key wrap', 32)))
  return {
    name,
    wrap: async (plain) => wrapKey(await key(), plain),
    unwrap: async (wrapped) => {
      const plain = unwrapKey(await key(), wrapped)
      if (plain === undefined)
        throw new CryptoError(
          'ERR_SHOP_CRYPTO_KEY_WRAP',
          `a key was not wrapped by ${name}: is this the right key-encryption key?`,
        )
      return plain
    },
    generateDataKey: async () => {
      const plain = randomBytes(rootBytes)
      return { key: plain, wrapped: wrapKey(await key(), plain) }
    },
  }
}
