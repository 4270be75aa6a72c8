import { createHmac, createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { FieldContext } from './context.ts'
import type { Erasure, ErasureLedger } from './erasure-ledger.ts'
import { CryptoError } from './errors.ts'
import { subjectEvents } from './events.ts'
import { keysetOf, newKeyId } from './keyset.ts'
import { checkNames, duration, optionError, wholeNumber } from './options.ts'
import type { Duration } from './options.ts'
import { identifier } from './queryable.ts'
import type { Queryable } from './queryable.ts'
import { SubjectCache } from './subject-cache.ts'
import { subjectSchema } from './subject-schema.ts'
import { Vault } from './vault.ts'

/** How subject keys are kept. */
export interface SubjectKeysOptions {
  /** A pool or client of `pg`. */
  readonly client: Queryable
  /** Wraps the subjects' keys. Rotate its keyset and call {@link SubjectKeys.rewrap}; the data itself stays as it is. */
  readonly vault: Vault
  /** @default 'public' */
  readonly schema?: string
  /** A ledger outside the database, told of every erasure before the key is destroyed. Strongly advised: see {@link ErasureLedger}. */
  readonly ledger?: ErasureLedger
  /** Opened keys kept in memory. @default 10000 */
  readonly cacheSize?: number
  /** How long an opened key is kept: what another process still reads after a `forget`, at most. @default '60s' */
  readonly cacheAge?: Duration
  /** @default Date.now */
  readonly now?: () => number
}

/** What `forget` did. */
export interface Forgotten {
  /** `false` when the subject had no key, or was forgotten before. */
  readonly destroyed: boolean
  readonly erasure: Erasure | undefined
}

/** A value of one subject and where it lives. */
export interface SubjectItem {
  readonly subject: string
  readonly value: unknown
  readonly context: FieldContext
}

/** A token of one subject and where it lives. */
export interface SubjectToken {
  readonly subject: string
  readonly token: string
  readonly context: FieldContext
}

interface KeyRow {
  readonly subject_ref: string
  readonly key_ref: string
  readonly key_id: string
  readonly wrapped: string | null
}

const optionNames = ['client', 'vault', 'schema', 'ledger', 'cacheSize', 'cacheAge', 'now']
const keyColumns =
  "encode(subject_ref, 'hex') as subject_ref, key_ref::text as key_ref, key_id::text as key_id, wrapped"

/**
 * A key for every data subject, wrapped by a vault, in a table of its own. What is encrypted under it, in any table, log or backup,
 * is unreadable once {@link forget} has destroyed it.
 */
export class SubjectKeys {
  readonly #client: Queryable
  readonly #vault: Vault
  readonly #schema: string
  readonly #ledger: ErasureLedger | undefined
  readonly #cache: SubjectCache
  readonly #now: () => number
  #pepper: Promise<KeyObject> | undefined

  constructor(options: SubjectKeysOptions) {
    checkNames('createSubjectKeys', options, optionNames)
    if (typeof options.client?.query !== 'function')
      throw optionError('createSubjectKeys', 'client', "must be a pool or client of 'pg'")
    if (!(options.vault instanceof Vault)) throw optionError('createSubjectKeys', 'vault', 'must be a vault')
    this.#client = options.client
    this.#vault = options.vault
    this.#schema = options.schema ?? 'public'
    this.#ledger = options.ledger
    this.#now = options.now ?? Date.now
    this.#cache = new SubjectCache(
      wholeNumber('createSubjectKeys', 'cacheSize', options.cacheSize, 10_000, 0, 10_000_000),
      duration('createSubjectKeys', 'cacheAge', options.cacheAge, 60_000, 0, 86_400_000),
      this.#now,
    )
  }

  /** Creates the tables when they are not there. */
  async install(): Promise<void> {
    await this.#client.query(subjectSchema(this.#schema))
  }

  /**
   * Makes sure the subject has a key. Call it when the person is admitted, not when data is written: only then can a late writer
   * not give a forgotten person a new key.
   * @param client takes part in the caller's transaction.
   * @throws ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN
   */
  async ensure(subject: string, client: Queryable = this.#client): Promise<void> {
    await this.ensureMany([subject], client)
  }

  /** {@link ensure} for many subjects, in one statement. */
  async ensureMany(subjects: readonly string[], client: Queryable = this.#client): Promise<void> {
    const refs = await Promise.all([...new Set(subjects)].map((subject) => this.#refOf(subject, client)))
    const found = await this.#rows(refs, client)
    const missing = refs.filter((ref) => !found.has(ref))
    if (missing.length > 0) {
      const made = missing.map((ref) => ({ ref, keyRef: randomUUID(), keyId: newKeyId() }))
      const { rows } = await client.query(
        `insert into ${this.#table('keys')} (subject_ref, key_ref, key_id, wrapped)
         select decode(r, 'hex'), k, i, w from unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[]) as n(r, k, i, w)
         on conflict (subject_ref) do nothing returning key_ref::text as key_ref`,
        [
          made.map((m) => m.ref),
          made.map((m) => m.keyRef),
          made.map((m) => m.keyId),
          made.map((m) => this.#wrap(randomBytes(32), m.keyRef)),
        ],
      )
      if (subjectEvents.hasSubscribers)
        for (const row of rows as { key_ref: string }[]) subjectEvents.publish({ kind: 'created', keyRef: row.key_ref })
      // whoever lost a race reads the winner's row
      for (const [ref, row] of await this.#rows(missing, client)) found.set(ref, row)
    }
    for (const row of found.values()) if (row.wrapped === null) throw forgottenError()
  }

  /**
   * The subject's vault: encrypt and decrypt under the subject's key, synchronously, for as long as you hold it.
   * @throws ERR_SHOP_CRYPTO_SUBJECT_UNKNOWN, ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN
   */
  async open(subject: string, client: Queryable = this.#client): Promise<Vault> {
    const [vault] = await this.#vaults([subject], client)
    if (vault instanceof CryptoError) throw vault
    return vault as Vault
  }

  /** Encrypts a value under the subject's key. @throws as {@link open} and `Vault.encrypt` */
  async encrypt(
    subject: string,
    value: unknown,
    context: FieldContext,
    client: Queryable = this.#client,
  ): Promise<string> {
    return (await this.open(subject, client)).encrypt(value, context)
  }

  /** Decrypts a token under the subject's key. @throws as {@link open} and `Vault.decrypt` */
  async decrypt(
    subject: string,
    token: string,
    context: FieldContext,
    client: Queryable = this.#client,
  ): Promise<unknown> {
    return (await this.open(subject, client)).decrypt(token, context)
  }

  /** Encrypts a batch with one query for all keys. @throws as {@link encrypt}, for the first that fails */
  async encryptMany(items: readonly SubjectItem[], client: Queryable = this.#client): Promise<string[]> {
    const vaults = await this.#vaults(
      items.map((item) => item.subject),
      client,
    )
    return items.map(({ value, context }, i) => {
      const vault = vaults[i] as Vault | CryptoError
      if (vault instanceof CryptoError) throw vault
      return vault.encrypt(value, context)
    })
  }

  /**
   * Decrypts a batch with one query for all keys.
   * @param onForgotten stands in for the value of a subject who was forgotten; without it the first one throws.
   */
  async decryptMany(
    items: readonly SubjectToken[],
    onForgotten?: (index: number) => unknown,
    client: Queryable = this.#client,
  ): Promise<unknown[]> {
    const vaults = await this.#vaults(
      items.map((item) => item.subject),
      client,
    )
    return items.map(({ token, context }, i) => {
      const vault = vaults[i] as Vault | CryptoError
      if (!(vault instanceof CryptoError)) return vault.decrypt(token, context)
      if (onForgotten !== undefined && vault.code === 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN') return onForgotten(i)
      throw vault
    })
  }

  /** Whether the subject was forgotten. */
  async isForgotten(subject: string, client: Queryable = this.#client): Promise<boolean> {
    const ref = await this.#refOf(subject, client)
    return (await this.#rows([ref], client)).get(ref)?.wrapped === null
  }

  /**
   * Destroys the subject's key, for ever. The outside ledger, when there is one, is told first: a crash between the two is
   * completed by {@link replay}.
   * @param reason is kept in the ledger; no personal data.
   */
  async forget(
    subject: string,
    options: { readonly reason?: string; readonly client?: Queryable } = {},
  ): Promise<Forgotten> {
    const client = options.client ?? this.#client
    const ref = await this.#refOf(subject, client)
    const row = (await this.#rows([ref], client)).get(ref)
    this.#cache.delete(ref)
    if (row === undefined || row.wrapped === null) return { destroyed: false, erasure: undefined }
    const erasure: Erasure = {
      keyRef: row.key_ref,
      subjectRef: ref,
      forgottenAt: new Date(this.#now()).toISOString(),
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    }
    await this.#ledger?.append(erasure)
    const destroyed = await this.#destroy([erasure], client)
    this.#cache.delete(ref)
    if (destroyed.length > 0 && subjectEvents.hasSubscribers)
      subjectEvents.publish({ kind: 'forgotten', keyRef: erasure.keyRef })
    return { destroyed: destroyed.length > 0, erasure }
  }

  /** The database's own ledger, oldest first: copy it outside, and give it to {@link replay} after a restore. */
  async *erasures(client: Queryable = this.#client): AsyncIterable<Erasure> {
    let after = '0'
    for (;;) {
      const { rows } = await client.query(
        `select seq::text as seq, key_ref::text as key_ref, encode(subject_ref, 'hex') as subject_ref, forgotten_at, reason
         from ${this.#schemaTable('shop_erasure_ledger')} where seq > $1 order by seq limit 1000`,
        [after],
      )
      for (const row of rows as {
        seq: string
        key_ref: string
        subject_ref: string
        forgotten_at: Date
        reason: string | null
      }[]) {
        yield {
          keyRef: row.key_ref,
          subjectRef: row.subject_ref,
          forgottenAt: row.forgotten_at.toISOString(),
          ...(row.reason === null ? {} : { reason: row.reason }),
        }
        after = row.seq
      }
      if (rows.length < 1000) return
    }
  }

  /**
   * Destroys every key the ledger says was destroyed: run it after restoring a backup, before the application starts.
   * Repeatable. @returns how many keys had come back.
   */
  async replay(
    ledger: AsyncIterable<Erasure> | Iterable<Erasure> | undefined = this.#ledger?.entries(),
    client: Queryable = this.#client,
  ): Promise<number> {
    if (ledger === undefined) throw optionError('replay', 'ledger', 'must be given, here or to createSubjectKeys')
    let count = 0
    let batch: Erasure[] = []
    const flush = async (): Promise<void> => {
      const destroyed = await this.#destroy(batch, client)
      count += destroyed.length
      if (subjectEvents.hasSubscribers)
        for (const keyRef of destroyed) subjectEvents.publish({ kind: 'replayed', keyRef })
      batch = []
    }
    for await (const erasure of ledger) {
      batch.push(erasure)
      if (batch.length === 1000) await flush()
    }
    await flush()
    this.#cache.clear()
    return count
  }

  /**
   * Gives a forgotten subject who came back a new key. What was encrypted before stays unreadable.
   * @returns whether the subject had been forgotten.
   */
  async readmit(subject: string, client: Queryable = this.#client): Promise<boolean> {
    const ref = await this.#refOf(subject, client)
    const keyRef = randomUUID()
    const { rowCount } = await client.query(
      `update ${this.#table('keys')} set key_ref = $2, key_id = $3, wrapped = $4, created_at = now(), forgotten_at = null
       where subject_ref = decode($1, 'hex') and wrapped is null`,
      [ref, keyRef, newKeyId(), this.#wrap(randomBytes(32), keyRef)],
    )
    this.#cache.delete(ref)
    return rowCount === 1
  }

  /**
   * Wraps every subject's key anew that is not under the vault's primary key, `batch` at a time, so that the vault's old key can be
   * retired. Repeatable, and safe beside a running application. @returns how many were rewrapped.
   */
  async rewrap(options: { readonly batch?: number; readonly signal?: AbortSignal } = {}): Promise<number> {
    const batch = wholeNumber('rewrap', 'batch', options.batch, 500, 1, 10_000)
    const [prefix] = this.#vault.currentPrefixes({ table: 'shop_subject_keys', column: 'wrapped' })
    let count = await this.#rewrapPepper()
    let after = ''
    for (;;) {
      options.signal?.throwIfAborted()
      const { rows } = await this.#client.query(
        `select ${keyColumns} from ${this.#table('keys')}
         where subject_ref > decode($1, 'hex') and wrapped is not null and not starts_with(wrapped, $2) order by subject_ref limit $3`,
        [after, prefix, batch],
      )
      const stale = rows as (KeyRow & { wrapped: string })[]
      if (stale.length === 0) return count
      const fresh = stale.map((row) =>
        this.#vault.rebind(row.wrapped, keyContext(row.key_ref), keyContext(row.key_ref)),
      )
      const { rowCount } = await this.#client.query(
        `update ${this.#table('keys')} as k set wrapped = n.fresh
         from unnest($1::uuid[], $2::text[], $3::text[]) as n(ref, old, fresh) where k.key_ref = n.ref and k.wrapped = n.old`,
        [stale.map((row) => row.key_ref), stale.map((row) => row.wrapped), fresh],
      )
      count += rowCount ?? 0
      after = (stale.at(-1) as KeyRow).subject_ref
    }
  }

  async #rewrapPepper(): Promise<number> {
    const { rows } = await this.#client.query(`select sealed from ${this.#table('pepper')}`)
    const sealed = (rows as { sealed: string }[])[0]?.sealed
    const fresh = sealed === undefined ? undefined : this.#vault.reseal(sealed, pepperContext)
    if (fresh === undefined) return 0
    await this.#client.query(`update ${this.#table('pepper')} set sealed = $1 where sealed = $2`, [fresh, sealed])
    return 1
  }

  async #destroy(erasures: readonly Erasure[], client: Queryable): Promise<string[]> {
    if (erasures.length === 0) return []
    const { rows } = await client.query(
      `with asked as (
         select r, decode(s, 'hex') as s, t, w from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) as n(r, s, t, w)
       ), noted as (
         insert into ${this.#schemaTable('shop_erasure_ledger')} (key_ref, subject_ref, forgotten_at, reason)
         select r, s, t, w from asked on conflict (key_ref) do nothing
       )
       update ${this.#table('keys')} as k set wrapped = null, forgotten_at = asked.t
       from asked where k.key_ref = asked.r and k.wrapped is not null returning k.key_ref::text as key_ref`,
      [
        erasures.map((e) => e.keyRef),
        erasures.map((e) => e.subjectRef),
        erasures.map((e) => e.forgottenAt),
        erasures.map((e) => e.reason ?? null),
      ],
    )
    return (rows as { key_ref: string }[]).map((row) => row.key_ref)
  }

  async #vaults(subjects: readonly string[], client: Queryable): Promise<(Vault | CryptoError)[]> {
    const refs = await Promise.all(subjects.map((subject) => this.#refOf(subject, client)))
    const opened = new Map<string, Vault | CryptoError>()
    const wanted = new Set<string>()
    for (const ref of refs) {
      const cached = this.#cache.get(ref)
      if (cached) opened.set(ref, cached)
      else wanted.add(ref)
    }
    if (wanted.size > 0) {
      const rows = await this.#rows([...wanted], client)
      for (const ref of wanted) {
        const row = rows.get(ref)
        if (row === undefined)
          opened.set(
            ref,
            new CryptoError(
              'ERR_SHOP_CRYPTO_SUBJECT_UNKNOWN',
              'the data subject has no key; call ensure(subject) when the person is admitted',
            ),
          )
        else if (row.wrapped === null) opened.set(ref, forgottenError())
        else {
          const vault = this.#unwrap(row.wrapped, row)
          this.#cache.set(ref, vault)
          opened.set(ref, vault)
        }
      }
    }
    return refs.map((ref) => opened.get(ref) as Vault | CryptoError)
  }

  async #rows(refs: readonly string[], client: Queryable): Promise<Map<string, KeyRow>> {
    const { rows } = await client.query(
      `select ${keyColumns} from ${this.#table('keys')} where subject_ref = any (select decode(r, 'hex') from unnest($1::text[]) as r)`,
      [refs],
    )
    return new Map((rows as KeyRow[]).map((row) => [row.subject_ref, row]))
  }

  #wrap(key: Buffer, keyRef: string): string {
    const wrapped = this.#vault.encrypt(key as Uint8Array, keyContext(keyRef))
    key.fill(0)
    return wrapped
  }

  #unwrap(wrapped: string, row: KeyRow): Vault {
    const key = this.#vault.decryptBytes(wrapped, keyContext(row.key_ref))
    const keyset = keysetOf(createSecretKey(key), Number(row.key_id))
    key.fill(0)
    return new Vault({ keyset })
  }

  /** A subject as it is stored: an HMAC, so that the tables name nobody. */
  async #refOf(subject: string, client: Queryable): Promise<string> {
    if (typeof subject !== 'string' || subject === '')
      throw optionError('subject keys', 'subject', 'must be a non-empty string')
    this.#pepper ??= this.#loadPepper(client)
    let pepper: KeyObject
    try {
      pepper = await this.#pepper
    } catch (error) {
      this.#pepper = undefined
      throw error
    }
    return createHmac('sha256', pepper).update(subject).digest('hex')
  }

  async #loadPepper(client: Queryable): Promise<KeyObject> {
    const select = `select sealed from ${this.#table('pepper')}`
    let { rows } = await client.query(select)
    if (rows.length === 0) {
      // outside any transaction of the caller's: a pepper that is rolled back would orphan what was hashed with it
      const sealed = this.#vault.encrypt(randomBytes(32) as Uint8Array, pepperContext)
      await this.#client.query(`insert into ${this.#table('pepper')} (sealed) values ($1) on conflict do nothing`, [
        sealed,
      ])
      rows = (await this.#client.query(select)).rows
    }
    const bytes = this.#vault.decryptBytes((rows as { sealed: string }[])[0]?.sealed as string, pepperContext)
    const pepper = createSecretKey(bytes)
    bytes.fill(0)
    return pepper
  }

  #table(name: 'keys' | 'pepper'): string {
    return this.#schemaTable(`shop_subject_${name}`)
  }

  #schemaTable(name: string): string {
    return `${identifier(this.#schema)}.${identifier(name)}`
  }
}

/** Makes the subject keys of a database. @throws ERR_SHOP_CRYPTO_OPTION */
export function createSubjectKeys(options: SubjectKeysOptions): SubjectKeys {
  return new SubjectKeys(options)
}

const pepperContext: FieldContext = { table: 'shop_subject_pepper', column: 'sealed', row: 'one' }

function keyContext(keyRef: string): FieldContext {
  return { table: 'shop_subject_keys', column: 'wrapped', row: keyRef }
}

function forgottenError(): CryptoError {
  return new CryptoError(
    'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN',
    'the data subject was forgotten: the key no longer exists',
  )
}
