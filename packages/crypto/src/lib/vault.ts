import { frame, frameFor, frameHead, roomFor, shortBytes } from './frame.ts'
import { cbcOverhead, ivBytes, tagBytes, textEnd } from './cbc-hs512.ts'
import { writeContext } from './context.ts'
import type { FieldContext } from './context.ts'
import { CryptoError, DecryptionError } from './errors.ts'
import { budgetReached, decryptFailed, legacyRead } from './events.ts'
import type { RefusalReason } from './events.ts'
import { gcmTagBytes } from './gcm.ts'
import type { KeySuites } from './key-suites.ts'
import { Keyset, masterKeyset, parseKeyset } from './keyset.ts'
import type { KeyUsage } from './keyset.ts'
import type { KeysetJson } from './keyset-json.ts'
import { isLegacy, legacyReader } from './legacy.ts'
import type { LegacyOptions, LegacyReader } from './legacy.ts'
import { checkNames, optionError, wholeNumber } from './options.ts'
import { maxBatched, OpenBatch } from './open-batch.ts'
import { refusal } from './refusal.ts'
import { decodeBody, decodedLength, prefixLength, readHeader, suites, tokenPrefix } from './token.ts'
import type { Suite } from './token.ts'
import { decodeValue, encodeValue, kinds } from './value.ts'
import type { Codec, NotFunction, Sealable } from './value.ts'
import { xaesOverhead, xaesTextAt } from './xaes.ts'

/** How a vault is made. Give a `keyset` or a `masterKey`. */
export interface VaultOptions {
  /** From {@link parseKeyset} or `openKeyset`, or a keyset in the clear as JSON. */
  readonly keyset?: Keyset | KeysetJson | string
  /** 64 hexadecimal characters: a keyset of one. */
  readonly masterKey?: string
  /** `table.column` names encrypted deterministically (suite 0x03), so that equal values are equal tokens. Tells who reads the table which rows are equal. @default [] */
  readonly deterministic?: readonly string[]
  /** Types beyond string, bytes and JSON. @default [] */
  readonly codecs?: readonly Codec[]
  /** Reads old `iv:ciphertext` values until a date. @default off */
  readonly legacy?: LegacyOptions
  /** Longest value, in bytes. @default 16 MiB */
  readonly maxBytes?: number
  /** Encryptions per key and process after which `shop:crypto:budget` is told once. @default 2^32 */
  readonly budget?: number
  /** The clock, in milliseconds. @default Date.now */
  readonly now?: () => number
}

declare const plain: unique symbol

/** A token that remembers the type of its value: `decrypt` gives back what `encrypt` took. Stored and sent as a plain string. */
export type Token<T = unknown> = string & { readonly [plain]: T }

/** A value and where it lives. */
export interface SealItem {
  readonly value: unknown
  readonly context: FieldContext
}

/** A token and where it lives. */
export interface OpenItem {
  readonly token: string
  readonly context: FieldContext
}

/** What {@link Vault.open} tells of a token it decrypted. */
export interface Opened {
  readonly value: unknown
  /** Whether the token is legacy, not under the primary key, or not of the suite its column has now. */
  readonly stale: boolean
}

interface Lane {
  readonly suite: Suite
  readonly keyId: number
  readonly suites: KeySuites
}

const encoder = new TextEncoder()

const optionNames = ['keyset', 'masterKey', 'deterministic', 'codecs', 'legacy', 'maxBytes', 'budget', 'now']

/**
 * Encrypts and decrypts fields. Synchronous and without any network: keys are loaded before.
 * Every value is bound to its context and to its key; see the README's threat model for what that does and does not give.
 */
export class Vault {
  readonly #keyset: Keyset
  readonly #deterministic: ReadonlySet<string>
  readonly #codecs: readonly Codec[]
  readonly #legacy: LegacyReader | undefined
  readonly #maxBytes: number
  readonly #uncounted: number
  readonly #budget: number
  readonly #now: () => number
  #legacyCount = 0
  #version = -1
  #lanes: ReadonlyMap<string, Lane> = new Map()
  #primarySuites!: KeySuites
  #primaryUsage!: KeyUsage
  #prefixes!: Readonly<Record<'cbcHs512' | 'xaes' | 'siv', string>>

  constructor(options: VaultOptions) {
    checkNames('createVault', options, optionNames)
    this.#keyset = keysetFrom(options)
    this.#deterministic = new Set(options.deterministic)
    for (const name of this.#deterministic) {
      if (!/^[^.]+\.[^.]+$/.test(name))
        throw optionError('createVault', 'deterministic', "must list columns as 'table.column'")
    }
    this.#codecs = checkCodecs(options.codecs)
    this.#legacy = options.legacy && legacyReader(options.legacy)
    this.#maxBytes = wholeNumber('createVault', 'maxBytes', options.maxBytes, 2 ** 24, 1, 2 ** 28)
    this.#uncounted = Math.min(this.#maxBytes, shortBytes)
    this.#budget = wholeNumber('createVault', 'budget', options.budget, 2 ** 32, 1, 2 ** 48)
    this.#now = options.now ?? Date.now
    this.#sync()
  }

  /**
   * Encrypts a string, bytes or a JSON value for one place.
   * @throws ERR_SHOP_CRYPTO_VALUE, ERR_SHOP_CRYPTO_TOO_LARGE, ERR_SHOP_CRYPTO_CONTEXT, ERR_SHOP_CRYPTO_KEY_WINDOW
   */
  encrypt<T extends Sealable>(value: T & NotFunction<T>, context: FieldContext): Token<T>
  encrypt(value: unknown, context: FieldContext): string
  encrypt(value: unknown, context: FieldContext): string {
    const { kind, payload } = encodeValue(value, this.#codecs)
    this.#sync()
    const primary = this.#keyset.encrypting(this.#now)
    const deterministic = this.#isDeterministic(context)
    if (!deterministic && typeof payload === 'string' && payload.length >= shortBytes)
      return this.#sealLong(kind, payload, primary.id, context)
    const text = typeof payload === 'string'
    // three bytes are the most a UTF-16 unit takes in UTF-8, so short strings need no counting
    const length =
      1 + (!text ? payload.length : payload.length * 3 < this.#uncounted ? payload.length : Buffer.byteLength(payload))
    this.#checkLength(length - 1)
    this.#count(primary.id)
    const suite = deterministic ? suites.siv : length <= shortBytes ? suites.cbcHs512 : suites.xaes
    const aadEnd = writeContext(frame, frameHead, suite, primary.id, context)
    if (suite === suites.cbcHs512) {
      const at = aadEnd + 16
      frame[at] = kind
      let written: number
      if (text) written = frame.write(payload, at + 1, 'utf8')
      else {
        frame.set(payload, at + 1)
        written = payload.length
      }
      const end = this.#primarySuites.cbcHs512.seal(frame, aadEnd, written + 1)
      return this.#prefixes.cbcHs512 + frame.toString('base64url', aadEnd, end)
    }
    const aad = frame.subarray(frameHead, aadEnd)
    if (suite === suites.xaes) {
      const work = roomFor(length + xaesOverhead)
      if (text) work.write(payload, xaesTextAt + 1, 'utf8')
      else work.set(payload, xaesTextAt + 1)
      return this.#sealXaes(aad, work, kind, length)
    }
    const bytes = Buffer.concat([Uint8Array.of(kind), text ? Buffer.from(payload) : payload])
    return this.#prefixes.siv + this.#primarySuites.siv.seal(aad, bytes).toString('base64url')
  }

  /**
   * Decrypts a token in its place.
   * @throws DecryptionError (ERR_SHOP_CRYPTO_DECRYPT), the same whatever failed; ERR_SHOP_CRYPTO_CONTEXT
   */
  decrypt<T>(token: Token<T>, context: FieldContext): T
  decrypt(token: string, context: FieldContext): unknown
  decrypt(token: string, context: FieldContext): unknown {
    if (typeof token !== 'string' || token.length < prefixLength) throw this.#refuse('malformed', token, context)
    this.#sync()
    const lane = this.#lanes.get(token.slice(0, prefixLength))
    if (lane === undefined) return this.#decryptOther(token, context)
    const length = decodedLength(token.length - prefixLength)
    if (length < 0 || length > this.#maxBytes + 128) throw this.#refuse('malformed', token, context)
    const aadEnd = writeContext(frame, frameHead, lane.suite, lane.keyId, context)
    if (lane.suite === suites.cbcHs512) {
      const work = frameFor(aadEnd, length)
      if (decodeBody(token, prefixLength, work, aadEnd) < 0) throw this.#refuse('malformed', token, context)
      const { cbcHs512 } = lane.suites
      const end = aadEnd + length
      if (!cbcHs512.authentic(work, aadEnd, end))
        throw this.#refuse(length < cbcOverhead + 16 ? 'malformed' : 'failed-check', token, context)
      const opened = cbcHs512.decrypt(work.subarray(aadEnd, end - tagBytes))
      const value = this.#readPadded(opened, 0, opened.length, token, context)
      opened.fill(0)
      return value
    }
    if (lane.suite === suites.siv && !this.#isDeterministic(context))
      throw this.#refuse('suite-not-allowed', token, context)
    const body = roomFor(length)
    if (decodeBody(token, prefixLength, body, 0) < 0) throw this.#refuse('malformed', token, context)
    const aad = frame.subarray(frameHead, aadEnd)
    const plainBytes = lane.suite === suites.xaes ? lane.suites.xaes.open(aad, body) : lane.suites.siv.open(aad, body)
    if (plainBytes === undefined) throw this.#refuse('failed-check', token, context)
    return plainBytes[0] === kinds.text ? plainBytes.toString('utf8', 1) : this.#decode(plainBytes, token, context)
  }

  /** {@link decrypt} for a column of strings. @throws DecryptionError, also when the value is no string. */
  decryptString(token: string, context: FieldContext): string {
    const value = this.decrypt(token, context)
    if (typeof value !== 'string') throw this.#refuse('malformed', token, context)
    return value
  }

  /** {@link decrypt} for a column of bytes. @throws DecryptionError, also when the value is not bytes. */
  decryptBytes(token: string, context: FieldContext): Buffer {
    const value = this.decrypt(token, context)
    if (!Buffer.isBuffer(value)) throw this.#refuse('malformed', token, context)
    return value
  }

  /**
   * The token a value has in a deterministic column, for `WHERE column = $1`.
   * @throws ERR_SHOP_CRYPTO_OPTION when the column is not listed in `deterministic`.
   */
  searchToken(value: unknown, context: Omit<FieldContext, 'row'>): string {
    if (!this.#isDeterministic(context))
      throw optionError('searchToken', `${context.table}.${context.column}`, 'is not a deterministic column')
    // a deterministic token does not hold its row, so any will do
    return this.encrypt(value, { ...context, row: 0 })
  }

  /** Encrypts a batch, in order. */
  encryptMany(items: readonly SealItem[]): string[] {
    return items.map(({ value, context }) => this.encrypt(value, context))
  }

  /**
   * Decrypts a batch, in order.
   * @param onFailure gives the value to stand in for a token that does not decrypt; without it the first one throws.
   */
  decryptMany(items: readonly OpenItem[], onFailure?: (index: number) => unknown): unknown[] {
    const values: unknown[] = Array.from({ length: items.length })
    const batch = new OpenBatch()
    const settle = (index: number, open: () => unknown): void => {
      try {
        values[index] = open()
      } catch (error) {
        if (onFailure === undefined || !(error instanceof DecryptionError)) throw error
        values[index] = onFailure(index)
      }
    }
    const flush = (): void =>
      batch.decrypt((index, opened, start, end) => {
        const { token, context } = items[index] as OpenItem
        settle(index, () => this.#readPadded(opened, start, end, token, context))
      })
    this.#sync()
    for (let i = 0; i < items.length; i++) {
      const { token, context } = items[i] as OpenItem
      const lane =
        typeof token === 'string' && token.length < maxBatched
          ? this.#lanes.get(token.slice(0, prefixLength))
          : undefined
      const length = lane?.suite === suites.cbcHs512 ? decodedLength(token.length - prefixLength) : -1
      if (lane === undefined || length < 0) {
        settle(i, () => this.decrypt(token, context))
        continue
      }
      const { cbcHs512 } = lane.suites
      const aadEnd = writeContext(frame, frameHead, lane.suite, lane.keyId, context)
      const end = aadEnd + length
      if (decodeBody(token, prefixLength, frame, aadEnd) < 0 || !cbcHs512.authentic(frame, aadEnd, end)) {
        // once more by itself, for the reason it is refused with
        settle(i, () => this.decrypt(token, context))
        continue
      }
      if (!batch.add(cbcHs512, frame, aadEnd, end - tagBytes, i)) {
        flush()
        // by itself: a codec or onFailure may have used the frame meanwhile
        settle(i, () => this.decrypt(token, context))
      }
    }
    flush()
    return values
  }

  /** Moves a token to another place: opened there, sealed here, under the primary key. The value never leaves. */
  rebind(token: string, from: FieldContext, to: FieldContext): string {
    return this.encrypt(this.decrypt(token, from), to)
  }

  /** Decrypts, and tells whether the token should be written anew. */
  open(token: string, context: FieldContext): Opened {
    return { value: this.decrypt(token, context), stale: this.isStale(token, context) }
  }

  /** A fresh token of the same value when the old one is stale (legacy, rotated key, other suite), else `undefined`: write it back on read. */
  reseal(token: string, context: FieldContext): string | undefined {
    return this.isStale(token, context) ? this.rebind(token, context, context) : undefined
  }

  /** Whether a token is legacy, not under the primary key, or not of a suite its column has now. Unauthenticated. */
  isStale(token: string, context: Pick<FieldContext, 'table' | 'column'>): boolean {
    this.#sync()
    const prefix = token.slice(0, prefixLength)
    const current = this.#prefixes
    return this.#isDeterministic(context)
      ? prefix !== current.siv
      : prefix !== current.cbcHs512 && prefix !== current.xaes
  }

  /** The prefixes a current token of this column has: what an SQL filter keeps. */
  currentPrefixes(context: Pick<FieldContext, 'table' | 'column'>): readonly string[] {
    this.#sync()
    return this.#isDeterministic(context) ? [this.#prefixes.siv] : [this.#prefixes.cbcHs512, this.#prefixes.xaes]
  }

  /** The keys this vault works with. */
  get keyset(): Keyset {
    return this.#keyset
  }

  toJSON(): unknown {
    return { keyset: this.#keyset }
  }

  /** Encodes a long text without counting its bytes first, which costs as much as encrypting them: most texts have one per letter. */
  #sealLong(kind: number, payload: string, keyId: number, context: FieldContext): string {
    this.#checkLength(payload.length)
    this.#count(keyId)
    let work = roomFor(payload.length + 1 + xaesOverhead)
    const { read, written } = encoder.encodeInto(payload, work.subarray(xaesTextAt + 1, work.length - gcmTagBytes))
    let length = written
    if (read < payload.length) {
      length = Buffer.byteLength(payload)
      this.#checkLength(length)
      work = roomFor(length + 1 + xaesOverhead)
      work.write(payload, xaesTextAt + 1, 'utf8')
    }
    const aadEnd = writeContext(frame, frameHead, suites.xaes, keyId, context)
    return this.#sealXaes(frame.subarray(frameHead, aadEnd), work, kind, length + 1)
  }

  #sealXaes(aad: Buffer, work: Buffer, kind: number, length: number): string {
    work[xaesTextAt] = kind
    const end = this.#primarySuites.xaes.seal(aad, work, length)
    return this.#prefixes.xaes + work.toString('base64url', 0, end)
  }

  #checkLength(length: number): void {
    if (length <= this.#maxBytes) return
    throw new CryptoError(
      'ERR_SHOP_CRYPTO_TOO_LARGE',
      `the value has ${length} bytes, more than maxBytes ${this.#maxBytes}`,
    )
  }

  #isDeterministic(context: Pick<FieldContext, 'table' | 'column'>): boolean {
    return this.#deterministic.size !== 0 && this.#deterministic.has(`${context?.table}.${context?.column}`)
  }

  /** Before the shared frame is written to: a subscriber may encrypt. */
  #count(keyId: number): void {
    const usage = this.#primaryUsage
    if (++usage.count === this.#budget && budgetReached.hasSubscribers)
      budgetReached.publish({ keyId, encryptions: usage.count })
  }

  #sync(): void {
    if (this.#version === this.#keyset.version) return
    this.#keyset.assertAvailable()
    const lanes = new Map<string, Lane>()
    for (const key of this.#keyset.keys) {
      if (key.suites === undefined) continue
      for (const suite of [suites.cbcHs512, suites.xaes, suites.siv]) {
        lanes.set(tokenPrefix(suite, key.id), { suite, keyId: key.id, suites: key.suites })
      }
    }
    this.#lanes = lanes
    const { id, suites: primarySuites } = this.#keyset.primary
    this.#primarySuites = primarySuites as KeySuites
    this.#primaryUsage = this.#keyset.usage(id)
    this.#prefixes = {
      cbcHs512: tokenPrefix(suites.cbcHs512, id),
      xaes: tokenPrefix(suites.xaes, id),
      siv: tokenPrefix(suites.siv, id),
    }
    this.#version = this.#keyset.version
  }

  /** The value of a decrypted body: an IV's place, the text, its padding. */
  #readPadded(opened: Buffer, start: number, end: number, token: string, context: FieldContext): unknown {
    const at = start + ivBytes
    const to = textEnd(opened, at, end)
    if (to <= at) throw this.#refuse('malformed', token, context)
    if (opened[at] === kinds.text) return opened.toString('utf8', at + 1, to)
    return this.#decode(opened.subarray(at, to), token, context)
  }

  #decode(bytes: Buffer, token: string, context: FieldContext): unknown {
    try {
      const decoded = decodeValue(bytes, this.#codecs)
      if (decoded) return decoded.value
    } catch {
      // a codec's error may quote the plaintext
    }
    throw this.#refuse('malformed', token, context)
  }

  #decryptOther(token: string, context: FieldContext): unknown {
    writeContext(frame, frameHead, suites.cbcHs512, 0, context)
    const head = readHeader(token)
    if (head === undefined) return this.#decryptLegacy(token, context)
    const key = this.#keyset.get(head.keyId)
    throw this.#refuse(
      key === undefined ? 'unknown-key' : key.suites === undefined ? 'destroyed-key' : 'suite-not-allowed',
      token,
      context,
    )
  }

  #decryptLegacy(token: string, context: FieldContext): string {
    if (!isLegacy(token)) throw this.#refuse('malformed', token, context)
    const legacy = this.#legacy
    if (legacy === undefined) throw this.#refuse('legacy-disabled', token, context)
    if (this.#now() >= legacy.until) throw this.#refuse('legacy-expired', token, context)
    const bytes = legacy.read(token)
    if (bytes === undefined) throw this.#refuse('failed-check', token, context)
    this.#legacyCount++
    if (legacyRead.hasSubscribers)
      legacyRead.publish({ table: context.table, column: context.column, count: this.#legacyCount })
    return bytes.toString('utf8')
  }

  #refuse(reason: RefusalReason, token: string, context: FieldContext): DecryptionError {
    return refusal(reason, context, decryptFailed.hasSubscribers ? readHeader(token) : undefined)
  }
}

/**
 * Makes a vault.
 * @throws ERR_SHOP_CRYPTO_OPTION, ERR_SHOP_CRYPTO_KEYSET, ERR_SHOP_CRYPTO_MASTER_KEY
 */
export function createVault(options: VaultOptions): Vault {
  return new Vault(options)
}

let shared: Vault | undefined

/**
 * The vault of `MASTER_ENCRYPTION_KEY`, made on first use, so that importing this package needs no environment.
 * @throws ERR_SHOP_CRYPTO_MASTER_KEY when it is missing or not 64 hexadecimal characters; the key is never printed.
 */
export function defaultVault(): Vault {
  return (shared ??= new Vault({
    keyset: masterKeyset(process.env['MASTER_ENCRYPTION_KEY'] ?? '', 'MASTER_ENCRYPTION_KEY'),
  }))
}

function keysetFrom({ keyset, masterKey }: VaultOptions): Keyset {
  if ((keyset === undefined) === (masterKey === undefined))
    throw optionError('createVault', 'keyset', 'or masterKey must be given, and not both')
  if (masterKey !== undefined) return masterKeyset(masterKey)
  return keyset instanceof Keyset ? keyset : parseKeyset(keyset as KeysetJson | string)
}

function checkCodecs(codecs: readonly Codec[] = []): readonly Codec[] {
  const tags = new Set<number>()
  for (const { tag } of codecs) {
    if (!Number.isInteger(tag) || tag < 0x40 || tag > 0x7f || tags.has(tag))
      throw optionError('createVault', 'codecs', 'must have distinct tags from 0x40 to 0x7f')
    tags.add(tag)
  }
  return codecs
}
