import { CryptoError } from './errors.ts'
import { rootBytes } from './key-suites.ts'

/**
 * What a key may do. `primary` encrypts and decrypts (exactly one); `enabled` decrypts and may be promoted; `decrypt-only` decrypts
 * and waits for its last token to be re-encrypted; `destroyed` has no material left, and its id is never given again.
 */
export type KeyState = 'primary' | 'enabled' | 'decrypt-only' | 'destroyed'

/** A key at rest. A key that is not destroyed has either `material` or `wrapped`. */
export interface KeyJson {
  /** 1 to 4294967295. */
  readonly id: number
  readonly state: KeyState
  /** ISO 8601. */
  readonly created?: string
  /** ISO 8601; the key encrypts only from then on. */
  readonly notBefore?: string
  /** ISO 8601; the key encrypts only before then. */
  readonly notAfter?: string
  /** 32 bytes in base64url: in the clear. */
  readonly material?: string
  /** Base64url: the key under `wrapper`. */
  readonly wrapped?: string
  readonly wrapper?: string
}

/** A keyset at rest. */
export interface KeysetJson {
  readonly format: typeof keysetFormat
  readonly keys: readonly KeyJson[]
}

/** What a keyset file says it is. */
export const keysetFormat = 'shop-keyset/1'

const states: readonly KeyState[] = ['primary', 'enabled', 'decrypt-only', 'destroyed']
const members = ['id', 'state', 'created', 'notBefore', 'notAfter', 'material', 'wrapped', 'wrapper']

/** Checks a keyset and returns it. Messages name the key, never its material. @throws ERR_SHOP_CRYPTO_KEYSET */
export function checkKeysetJson(json: string | KeysetJson): KeysetJson {
  const keyset = typeof json === 'string' ? parse(json) : json
  if (typeof keyset !== 'object' || keyset === null || keyset.format !== keysetFormat)
    throw refuse(`format must be '${keysetFormat}'`)
  if (!Array.isArray(keyset.keys) || keyset.keys.length === 0) throw refuse('keys must be a non-empty array')
  const seen = new Set<number>()
  for (const [i, key] of (keyset.keys as readonly KeyJson[]).entries()) {
    checkKey(key, i)
    if (seen.has(key.id)) throw refuse(`keys[${i}].id ${key.id} appears twice`)
    seen.add(key.id)
  }
  return keyset
}

function checkKey(key: KeyJson, i: number): void {
  if (typeof key !== 'object' || key === null) throw refuse(`keys[${i}] must be an object`)
  for (const name of Object.keys(key)) if (!members.includes(name)) throw refuse(`keys[${i}] has an unknown member`)
  if (!Number.isInteger(key.id) || key.id < 1 || key.id > 0xffff_ffff)
    throw refuse(`keys[${i}].id must be 1 to 4294967295`)
  if (!states.includes(key.state)) throw refuse(`keys[${i}].state must be one of ${states.join(', ')}`)
  for (const name of ['created', 'notBefore', 'notAfter'] as const) {
    if (key[name] !== undefined && Number.isNaN(Date.parse(key[name])))
      throw refuse(`keys[${i}].${name} must be an ISO 8601 instant`)
  }
  if (
    key.notBefore !== undefined &&
    key.notAfter !== undefined &&
    Date.parse(key.notBefore) >= Date.parse(key.notAfter)
  ) {
    throw refuse(`keys[${i}].notBefore must be before its notAfter`)
  }
  const holds = Number(key.material !== undefined) + Number(key.wrapped !== undefined)
  if (key.state === 'destroyed') {
    if (holds !== 0) throw refuse(`keys[${i}] is destroyed, so it may hold no material`)
    return
  }
  if (holds !== 1) throw refuse(`keys[${i}] must have either material or wrapped`)
  if (key.material !== undefined && !isBase64url(key.material, rootBytes))
    throw refuse(`keys[${i}].material must be ${rootBytes} bytes in base64url`)
  if (key.wrapped !== undefined && !isBase64url(key.wrapped)) throw refuse(`keys[${i}].wrapped must be base64url`)
}

function isBase64url(text: unknown, length?: number): boolean {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]+$/.test(text)) return false
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text && (length === undefined || bytes.length === length)
}

function parse(text: string): KeysetJson {
  try {
    return JSON.parse(text) as KeysetJson
  } catch {
    // the parser's own message quotes the text, and the text holds keys
    throw refuse('it is not JSON')
  }
}

function refuse(what: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_KEYSET', `the keyset is malformed: ${what}`)
}
