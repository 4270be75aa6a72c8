import { randomBytes } from 'node:crypto'
import { CryptoError } from './errors.ts'
import { rootBytes } from './key-suites.ts'
import { checkKeysetJson, keysetFormat } from './keyset-json.ts'
import type { KeyJson, KeysetJson } from './keyset-json.ts'
import { newKeyId } from './keyset.ts'
import type { KeyWrapper } from './wrapper.ts'

/** What a new key is like. */
export interface NewKey {
  /** Wraps the key; without it the keyset holds the key in the clear. */
  readonly wrapper?: KeyWrapper | undefined
  /** ISO 8601. */
  readonly notBefore?: string | undefined
  readonly notAfter?: string | undefined
  readonly now?: Date | undefined
}

/** A keyset of one fresh primary key. */
export async function createKeyset(options: NewKey = {}): Promise<KeysetJson> {
  return { format: keysetFormat, keys: [{ ...(await newKey([], options)), state: 'primary' }] }
}

/** Adds a fresh enabled key. Spread the keyset to every process that decrypts before you {@link promoteKey}. */
export async function addKey(keyset: KeysetJson, options: NewKey = {}): Promise<KeysetJson> {
  const { keys } = checkKeysetJson(keyset)
  return checkKeysetJson({ ...keyset, keys: [...keys, await newKey(keys, options)] })
}

/** Makes an enabled key the primary; the old one stays enabled. @throws ERR_SHOP_CRYPTO_KEY_STATE */
export function promoteKey(keyset: KeysetJson, id: number): KeysetJson {
  const key = find(keyset, id)
  if (key.state !== 'enabled') throw refuse(id, key, 'promoted', 'enabled')
  return change(keyset, (k) =>
    k.id === id ? { ...k, state: 'primary' } : k.state === 'primary' ? { ...k, state: 'enabled' } : k,
  )
}

/** Makes an enabled key decrypt-only, on its way out. @throws ERR_SHOP_CRYPTO_KEY_STATE */
export function retireKey(keyset: KeysetJson, id: number): KeysetJson {
  const key = find(keyset, id)
  if (key.state !== 'enabled') throw refuse(id, key, 'retired', 'enabled (promote another key first)')
  return change(keyset, (k) => (k.id === id ? { ...k, state: 'decrypt-only' } : k))
}

/**
 * Throws a decrypt-only key's material away and keeps its id: every token that is still under it is lost.
 * @throws ERR_SHOP_CRYPTO_KEY_STATE
 */
export function destroyKey(keyset: KeysetJson, id: number): KeysetJson {
  const key = find(keyset, id)
  if (key.state !== 'decrypt-only') throw refuse(id, key, 'destroyed', 'decrypt-only (retire it first)')
  return change(keyset, (k) => {
    if (k.id !== id) return k
    const { material: _, wrapped: __, wrapper: ___, ...rest } = k
    return { ...rest, state: 'destroyed' }
  })
}

async function newKey(keys: readonly KeyJson[], options: NewKey): Promise<KeyJson> {
  const { wrapper, notBefore, notAfter, now = new Date() } = options
  return {
    id: newKeyId((id) => keys.some((key) => key.id === id)),
    state: 'enabled',
    created: now.toISOString(),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(await secretOf(wrapper)),
  }
}

async function secretOf(wrapper: KeyWrapper | undefined): Promise<Pick<KeyJson, 'material' | 'wrapped' | 'wrapper'>> {
  if (wrapper === undefined) return { material: randomBytes(rootBytes).toString('base64url') }
  const { key, wrapped } = await wrapper.generateDataKey()
  key.fill(0)
  return { wrapped: Buffer.from(wrapped).toString('base64url'), wrapper: wrapper.name }
}

function find(keyset: KeysetJson, id: number): KeyJson {
  const key = checkKeysetJson(keyset).keys.find((k) => k.id === id)
  if (key === undefined) throw new CryptoError('ERR_SHOP_CRYPTO_KEY_STATE', `the keyset has no key ${id}`)
  return key
}

function change(keyset: KeysetJson, to: (key: KeyJson) => KeyJson): KeysetJson {
  return checkKeysetJson({ ...keyset, keys: keyset.keys.map(to) })
}

function refuse(id: number, key: KeyJson, done: string, needed: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_KEY_STATE', `key ${id} is ${key.state}; to be ${done} it must be ${needed}`)
}
