import { type KeyObject, timingSafeEqual } from 'node:crypto'

import type { ClientBase, Pool } from 'pg'

import type { Anchor } from './anchor.ts'
import type { CheckpointSigner } from './checkpoint.ts'
import { acquire } from './connection.ts'
import { channels } from './events.ts'
import { type EventMac, eventMac, MAC_BYTES } from './mac.ts'
import { HASH_BYTES } from './merkle.ts'
import { checkNames, type Duration, duration, optionError, schemaName, wholeNumber } from './options.ts'
import { sealRows } from './row-seal.ts'
import { KEY_BYTES, type StoredTile, tileReader, writeTiles } from './tile-store.ts'
import { RightEdge, TILE_WIDTH } from './tiles.ts'

export interface SealerOptions {
  readonly pool: Pool
  /** Signs the checkpoints; its name is the trail's origin. */
  readonly signer: CheckpointSigner
  /** Places outside the database for the checkpoints. Without one, whoever owns the database can roll it back unseen. */
  readonly anchors?: readonly Anchor[]
  /** The key given to `createAudit`; with it, rows written past the application are counted as they are sealed. */
  readonly macKey?: Uint8Array | KeyObject
  /** Between two seals. What is younger has only its writer's hash link. @default '1s' */
  readonly interval?: Duration
  /** Between two checkpoints sent to the anchors. @default '1m' */
  readonly anchorInterval?: Duration
  /** Events of one seal, about. @default 20000 */
  readonly maxEvents?: number
  /** @default 'audit' */
  readonly schema?: string
}

/** What one seal did; `undefined` when another sealer holds the lock. */
export interface Seal {
  readonly size: number
  readonly added: number
  readonly unauthenticated: number
  /** The newest checkpoint; `undefined` while the trail is empty. */
  readonly note: string | undefined
}

/** Puts events in the tree and signs what the tree is. Start one in every process: an advisory lock lets one work. */
export interface Sealer extends AsyncDisposable {
  /** Seals what is there now. */
  seal(): Promise<Seal | undefined>
  /** Sends the newest checkpoint to every anchor. @throws ERR_SHOP_AUDIT_ANCHOR, for the first that fails */
  anchor(signal?: AbortSignal): Promise<void>
  /** Seals again and again until it is closed. */
  start(): void
  /** Ends after the seal under way, with a last one. */
  close(): Promise<void>
}

const known = ['pool', 'signer', 'anchors', 'macKey', 'interval', 'anchorInterval', 'maxEvents', 'schema']

/** Makes a sealer. @throws ERR_SHOP_AUDIT_OPTION */
export function createSealer(options: SealerOptions): Sealer {
  return new TrailSealer(options)
}

/** One event as the database sends it to be sealed: leaf hash, time, id, MAC. */
const RECORD_BYTES = HASH_BYTES + KEY_BYTES + MAC_BYTES

class TrailSealer implements Sealer {
  readonly #pool: Pool
  readonly #signer: CheckpointSigner
  readonly #anchors: readonly Anchor[]
  readonly #mac: EventMac | undefined
  readonly #interval: number
  readonly #anchorInterval: number
  readonly #maxEvents: number
  readonly #schema: string
  readonly #abort = new AbortController()
  #loop: Promise<void> | undefined
  #wake: () => void = () => {}
  #anchoredAt = -Infinity
  #anchoredSize = 0

  constructor(options: SealerOptions) {
    const where = 'createSealer'
    checkNames(where, options, known)
    if (typeof options.pool?.connect !== 'function') throw optionError(where, 'pool', 'is missing; expected a pg Pool')
    if (typeof options.signer?.sign !== 'function') throw optionError(where, 'signer', 'is missing')
    this.#pool = options.pool
    this.#signer = options.signer
    this.#anchors = options.anchors ?? []
    this.#mac = eventMac(where, options.macKey)
    this.#interval = duration(where, 'interval', options.interval, 1000, [10, 86_400_000])
    this.#anchorInterval = duration(where, 'anchorInterval', options.anchorInterval, 60_000, [10, 86_400_000])
    this.#maxEvents = wholeNumber(where, 'maxEvents', options.maxEvents, 20_000, [1, 1_000_000])
    this.#schema = schemaName(where, options.schema)
  }

  async seal(): Promise<Seal | undefined> {
    const client = await acquire(this.#pool)
    let broken = true
    try {
      await client.query('begin')
      const seal = await this.#sealWithin(client)
      await client.query('commit')
      broken = false
      return seal
    } finally {
      client.release(broken)
    }
  }

  async #sealWithin(client: ClientBase): Promise<Seal | undefined> {
    const schema = this.#schema
    const started = performance.now()
    const lock = await client.query<{ mine: boolean }>(
      `select pg_try_advisory_xact_lock(hashtext('shop-audit-sealer:${schema}')) as mine`,
    )
    if (!lock.rows[0]!.mine) return undefined
    await client.query(`select ${schema}.adopt(), ${schema}.ensure_partitions(3)`)
    await sealRows(client, schema, this.#mac)
    const { rows } = await client.query<{ size: string; from: string; until: string }>(
      `select size, sealed_xid as from, greatest(sealed_xid,
         (select base from ${schema}.lineage) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) as until
       from ${schema}.log`,
    )
    const size = Number(rows[0]!.size)
    const { records, until } = await this.#read(client, rows[0]!.from, rows[0]!.until)
    const added = records.length / RECORD_BYTES
    if (added === 0) {
      if (until !== rows[0]!.from) await client.query(`update ${schema}.log set sealed_xid = $1`, [until])
      return { size, added, unauthenticated: 0, note: await this.#newest(client) }
    }
    const edge = await RightEdge.load(size, tileReader(client, schema))
    const leaves: Buffer[] = []
    const keys: Buffer[] = []
    let unauthenticated = 0
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const leaf = records.subarray(at, at + HASH_BYTES)
      leaves.push(leaf)
      keys.push(records.subarray(at + HASH_BYTES, at + HASH_BYTES + KEY_BYTES))
      const mac = records.subarray(at + HASH_BYTES + KEY_BYTES, at + RECORD_BYTES)
      if (this.#mac && !timingSafeEqual(this.#mac(leaf), mac)) unauthenticated++
    }
    await writeTiles(client, schema, await this.#withKeys(client, size, edge.append(leaves), keys))
    const sealed = `sealed ${new Date().toISOString()}`
    const note = this.#signer.sign({
      origin: this.#signer.name,
      size: edge.size,
      root: edge.root(),
      extensions: [sealed],
    })
    await client.query(`insert into ${schema}.checkpoints (size, note) values ($1, $2)`, [edge.size, note])
    await client.query(`update ${schema}.log set size = $1, sealed_xid = $2`, [edge.size, until])
    if (channels.sealed.hasSubscribers)
      channels.sealed.publish({
        size: edge.size,
        added,
        unauthenticated,
        seconds: (performance.now() - started) / 1000,
      })
    return { size: edge.size, added, unauthenticated, note }
  }

  /** Events of finished transactions, in the order of their transactions: nothing can appear among them later. */
  async #read(client: ClientBase, from: string, until: string): Promise<{ records: Buffer; until: string }> {
    const cut = await client.query<{ xid: string }>(
      `select xid from ${this.#schema}.events where xid >= $1 and xid < $2 order by xid offset $3 limit 1`,
      [from, until, this.#maxEvents],
    )
    const found = cut.rows[0]?.xid
    const end = found === undefined ? until : found === from ? String(BigInt(from) + 1n) : found
    const { rows } = await client.query<{ records: Buffer | null }>(
      `select string_agg(sha256('\\x00'::bytea || convert_to(body, 'UTF8')) || timestamptz_send(time) || uuid_send(id)
               || coalesce(mac, '\\x00000000000000000000000000000000'), ''::bytea order by xid, seq, time, id) as records
             from ${this.#schema}.events where xid >= $1 and xid < $2`,
      [from, end],
    )
    return { records: rows[0]?.records ?? Buffer.alloc(0), until: end }
  }

  async #withKeys(
    client: ClientBase,
    before: number,
    tiles: readonly { level: number; index: number; hashes: Uint8Array }[],
    keys: readonly Buffer[],
  ): Promise<StoredTile[]> {
    const rest = before % TILE_WIDTH
    const { rows } = await client.query<{ keys: Buffer }>(
      `select keys from ${this.#schema}.tiles where level = 0 and index = $1`,
      [Math.floor(before / TILE_WIDTH)],
    )
    const all = Buffer.concat([(rows[0]?.keys ?? Buffer.alloc(0)).subarray(0, rest * KEY_BYTES), ...keys])
    const first = Math.floor(before / TILE_WIDTH)
    return tiles.map((tile) => {
      const at = (tile.index - first) * TILE_WIDTH * KEY_BYTES
      const own = tile.level === 0 ? all.subarray(at, at + (tile.hashes.length / HASH_BYTES) * KEY_BYTES) : undefined
      return { ...tile, keys: own }
    })
  }

  async #newest(client: ClientBase | Pool): Promise<string | undefined> {
    const { rows } = await client.query<{ note: string }>(
      `select note from ${this.#schema}.checkpoints order by size desc limit 1`,
    )
    return rows[0]?.note
  }

  async anchor(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const note = await this.#newest(this.#pool)
    if (note === undefined) return
    const size = Number(note.split('\n')[1])
    const results = await Promise.allSettled(this.#anchors.map((anchor) => anchor.put(note, size, signal)))
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'anchor', error: result.reason })
      throw result.reason
    }
    this.#anchoredSize = size
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        const seal = await this.seal()
        const due = performance.now() - this.#anchoredAt >= this.#anchorInterval
        if (seal && due && seal.size > this.#anchoredSize) {
          this.#anchoredAt = performance.now()
          await this.anchor(this.#abort.signal)
        }
        if (seal && seal.added >= this.#maxEvents) continue // behind: go on at once
      } catch (error) {
        if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'sealer', error })
      }
      await this.#rest()
    }
  }

  async #rest(): Promise<void> {
    if (this.#abort.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#interval)
      timer.unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async close(): Promise<void> {
    this.#abort.abort()
    this.#wake()
    if (!this.#loop) return
    await this.#loop
    this.#loop = undefined
    await this.seal().catch((error: unknown) => {
      if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'sealer', error })
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
