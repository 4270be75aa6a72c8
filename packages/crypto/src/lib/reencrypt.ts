import { CryptoError } from './errors.ts'
import { isLegacy } from './legacy.ts'
import { checkNames } from './options.ts'
import { identifier } from './queryable.ts'
import { contextTableOf, literal, rewriteColumn } from './rewrite.ts'
import type { RewriteOptions, RewriteReport } from './rewrite.ts'
import { textMark } from './token.ts'
import type { Vault } from './vault.ts'

/** A blind index that is rewritten with its column. */
export interface ReindexColumn {
  /** `BlindIndex.currentPrefix()`: rows whose index does not start with it are rewritten too. */
  readonly currentPrefix: string
  readonly compute: (value: unknown, tenant: string | undefined) => string | null
}

/** How a column is re-encrypted. */
export interface ReencryptOptions extends RewriteOptions {
  /** Has the old keys to read with and the new primary to write with. */
  readonly vault: Vault
  /** Blind indexes of the column, by their column: written in the same statement. */
  readonly indexes?: Readonly<Record<string, ReindexColumn>> | undefined
}

/** How a column of old values is migrated. */
export interface MigrateOptions extends RewriteOptions {
  /** For `iv:ciphertext` values, a vault with `legacy`. */
  readonly vault: Vault
  /** What the column holds beside tokens. */
  readonly from: 'iv:ciphertext' | 'plaintext'
}

const rewriteNames = [
  'client',
  'table',
  'column',
  'key',
  'tenant',
  'contextTable',
  'batch',
  'dryRun',
  'maxLockWaits',
  'maxLagSeconds',
  'onProgress',
  'signal',
]

/**
 * Re-encrypts a column under the vault's primary key, online: every row that is not under it yet, found by its prefix. A row that
 * somebody writes meanwhile is left to them. Killed or aborted, it is simply run again.
 * @throws ERR_SHOP_CRYPTO_OPTION, ERR_SHOP_CRYPTO_REENCRYPT
 */
export async function reencrypt(options: ReencryptOptions): Promise<RewriteReport> {
  checkNames('reencrypt', options, [...rewriteNames, 'vault', 'indexes'])
  const { vault, column, indexes = {} } = options
  const stale = startsWithNone(column, vault.currentPrefixes({ table: contextTableOf(options), column }))
  const extra = Object.entries(indexes)
  const todo = [
    stale,
    ...extra.map(
      ([name, index]) => `(t.${identifier(name)} is null or ${startsWithNone(name, [index.currentPrefix])})`,
    ),
  ]
  return rewriteColumn(options, {
    todo: `(${todo.join(' or ')}) and ${startsWith(column, textMark)}`,
    extra: extra.map(([name]) => name),
    convert: (token, context) => {
      const value = vault.decrypt(token, context)
      const fresh = vault.isStale(token, context) ? vault.encrypt(value, context) : token
      return [fresh, ...extra.map(([, index]) => index.compute(value, context.tenant))]
    },
  })
}

/**
 * Encrypts what a column holds beside tokens: old `iv:ciphertext` values, or plaintext. The column must be wide enough (`text`).
 * Rows that do not look like what they should be are counted as failed and stay as they are.
 * @throws ERR_SHOP_CRYPTO_OPTION, ERR_SHOP_CRYPTO_REENCRYPT
 */
export async function migrateLegacy(options: MigrateOptions): Promise<RewriteReport> {
  checkNames('migrateLegacy', options, [...rewriteNames, 'vault', 'from'])
  const { vault, column, from } = options
  if (from !== 'iv:ciphertext' && from !== 'plaintext')
    throw new CryptoError('ERR_SHOP_CRYPTO_REENCRYPT', "from must be 'iv:ciphertext' or 'plaintext'")
  return rewriteColumn(options, {
    todo: `not ${startsWith(column, textMark)}`,
    extra: [],
    convert: (value, context) => {
      // old ciphertext taken for plaintext would be encrypted twice, and plaintext is no ciphertext
      if (isLegacy(value) !== (from === 'iv:ciphertext')) return undefined
      return [vault.encrypt(from === 'plaintext' ? value : vault.decrypt(value, context), context)]
    },
  })
}

function startsWith(column: string, prefix: string): string {
  return `starts_with(t.${identifier(column)}::text, ${literal(prefix)})`
}

function startsWithNone(column: string, prefixes: readonly string[]): string {
  return `not (${prefixes.map((prefix) => startsWith(column, prefix)).join(' or ')})`
}
