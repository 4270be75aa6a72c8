import { createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { parseHexKey } from './master-key.ts'
import { checkNames, optionError } from './options.ts'

/**
 * Reading of values written as `hex(iv):hex(ciphertext)` by AES-256-CBC: no authentication, no context, so read-only and for a time.
 * Whoever can write the table can make such values say anything.
 */
export interface LegacyOptions {
  /** The old key, 64 hexadecimal characters. Never the master key: an unauthenticated suite must not be an oracle for a good one. */
  readonly key: string
  /** Legacy values are refused from this instant on, so that the exception ends. */
  readonly until: Date | string
}

/** What a vault needs to read legacy values. */
export interface LegacyReader {
  readonly until: number
  readonly read: (text: string) => Buffer | undefined
}

/** Checks the options once. @throws ERR_SHOP_CRYPTO_OPTION, ERR_SHOP_CRYPTO_MASTER_KEY */
export function legacyReader(options: LegacyOptions): LegacyReader {
  checkNames('legacy', options, ['key', 'until'])
  const until = new Date(options.until).getTime()
  if (Number.isNaN(until)) throw optionError('legacy', 'until', 'must be a date')
  const key = parseHexKey(options.key, 'legacy.key')
  return { until, read: (text) => readLegacy(key, text) }
}

/** Whether a text has the legacy form. It says nothing about who wrote it. */
export function isLegacy(text: string): boolean {
  return text.length >= 65 && text.length % 32 === 1 && /^[0-9a-fA-F]{32}:[0-9a-fA-F]+$/.test(text)
}

function readLegacy(key: KeyObject, text: string): Buffer | undefined {
  if (!isLegacy(text)) return undefined
  const decipher = createDecipheriv('aes-256-cbc', key, Buffer.from(text.slice(0, 32), 'hex'))
  const plain = decipher.update(Buffer.from(text.slice(33), 'hex'))
  try {
    return Buffer.concat([plain, decipher.final()])
  } catch {
    return undefined
  }
}
