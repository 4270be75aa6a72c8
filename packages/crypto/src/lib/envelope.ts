import { CryptoError } from './errors.ts'
import { dataKeyEvents } from './events.ts'
import { openKeyset } from './keyset.ts'
import type { Keyset } from './keyset.ts'
import { addKey, createKeyset, promoteKey } from './keyset-edit.ts'
import type { KeyJson, KeysetJson } from './keyset-json.ts'
import type { KeysetStore } from './keyset-store.ts'
import { checkNames, duration, wholeNumber } from './options.ts'
import type { Duration } from './options.ts'
import type { KeyWrapper } from './wrapper.ts'

/** How an envelope keeps its data keys. */
export interface EnvelopeOptions {
  /** Wraps and unwraps the data keys: AWS KMS, Vault Transit, a file, the environment. */
  readonly wrapper: KeyWrapper
  /** Keeps the wrapped data keys, shared by every process. */
  readonly store: KeysetStore
  /** How often the store is read and the keys are unwrapped anew. @default '5m' */
  readonly refreshEvery?: Duration
  /** How long keys are used without the service having confirmed them. Afterwards everything is refused. @default '1h' */
  readonly maxAge?: Duration
  /** Age of a data key at which a new one takes over. @default '30d' */
  readonly rotateAfter?: Duration
  /** Encryptions in this process under one data key: at half a new one is made, at the whole the old one is refused. @default 2^32 */
  readonly maxMessages?: number
  /** @default Date.now */
  readonly now?: () => number
}

/** Data keys under a key-encryption key. Dispose of it to stop its timer. */
export interface Envelope extends AsyncDisposable {
  /** For `createVault`; follows every rotation by itself. */
  readonly keyset: Keyset
  /** Reads the store, unwraps, rotates what is due. Runs by itself every `refreshEvery`. @throws ERR_SHOP_CRYPTO_ENVELOPE, ERR_SHOP_CRYPTO_KEY_WRAP */
  refresh(signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

const optionNames = ['wrapper', 'store', 'refreshEvery', 'maxAge', 'rotateAfter', 'maxMessages', 'now']

/**
 * Loads the data keys, making the first one when the store is empty, and keeps them fresh in the background: no encryption and no
 * decryption ever waits for the service. A new data key is stored first and encrypts only two refreshes later, when every process
 * can read what it writes.
 * @throws ERR_SHOP_CRYPTO_OPTION, ERR_SHOP_CRYPTO_ENVELOPE, ERR_SHOP_CRYPTO_KEY_WRAP
 */
export async function openEnvelope(options: EnvelopeOptions): Promise<Envelope> {
  checkNames('openEnvelope', options, optionNames)
  const { wrapper, store, now = Date.now } = options
  const refreshEvery = duration('openEnvelope', 'refreshEvery', options.refreshEvery, 300_000, 10, 86_400_000)
  const maxAge = duration(
    'openEnvelope',
    'maxAge',
    options.maxAge,
    Math.max(3_600_000, refreshEvery),
    refreshEvery,
    30 * 86_400_000,
  )
  const rotateAfter = duration(
    'openEnvelope',
    'rotateAfter',
    options.rotateAfter,
    30 * 86_400_000,
    refreshEvery,
    3650 * 86_400_000,
  )
  const maxMessages = wholeNumber('openEnvelope', 'maxMessages', options.maxMessages, 2 ** 32, 2, 2 ** 48)

  let json = await loadOrCreate(store, wrapper, new Date(now()))
  const keyset = await openKeyset(json, wrapper)
  let confirmedAt = now()

  const due = (): boolean => {
    const primary = json.keys.find((key) => key.state === 'primary')
    const age = now() - Date.parse(primary?.created ?? '')
    return age >= rotateAfter || keyset.usage(keyset.primary.id).count >= maxMessages / 2
  }
  const rotated = async (): Promise<KeysetJson | undefined> => {
    const waiting = successor(json)
    if (waiting !== undefined) {
      return Date.parse(waiting.notBefore ?? '') <= now() ? promoteKey(json, waiting.id) : undefined
    }
    if (!due()) return undefined
    const at = now()
    return addKey(json, { wrapper, now: new Date(at), notBefore: new Date(at + 2 * refreshEvery).toISOString() })
  }
  const refresh = async (signal?: AbortSignal): Promise<void> => {
    try {
      json = (await store.load()) ?? json
      const next = await rotated()
      if (next !== undefined && (await store.save(next, json))) {
        json = next
        tell('generated')
      }
      keyset.replace(await openKeyset(json, wrapper, signal))
      confirmedAt = now()
      tell('refreshed')
    } catch (error) {
      tell('failed', error)
      throw error
    }
  }
  const tell = (kind: 'generated' | 'refreshed' | 'failed' | 'expired', error?: unknown): void => {
    if (dataKeyEvents.hasSubscribers) dataKeyEvents.publish({ kind, keyId: keyset.primary.id, error })
  }
  const enforce = (): void => {
    const spent = keyset.usage(keyset.primary.id).count >= maxMessages
    if (!spent && now() - confirmedAt < maxAge) return
    keyset.suspend(
      new CryptoError(
        'ERR_SHOP_CRYPTO_ENVELOPE',
        spent
          ? 'the data key has encrypted maxMessages values and its successor is not there yet'
          : 'the data keys have not been confirmed by their service within maxAge',
      ),
    )
    tell('expired')
  }

  const aborter = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    running = refresh(aborter.signal)
      .catch(() => {})
      .then(enforce)
  }, refreshEvery)
  timer.unref()
  const close = async (): Promise<void> => {
    clearInterval(timer)
    aborter.abort()
    await running
  }
  return { keyset, refresh: async (signal) => refresh(signal).finally(enforce), close, [Symbol.asyncDispose]: close }
}

/** An enabled key added after the primary: one that waits to take over. */
function successor({ keys }: KeysetJson): KeyJson | undefined {
  const primary = keys.findIndex((key) => key.state === 'primary')
  return keys.find((key, i) => i > primary && key.state === 'enabled')
}

async function loadOrCreate(store: KeysetStore, wrapper: KeyWrapper, now: Date): Promise<KeysetJson> {
  const stored = await store.load()
  if (stored !== undefined) return stored
  const created = await createKeyset({ wrapper, now })
  if (await store.save(created, undefined)) return created
  const theirs = await store.load()
  if (theirs === undefined)
    throw new CryptoError('ERR_SHOP_CRYPTO_ENVELOPE', 'the store neither took a first keyset nor has one')
  return theirs
}
