import { CryptoError } from './errors.ts'

/** What can be encrypted and read back unchanged, without a codec. */
export type Sealable = string | number | boolean | null | object

/** Rejects functions where a value is expected, at compile time. */
export type NotFunction<T> = T extends (...args: never[]) => unknown ? never : T

/**
 * Teaches a vault one further type, at the top level of a value.
 * `tag` is written into the plaintext, so it must never be given to another codec: 0x40 to 0x7f.
 */
export interface Codec<T = unknown> {
  readonly name: string
  readonly tag: number
  is(value: unknown): boolean
  encode(value: T): Uint8Array
  decode(bytes: Buffer): T
}

/** A bigint, as its decimal digits. */
export const bigintCodec: Codec<bigint> = {
  name: 'bigint',
  tag: 0x40,
  is: (value) => typeof value === 'bigint',
  encode: (value) => Buffer.from(value.toString()),
  decode: (bytes) => BigInt(bytes.toString('latin1')),
}

/** A valid Date, to the millisecond. */
export const dateCodec: Codec<Date> = {
  name: 'date',
  tag: 0x41,
  is: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  encode: (value) => Buffer.from(value.toISOString()),
  decode: (bytes) => new Date(bytes.toString('latin1')),
}

/** The plaintext's first byte: what its other bytes are. */
export const kinds = { bytes: 0x00, text: 0x01, json: 0x02 } as const

/** A value as a kind byte and what follows it. */
export interface EncodedValue {
  readonly kind: number
  readonly payload: string | Uint8Array
}

/** Turns a value into its kind and payload. @throws ERR_SHOP_CRYPTO_VALUE for what would not come back unchanged. */
export function encodeValue(value: unknown, codecs: readonly Codec[]): EncodedValue {
  if (typeof value === 'string') {
    // UTF-8 has no form for it: it would come back as U+FFFD
    if (!(value as WellFormed).isWellFormed()) throw refuse('a string with a lone surrogate')
    return { kind: kinds.text, payload: value }
  }
  if (value instanceof Uint8Array) return { kind: kinds.bytes, payload: value }
  for (const codec of codecs) if (codec.is(value)) return { kind: codec.tag, payload: codec.encode(value) }
  checkJson(value, 0)
  return { kind: kinds.json, payload: JSON.stringify(value) }
}

/** Turns a kind and its bytes back into the value, or `undefined` when this vault knows no such kind. */
export function decodeValue(bytes: Buffer, codecs: readonly Codec[]): { readonly value: unknown } | undefined {
  const payload = bytes.subarray(1)
  const kind = bytes[0]
  if (kind === kinds.text) return { value: payload.toString('utf8') }
  if (kind === kinds.bytes) return { value: Buffer.from(payload) }
  if (kind === kinds.json) return { value: JSON.parse(payload.toString('utf8')) }
  const codec = codecs.find((c) => c.tag === kind)
  return codec && { value: codec.decode(Buffer.from(payload)) }
}

const maxDepth = 100

/** JSON.stringify alone would drop, blank or rename what it cannot write; here that is an error, before anything is encrypted. */
function checkJson(value: unknown, depth: number): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refuse('a number that is not finite')
    if (Object.is(value, -0)) throw refuse('negative zero')
    return
  }
  if (typeof value !== 'object')
    throw refuse(
      typeof value === 'bigint' ? 'a bigint (add bigintCodec, or convert it)' : `a value of type ${typeof value}`,
    )
  if (depth === maxDepth) throw refuse(`a circular value, or one nested deeper than ${maxDepth}`)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) checkJson(value[i], depth + 1)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw refuse('an instance of a class (convert it, or add a codec)')
  if (Object.hasOwn(value, '__proto__')) throw refuse('an object with a __proto__ key')
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') throw refuse('an object with a toJSON method')
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key]
    if (member !== undefined) checkJson(member, depth + 1)
  }
}

function refuse(what: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_VALUE', `cannot encrypt ${what}`)
}

/** ES2024; every Node this package runs on has it. */
type WellFormed = string & { isWellFormed(): boolean }
