import type { FieldContext } from '@shop/crypto'
import type { SubjectKeys as CryptoSubjectKeys } from '@shop/crypto/postgres'

import type { SubjectKeys } from './subject-keys.ts'

/** The subject keys of `@shop/crypto`, as the trail uses them. A subject gets a key with the first event about it. */
export function cryptoSubjectKeys(
  keys: Pick<CryptoSubjectKeys, 'ensure' | 'open' | 'forget' | 'isForgotten'>,
): SubjectKeys {
  return {
    async seal(subject, plaintext, context) {
      try {
        const vault = await keys.open(subject).catch(async (error: unknown) => {
          if (codeOf(error) !== 'ERR_SHOP_CRYPTO_SUBJECT_UNKNOWN') throw error
          await keys.ensure(subject)
          return keys.open(subject)
        })
        return Buffer.from(vault.encrypt(plaintext, place(context)))
      } catch (error) {
        if (codeOf(error) === 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN') return undefined
        throw error
      }
    },
    async open(subject, sealed, context) {
      try {
        const vault = await keys.open(subject)
        return vault.decryptBytes(Buffer.from(sealed).toString(), place(context))
      } catch (error) {
        if (/SUBJECT_(FORGOTTEN|UNKNOWN)$/.test(codeOf(error))) return undefined
        throw error
      }
    },
    async forget(subject) {
      const { destroyed } = await keys.forget(subject, { reason: 'erasure' })
      return destroyed
    },
    isForgotten: (subject) => keys.isForgotten(subject),
  }
}

function place(id: string): FieldContext {
  return { table: 'audit.events', column: 'sealed', row: id }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code)
}
