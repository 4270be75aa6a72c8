import { CryptoError } from './errors.ts'
import { frameHead, maxContextBytes } from './frame.ts'
import { header, suites } from './token.ts'

/** One part of a row's key. A number, its decimal string and its bigint are the same key. */
export type RowKeyPart = string | number | bigint

/**
 * Where a value lives. Authenticated with it, so a token copied to another row, column, table or tenant does not decrypt.
 * Immutable identity only: whatever may change while the value stays (a status, an e-mail address) does not belong here.
 */
export interface FieldContext {
  /** @default '' (one tenant) */
  readonly tenant?: string | undefined
  readonly table: string
  readonly column: string
  /** The row's primary key; a composite key as an array, in the key's column order. */
  readonly row: RowKeyPart | readonly RowKeyPart[]
}

const label = 'shop/e1'

/**
 * Writes PAE(["shop/e1", header, tenant, table, column, row…]) at `at` and returns its end.
 * PAE is PASETO's pre-authentication encoding: the count and every length as 64-bit little endian, so that no two lists encode alike.
 */
export function writeContext(frame: Buffer, at: number, suite: number, keyId: number, context: FieldContext): number {
  const { tenant = '', table, column, row } = check(context)
  const composite = Array.isArray(row) ? (row as readonly RowKeyPart[]) : undefined
  if (deterministic(suite)) {
    at = writeLength(frame, at, 5)
  } else {
    at = writeLength(frame, at, composite === undefined ? 6 : 5 + composite.length)
  }
  at = writePiece(frame, at, label)
  at = writeLength(frame, at, 6)
  at = header(frame, at, suite, keyId)
  at = writePiece(frame, at, tenant)
  at = writePiece(frame, at, table)
  at = writePiece(frame, at, column)
  if (deterministic(suite)) return at
  if (composite === undefined) return writePiece(frame, at, String(row as RowKeyPart))
  for (const part of composite) at = writePiece(frame, at, String(part))
  return at
}

/** Equal values of a deterministic column must give equal tokens in every row, so its row key stays out. */
function deterministic(suite: number): boolean {
  return suite === suites.siv
}

function check(context: FieldContext): FieldContext {
  const { tenant, table, column, row } = context ?? {}
  if (typeof table !== 'string' || table === '') throw refuse('table', 'a non-empty string')
  if (typeof column !== 'string' || column === '') throw refuse('column', 'a non-empty string')
  if (tenant !== undefined && typeof tenant !== 'string') throw refuse('tenant', 'a string')
  if (Array.isArray(row)) {
    if (row.length < 2 || !row.every(isKeyPart))
      throw refuse('row', 'two or more key parts, each a non-empty string, an integer or a bigint')
  } else if (!isKeyPart(row)) {
    throw refuse('row', 'a non-empty string, an integer, a bigint, or an array of them')
  }
  return context
}

function isKeyPart(part: unknown): boolean {
  return (typeof part === 'string' && part !== '') || Number.isSafeInteger(part) || typeof part === 'bigint'
}

function refuse(name: string, expected: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_CONTEXT', `context.${name} must be ${expected}`)
}

function writePiece(frame: Buffer, at: number, text: string): number {
  // three bytes are the most a UTF-16 unit takes in UTF-8
  if (at + 8 + text.length * 3 > frameHead + maxContextBytes) {
    throw new CryptoError('ERR_SHOP_CRYPTO_CONTEXT', `the context is longer than ${maxContextBytes} bytes`)
  }
  const length = text.length <= 32 && writeAscii(frame, at + 8, text) ? text.length : frame.write(text, at + 8, 'utf8')
  writeLength(frame, at, length)
  return at + 8 + length
}

/** Names and keys are short and ASCII, nearly always: a loop is a fifth of the cost of a call. */
function writeAscii(frame: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    frame[at + i] = code
  }
  return true
}

function writeLength(frame: Buffer, at: number, length: number): number {
  frame[at] = length & 0xff
  frame[at + 1] = (length >>> 8) & 0xff
  // six stores cost less than a call of fill
  frame[at + 2] = 0
  frame[at + 3] = 0
  frame[at + 4] = 0
  frame[at + 5] = 0
  frame[at + 6] = 0
  frame[at + 7] = 0
  return at + 8
}
