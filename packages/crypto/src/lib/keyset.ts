import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CryptoError } from './errors.ts'
import { KeySuites, rootBytes } from './key-suites.ts'
import type { KeysetJson, KeyJson, KeyState } from './keyset-json.ts'
import { checkKeysetJson } from './keyset-json.ts'
import { masterKeyId, parseHexKey } from './master-key.ts'
import type { KeyWrapper } from './wrapper.ts'

/** One key of a keyset, as a vault uses it. */
export interface KeysetKey {
  readonly id: number
  readonly state: KeyState
  /** Encrypts only from this instant on, in milliseconds since the epoch. Decryption is not bounded. */
  readonly notBefore: number | undefined
  /** Encrypts only before this instant. */
  readonly notAfter: number | undefined
  /** `undefined` once the key is destroyed. */
  readonly suites: KeySuites | undefined
}

/** What a key has encrypted, in this process. */
export interface KeyUsage {
  count: number
}

/**
 * The keys a vault works with: one primary that encrypts, others that still decrypt, and the ids of destroyed ones.
 * A token names its key; no other key is ever tried.
 */
export class Keyset {
  #keys: ReadonlyMap<number, KeysetKey>
  #primary: KeysetKey
  readonly #usage = new Map<number, KeyUsage>()
  #version = 0
  #outage: CryptoError | undefined

  /** @throws ERR_SHOP_CRYPTO_KEYSET when there is not exactly one primary. Use {@link parseKeyset} and its kin. */
  constructor(keys: readonly KeysetKey[]) {
    this.#keys = index(keys)
    this.#primary = findPrimary(keys)
  }

  get primary(): KeysetKey {
    return this.#primary
  }

  /**
   * The primary key, when it may encrypt at this instant.
   * @throws ERR_SHOP_CRYPTO_KEY_WINDOW, ERR_SHOP_CRYPTO_ENVELOPE
   */
  encrypting(now: () => number = Date.now): KeysetKey {
    this.assertAvailable()
    const { id, notBefore, notAfter } = this.#primary
    if (notBefore !== undefined && now() < notBefore) throw outside(id, 'before its notBefore')
    if (notAfter !== undefined && now() >= notAfter) throw outside(id, 'after its notAfter')
    return this.#primary
  }

  /** Grows with every {@link replace} and {@link suspend}. */
  get version(): number {
    return this.#version
  }

  get keys(): Iterable<KeysetKey> {
    return this.#keys.values()
  }

  /** @throws ERR_SHOP_CRYPTO_ENVELOPE */
  get(id: number): KeysetKey | undefined {
    this.assertAvailable()
    return this.#keys.get(id)
  }

  /** Takes over the keys of another keyset at once, so that every vault on this one rotates without a restart. */
  replace(other: Keyset): void {
    const kept = [...other.keys].map((key) => {
      const mine = this.#keys.get(key.id)
      return mine && mine.suites && key.suites && mine.suites.sameAs(key.suites) ? { ...key, suites: mine.suites } : key
    })
    this.#keys = index(kept)
    this.#primary = findPrimary(kept)
    this.#outage = undefined
    this.#version++
  }

  /** Refuses every use of every key with this error until the next {@link replace}: the keys' service has not confirmed them in time. */
  suspend(outage: CryptoError): void {
    this.#outage = outage
    this.#version++
  }

  /** @throws the error of {@link suspend} */
  assertAvailable(): void {
    if (this.#outage !== undefined) throw this.#outage
  }

  /** The counter of a key's encryptions, shared by every vault on this keyset. */
  usage(id: number): KeyUsage {
    const usage = this.#usage.get(id) ?? { count: 0 }
    this.#usage.set(id, usage)
    return usage
  }

  /** Prints ids and states, never material. */
  toJSON(): unknown {
    return [...this.#keys.values()].map(({ id, state }) => ({ id, state }))
  }
}

function index(keys: readonly KeysetKey[]): ReadonlyMap<number, KeysetKey> {
  const map = new Map(keys.map((key) => [key.id, key]))
  if (map.size !== keys.length) throw new CryptoError('ERR_SHOP_CRYPTO_KEYSET', 'the keyset has the same key id twice')
  return map
}

function findPrimary(keys: readonly KeysetKey[]): KeysetKey {
  const primaries = keys.filter((key) => key.state === 'primary')
  if (primaries.length !== 1)
    throw new CryptoError(
      'ERR_SHOP_CRYPTO_KEYSET',
      `the keyset must have exactly one primary key, but has ${primaries.length}`,
    )
  return primaries[0] as KeysetKey
}

/** Loads a keyset whose key material is in the clear. @throws ERR_SHOP_CRYPTO_KEYSET */
export function parseKeyset(json: string | KeysetJson): Keyset {
  return new Keyset(
    checkKeysetJson(json).keys.map((key) => {
      if (key.state === 'destroyed') return toKey(key, undefined)
      if (key.material === undefined) {
        throw new CryptoError(
          'ERR_SHOP_CRYPTO_KEYSET',
          `key ${key.id} is wrapped: load this keyset with openKeyset and its wrapper`,
        )
      }
      return toKey(key, decode(key.material))
    }),
  )
}

/**
 * Loads a keyset whose keys are wrapped by a key-encryption key, and unwraps them all, once.
 * @throws ERR_SHOP_CRYPTO_KEYSET, ERR_SHOP_CRYPTO_KEY_WRAP
 */
export async function openKeyset(
  json: string | KeysetJson,
  wrapper: KeyWrapper,
  signal?: AbortSignal,
): Promise<Keyset> {
  const { keys } = checkKeysetJson(json)
  return new Keyset(
    await Promise.all(
      keys.map(async (key) => {
        if (key.state === 'destroyed') return toKey(key, undefined)
        if (key.material !== undefined) return toKey(key, decode(key.material))
        const root = await wrapper.unwrap(Buffer.from(key.wrapped as string, 'base64url'), signal)
        if (root.length !== rootBytes)
          throw new CryptoError(
            'ERR_SHOP_CRYPTO_KEY_WRAP',
            `key ${key.id} unwrapped to ${root.length} bytes, not ${rootBytes}`,
          )
        return toKey(key, root)
      }),
    ),
  )
}

/** A keyset of one primary key: the whole of what `MASTER_ENCRYPTION_KEY` holds. @throws ERR_SHOP_CRYPTO_MASTER_KEY */
export function masterKeyset(hex: string, name = 'masterKey'): Keyset {
  const root = parseHexKey(hex, name)
  return keysetOf(root, masterKeyId(root))
}

/** A keyset of one primary key. */
export function keysetOf(root: KeyObject, id: number): Keyset {
  return new Keyset([{ id, state: 'primary', notBefore: undefined, notAfter: undefined, suites: new KeySuites(root) }])
}

/** A random key id that is none of `taken`. Ids are 32 bits and never 0. */
export function newKeyId(taken: (id: number) => boolean = () => false): number {
  for (;;) {
    const id = randomBytes(4).readUInt32BE(0)
    if (id !== 0 && !taken(id)) return id
  }
}

function decode(material: string): Buffer {
  return Buffer.from(material, 'base64url')
}

function toKey(key: KeyJson, root: Uint8Array | undefined): KeysetKey {
  const suites = root && new KeySuites(createSecretKey(root))
  root?.fill(0)
  return { id: key.id, state: key.state, notBefore: instant(key.notBefore), notAfter: instant(key.notAfter), suites }
}

function instant(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso)
}

function outside(id: number, when: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_KEY_WINDOW', `key ${id} may not encrypt ${when}; promote another key`)
}
