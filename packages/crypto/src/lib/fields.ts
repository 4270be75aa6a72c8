import type { FieldContext, RowKeyPart } from './context.ts'
import { optionError } from './options.ts'
import type { Token, Vault } from './vault.ts'

/** Which columns of a row are encrypted, and how a row is told from another. */
export interface FieldSpec<Row, Column extends keyof Row & string> {
  readonly vault: Vault
  readonly table: string
  /** The primary key's columns. Never encrypted, never changed. */
  readonly key: (keyof Row & string) | readonly (keyof Row & string)[]
  /** The columns to encrypt. */
  readonly columns: readonly Column[]
  /** The column that names the tenant. @default none */
  readonly tenant?: keyof Row & string
  /** Columns to add, computed from the plaintext row: blind indexes. */
  readonly indexes?: Readonly<Record<string, (row: Row) => string | null>>
}

/** A row whose `Column`s are tokens. `null` and `undefined` stay what they are: that a value is absent is not hidden. */
export type EncryptedRow<Row, Column extends keyof Row> = {
  readonly [K in keyof Row]: K extends Column ? Token<NonNullable<Row[K]>> | Extract<Row[K], null | undefined> : Row[K]
}

/**
 * Encrypts a row's columns and adds its blind indexes; the row itself is not changed.
 * @throws as `Vault.encrypt`; ERR_SHOP_CRYPTO_OPTION when the key is among the columns or absent
 */
export function encryptFields<Row extends object, Column extends keyof Row & string>(
  row: Row,
  spec: FieldSpec<Row, Column>,
): EncryptedRow<Row, Column> & Readonly<Record<string, unknown>> {
  const sealed = mapColumns(row, spec, (value, context) => spec.vault.encrypt(value, context))
  for (const [name, compute] of Object.entries(spec.indexes ?? {})) sealed[name] = compute(row)
  return sealed as EncryptedRow<Row, Column> & Record<string, unknown>
}

/** Decrypts a row's columns. Columns that are not in the row are left out. @throws DecryptionError */
export function decryptFields<Row extends object, Column extends keyof Row & string>(
  row: EncryptedRow<Row, Column> | Readonly<Record<string, unknown>>,
  spec: FieldSpec<Row, Column>,
): Row {
  return mapColumns(row, spec, (value, context) => spec.vault.decrypt(value as string, context)) as Row
}

function mapColumns<Row extends object, Column extends keyof Row & string>(
  row: object,
  spec: FieldSpec<Row, Column>,
  change: (value: unknown, context: FieldContext) => unknown,
): Record<string, unknown> {
  const out: Record<string, unknown> = { ...row }
  const keys: readonly string[] = typeof spec.key === 'string' ? [spec.key] : (spec.key as readonly string[])
  const parts = keys.map((name) => {
    if ((spec.columns as readonly string[]).includes(name))
      throw optionError('fields', 'columns', `must not hold the key column ${name}`)
    const part = out[name]
    if (part === null || part === undefined) throw optionError('fields', 'key', `column ${name} is missing in the row`)
    return part as RowKeyPart
  })
  const tenant = spec.tenant === undefined ? undefined : String(out[spec.tenant] as RowKeyPart)
  for (const column of spec.columns) {
    const value = out[column]
    if (value === null || value === undefined) continue
    out[column] = change(value, {
      tenant,
      table: spec.table,
      column,
      row: parts.length === 1 ? (parts[0] as RowKeyPart) : parts,
    })
  }
  return out
}
