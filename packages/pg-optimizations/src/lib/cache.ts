import type { Client, Pool } from 'pg'

import { PgOptimizationsError } from './errors.ts'
import { Sieve } from './sieve.ts'
import { checkNames, type Duration, milliseconds, oneOf, whole } from './options.ts'
import { identifier, literal, rows } from './sql.ts'
import { pause } from './session.ts'

/** What a cache holds: anything JSON can. */
export type CacheValue =
  | string
  | number
  | boolean
  | null
  | readonly CacheValue[]
  | { readonly [key: string]: CacheValue }

export interface CacheOptions {
  /** The application's pool; the cache never holds one of its connections while it waits. */
  readonly pool: Pool
  /** The mapping's schema. @default 'shop' */
  readonly schema?: string
  /** How long a value stays, where nothing else is said. @default '5m' */
  readonly ttl?: Duration
  /** Entries kept in this process; 0 keeps none. @default 10000 */
  readonly localEntries?: number
  /** Bytes of JSON kept in this process. @default 16777216 */
  readonly localBytes?: number
  /** The longest a value is served from this process, in case an invalidation is lost. @default '30s' */
  readonly localTtl?: Duration
  /** How long one loader may take before another process tries too. @default '10s' */
  readonly loadTimeout?: Duration
  /** Entries the table is cut down to by `cleanUp`. @default 100000 */
  readonly maxEntries?: number
  /**
   * What `cleanUp` takes first: what was `written` longest ago, so that reads never write; or what was `used` longest ago, for
   * which a read notes its keys, at 35 times its server CPU. @default 'written'
   */
  readonly evict?: 'written' | 'used'
  /** Told of failures of the database, which the cache survives: reads miss, writes are dropped. */
  readonly onError?: (error: Error) => void
}

export interface SetOptions {
  readonly ttl?: Duration
  /** Names by which many entries are deleted at once. */
  readonly tags?: readonly string[]
}

/** What the cache has done in this process. */
export interface CacheCounts {
  readonly localHits: number
  readonly hits: number
  readonly misses: number
  readonly loads: number
  readonly errors: number
}

/** A cache in an unlogged PostgreSQL table with a small one in this process before it; see {@link createCache}. */
export interface Cache extends AsyncDisposable {
  /** The value, frozen: whoever asks for it gets the same one. */
  get(key: string): Promise<CacheValue | undefined>
  /** Resolves when the value is stored; where the database fails, when that is known. */
  set(key: string, value: CacheValue, options?: SetOptions): Promise<void>
  delete(key: string): Promise<void>
  /** Deletes every entry with this tag, here and in the other processes. */
  deleteTag(tag: string): Promise<void>
  /**
   * The value, or what `load` makes of it, as JSON gives it back and frozen: once, however many ask, in however many processes.
   * A failed load is every waiter's error, or the next one's turn. What is deleted or set while `load` is at work is not
   * overwritten by it.
   */
  wrap<T extends CacheValue>(
    key: string,
    load: (signal: AbortSignal) => Promise<T>,
    options?: SetOptions & { readonly signal?: AbortSignal },
  ): Promise<T>
  /** Deletes what has expired and what is too much, in batches. Call it now and then from one process. */
  cleanUp(signal?: AbortSignal): Promise<{ readonly expired: number; readonly evicted: number }>
  counts(): CacheCounts
}

const CHANNEL = 'shop_pg_cache'
const MAX_KEY = 1024

/**
 * A cache on the assets of this package. Gets of one tick become one query, sets of one tick one write, invalidations one
 * NOTIFY; a lost database makes every read a miss and is never an error to the caller; a crash of the server, which empties
 * an unlogged table, leaves nothing stale.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_OPTION`
 * @example
 * const cache = createCache({ pool })
 * const product = await cache.wrap(`product:${id}`, () => findProduct(id), { ttl: '1m', tags: ['products'] })
 */
export function createCache(options: CacheOptions): Cache {
  checkNames('createCache', options, [
    'pool',
    'schema',
    'ttl',
    'localEntries',
    'localBytes',
    'localTtl',
    'loadTimeout',
    'maxEntries',
    'evict',
    'onError',
  ])
  if (typeof options.pool?.query !== 'function')
    throw new PgOptimizationsError('ERR_SHOP_PG_OPTION', 'pool: expected a Pool of pg')
  return new PostgresCache(options)
}

interface Waiting<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

interface Get extends Waiting<CacheValue | undefined> {
  /** Set when the key changes while its value is on the way: what arrives then may be the old one, and is not kept. */
  changed: boolean
}

interface Written {
  readonly value: string
  readonly ttl: number
  readonly tags: readonly string[]
  readonly done: Waiting<void>
}

class PostgresCache implements Cache {
  readonly #pool: Pool
  readonly #own: string
  readonly #topic: string
  readonly #ttl: number
  readonly #localTtl: number
  readonly #loadTimeout: number
  readonly #maxEntries: number
  readonly #notesUse: boolean
  readonly #onError: (error: Error) => void
  readonly #local: Sieve<CacheValue>
  readonly #keeps: boolean
  #gets = new Map<string, Get>()
  readonly #reading = new Set<ReadonlyMap<string, Get>>()
  readonly #sets = new Map<string, Written>()
  readonly #loading = new Map<string, Promise<CacheValue>>()
  readonly #closing = new AbortController()
  readonly #sender = Math.random().toString(36).slice(2, 10)
  readonly #signature = `["${this.#sender}"`
  #listener: Promise<Client | undefined> | undefined
  #listening = false
  #scheduled = false
  #writing: Promise<void> | undefined
  #noting = false
  #counts = { localHits: 0, hits: 0, misses: 0, loads: 0, errors: 0 }

  constructor(options: CacheOptions) {
    this.#pool = options.pool
    const schema = options.schema ?? 'shop'
    this.#own = identifier(schema)
    this.#topic = `${CHANNEL}:${schema}`.slice(0, 60)
    this.#ttl = milliseconds('ttl', options.ttl, 300_000, 1, 365 * 86_400_000)
    this.#localTtl = milliseconds('localTtl', options.localTtl, 30_000, 0, 86_400_000)
    this.#loadTimeout = milliseconds('loadTimeout', options.loadTimeout, 10_000, 10, 600_000)
    this.#maxEntries = whole('maxEntries', options.maxEntries, 100_000, 1, 1e9)
    this.#notesUse = oneOf('evict', options.evict, 'written', ['written', 'used']) === 'used'
    this.#onError = options.onError ?? (() => {})
    const entries = whole('localEntries', options.localEntries, 10_000, 0, 1e7)
    const bytes = whole('localBytes', options.localBytes, 16_777_216, 0, 2 ** 40)
    this.#keeps = entries > 0 && bytes > 0 && this.#localTtl > 0
    this.#local = new Sieve(entries, bytes, Date.now)
  }

  get(key: string): Promise<CacheValue | undefined> {
    const near = this.#listening ? this.#local.get(key) : undefined
    if (near !== undefined) {
      this.#counts.localHits++
      return Promise.resolve(near.value)
    }
    checkKey(key)
    if (this.#keeps) void this.#listen()
    const written = this.#sets.get(key)
    if (written) return Promise.resolve(fromJson(written.value))
    let waiting = this.#gets.get(key)
    if (waiting === undefined) {
      waiting = { ...deferred<CacheValue | undefined>(), changed: false }
      this.#gets.set(key, waiting)
    }
    this.#schedule()
    return waiting.promise
  }

  set(key: string, value: CacheValue, { ttl, tags = [] }: SetOptions = {}): Promise<void> {
    checkKey(key)
    const text = toJson(value)
    checkTags(tags)
    const life = this.#life(ttl)
    const done = this.#sets.get(key)?.done ?? deferred<void>()
    this.#sets.set(key, { value: text, ttl: life, tags, done })
    this.#overtake(key)
    this.#keep(key, text, Date.now() + life)
    this.#schedule()
    return done.promise
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#sets.get(key)?.done.promise // or it would be written after it was deleted
    this.#forget(key)
    await this.#survive(() =>
      this.#pool.query(`select ${this.#own}.cache_delete($1), pg_notify(${literal(this.#topic)}, $2)`, [
        key,
        this.#payload([key]),
      ]),
    )
    this.#forget(key) // what was read since, before it was gone
  }

  async deleteTag(tag: string): Promise<void> {
    await this.#flush()
    await this.#survive(async () => {
      const [gone] = await rows<{ keys: string[] }>(
        this.#pool as never,
        `select ${this.#own}.cache_delete_tag($1) as keys`,
        [tag],
      )
      for (const key of gone!.keys) this.#forget(key)
      if (gone!.keys.length > 0)
        await this.#pool.query('select pg_notify($1, $2)', [this.#topic, this.#payload(gone!.keys)])
    })
  }

  wrap<T extends CacheValue>(
    key: string,
    load: (signal: AbortSignal) => Promise<T>,
    options: SetOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    checkKey(key)
    let loading = this.#loading.get(key)
    if (loading === undefined) {
      const own = this.#obtain(key, load, options).finally(() => {
        if (this.#loading.get(key) === own) this.#loading.delete(key)
      })
      this.#loading.set(key, (loading = own))
    }
    return abortable(loading, options.signal) as Promise<T>
  }

  async #obtain(
    key: string,
    load: (signal: AbortSignal) => Promise<CacheValue>,
    options: SetOptions,
  ): Promise<CacheValue> {
    const life = this.#life(options.ttl)
    checkTags(options.tags)
    let token: string | undefined
    for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
      const known = await this.get(key)
      if (known !== undefined) return known
      const claimed = await this.#survive(() =>
        rows<{ token: string | null }>(
          this.#pool as never,
          `select ${this.#own}.cache_claim($1, $2 * interval '1 ms', $3)::text as token`,
          [key, this.#loadTimeout, options.tags ?? null],
        ),
      )
      token = claimed?.[0]?.token ?? undefined
      if (token !== undefined || claimed === undefined) break // ours to load, or no database to ask
      await pause(wait, this.#closing.signal)
    }
    this.#counts.loads++
    // whatever changes the key from here on overtakes what is being loaded
    const under = { ...deferred<CacheValue | undefined>(), changed: false }
    const reading = new Map([[key, under]])
    this.#reading.add(reading)
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#loadTimeout)])
      const text = toJson(await abortable(load(signal), signal))
      const stored = token !== undefined && (await this.#fill(key, token, text, life))
      const value = fromJson(text)
      if (stored && !under.changed) this.#keep(key, text, Date.now() + life, value)
      return value
    } catch (error) {
      if (token !== undefined)
        await this.#survive(() => this.#pool.query(`select ${this.#own}.cache_release($1, $2)`, [key, token]))
      throw error
    } finally {
      this.#reading.delete(reading)
    }
  }

  async #fill(key: string, token: string, text: string, life: number): Promise<boolean> {
    const filled = await this.#survive(() =>
      rows<{ stored: boolean }>(
        this.#pool as never,
        `select ${this.#own}.cache_fill($1, $2, $3, $4 * interval '1 ms') as stored`,
        [key, token, text, life],
      ),
    )
    return filled?.[0]?.stored === true
  }

  async cleanUp(signal?: AbortSignal): Promise<{ expired: number; evicted: number }> {
    const batches = async (call: string): Promise<number> => {
      for (let total = 0; ;) {
        signal?.throwIfAborted()
        const [batch] = await rows<{ n: number }>(this.#pool as never, `select ${this.#own}.${call} as n`)
        total += batch!.n
        if (batch!.n < 5000) return total
      }
    }
    const expired = await batches('cache_cleanup_expired(5000)')
    return { expired, evicted: await batches(`cache_cleanup_lru(${this.#maxEntries}, 5000)`) }
  }

  counts(): CacheCounts {
    return { ...this.#counts }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flush()
    this.#closing.abort(new PgOptimizationsError('ERR_SHOP_PG_CACHE', 'the cache was closed'))
    const listener = await this.#listener
    this.#listening = false
    this.#local.clear()
    listener?.removeAllListeners()
    await listener?.end().catch(() => {})
  }

  #life(ttl: Duration | undefined): number {
    return milliseconds('ttl', ttl, this.#ttl, 1, 365 * 86_400_000)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => void this.#flush())
  }

  async #flush(): Promise<void> {
    this.#scheduled = false
    const gets = this.#gets
    this.#gets = new Map()
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined))
    await Promise.all([this.#writing, gets.size > 0 && this.#read(gets)])
  }

  /** One write after the other: on two connections an older value of a key could overtake a newer. */
  async #writeAll(): Promise<void> {
    while (this.#sets.size > 0) await this.#write([...this.#sets])
  }

  async #write(sets: ReadonlyArray<[string, Written]>): Promise<void> {
    const stored = await this.#survive(() =>
      this.#pool.query({
        name: `set ${this.#topic}`,
        text: `select ${this.#own}.cache_set_many($1, $2, $3, $4), pg_notify(${literal(this.#topic)}, $5)`,
        values: [
          sets.map(([key]) => key),
          sets.map(([, { value }]) => value),
          sets.map(([, { ttl }]) => ttl / 1000),
          sets.map(([, { tags }]) => tags.join('\x1f')),
          this.#payload(sets.map(([key]) => key)),
        ],
      }),
    )
    for (const [key, entry] of sets) {
      if (this.#sets.get(key) === entry) this.#sets.delete(key)
      if (stored === undefined) this.#forget(key)
      entry.done.resolve()
    }
  }

  async #read(gets: ReadonlyMap<string, Get>): Promise<void> {
    const found = new Map<string, CacheValue>()
    this.#reading.add(gets)
    await this.#survive(async () => {
      const asked = Date.now()
      // the value as text, whose length is what is kept; the time that is left, as clocks differ
      const { rows: known } = await this.#pool.query<[key: string, value: string, left: number]>({
        name: `get ${this.#topic}`,
        text: `select key, coalesce(value::text, 'null'), 1000 * date_part('epoch', expires_at - now()) from ${this.#own}.cache_get_many($1)`,
        values: [[...gets.keys()]],
        rowMode: 'array',
      })
      for (const [key, text, left] of known) {
        const value = fromJson(text)
        found.set(key, value)
        if (!gets.get(key)!.changed) this.#keep(key, text, asked + left, value)
      }
    })
    this.#reading.delete(gets)
    for (const [key, { resolve }] of gets) {
      const value = found.get(key)
      if (value === undefined) this.#counts.misses++
      else this.#counts.hits++
      resolve(value)
    }
    if (this.#notesUse && found.size > 0) this.#noteUse([...found.keys()])
  }

  /** One note at a time: what is read while one is on its way is not noted, which does not matter to what is read often. */
  #noteUse(keys: readonly string[]): void {
    if (this.#noting) return
    this.#noting = true
    const text = `select ${this.#own}.cache_touch(k) from (select unnest($1::text[]) as k order by 1) used`
    void this.#survive(() => this.#pool.query(text, [keys])).finally(() => (this.#noting = false))
  }

  #keep(key: string, text: string, until: number, value = fromJson(text)): void {
    // while nobody tells us of changes elsewhere, nothing is kept
    if (!this.#listening) return
    this.#local.set(key, value, text.length + key.length, Math.min(until, Date.now() + this.#localTtl))
  }

  #forget(key: string): void {
    this.#local.delete(key)
    this.#loading.delete(key) // who asks from now on must not get what was loaded before
    this.#overtake(key)
  }

  #overtake(key: string): void {
    for (const gets of this.#reading) {
      const get = gets.get(key)
      if (get !== undefined) get.changed = true
    }
  }

  #forgetAll(): void {
    this.#local.clear()
    for (const gets of this.#reading) for (const get of gets.values()) get.changed = true
  }

  /** One NOTIFY for all keys of a flush; more than fit into its payload make the others forget everything. */
  #payload(keys: readonly string[]): string {
    const payload = JSON.stringify([this.#sender, ...keys])
    return Buffer.byteLength(payload) < 7900 ? payload : JSON.stringify([this.#sender])
  }

  /** A connection of its own, outside the pool, which hears of changes in other processes. Lost, it is opened again, and until then nothing local is served. */
  #listen(): Promise<Client | undefined> {
    this.#listener ??= this.#openListener().catch((error: Error) => {
      this.#failed(error)
      this.#reopen()
      return undefined
    })
    return this.#listener
  }

  async #openListener(): Promise<Client> {
    const { default: pg } = await import('pg')
    const client = new pg.Client({ ...this.#pool.options, application_name: 'shop-pg cache' })
    client.on('error', (error) => {
      this.#failed(error)
      this.#reopen()
    })
    client.on('notification', ({ payload = '[]' }) => {
      if (payload.startsWith(this.#signature)) return
      const [, ...keys] = JSON.parse(payload) as string[]
      if (keys.length === 0) this.#forgetAll()
      for (const key of keys) this.#forget(key)
    })
    await client.connect()
    await client.query(`listen ${identifier(this.#topic)}`)
    this.#forgetAll() // nobody told us of changes until now
    this.#listening = true
    return client
  }

  #reopen(): void {
    this.#listening = false
    this.#forgetAll()
    pause(500, this.#closing.signal).then(
      () => (this.#listener = undefined),
      () => {},
    )
  }

  async #survive<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.#failed(error as Error)
      return undefined
    }
  }

  #failed(error: Error): void {
    this.#counts.errors++
    this.#onError(error)
  }
}

function deferred<T>(): Waiting<T> {
  return Promise.withResolvers<T>()
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return Promise.race([
    promise,
    new Promise<never>((_, reject) => {
      signal.throwIfAborted()
      const aborted = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', aborted, { once: true })
      const forget = (): void => signal.removeEventListener('abort', aborted)
      promise.then(forget, forget)
    }),
  ])
}

function checkTags(tags: readonly string[] = []): void {
  if (tags.some((tag) => typeof tag !== 'string' || tag === '' || tag.includes('\x1f')))
    throw new PgOptimizationsError('ERR_SHOP_PG_CACHE', 'tags: expected texts that are not empty')
}

function checkKey(key: string): void {
  if (
    typeof key !== 'string' ||
    key.length === 0 ||
    key.length > MAX_KEY ||
    key.includes('\0') ||
    !key.isWellFormed()
  ) {
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_CACHE',
      `key: expected a text of 1 to ${MAX_KEY} characters, well-formed and without null characters`,
    )
  }
}

/** A null character or half a surrogate pair, as JSON escapes them: what PostgreSQL's jsonb refuses, together with all that is written with it. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

function toJson(value: CacheValue): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined || (text.includes('\\u') && UNSTORABLE.test(text)))
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_CACHE',
      `value: expected well-formed JSON without null characters, received ${typeof value}`,
    )
  return text
}

/** A value that several may hold: nobody can change it under the others. */
function fromJson(text: string): CacheValue {
  return frozen(JSON.parse(text) as CacheValue)
}

function frozen(value: CacheValue): CacheValue {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) frozen(part as CacheValue)
  return Object.freeze(value)
}
