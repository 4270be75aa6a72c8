import { type KeyObject, timingSafeEqual } from 'node:crypto'

import type { ClientBase } from 'pg'

import { strideArray } from './stride-array.ts'
import { type Checkpoint, checkpointVerifier, type CheckpointVerifier } from './checkpoint.ts'
import type { RecordedEvent } from './event.ts'
import { Frontier } from './frontier.ts'
import { type EventMac, eventMac } from './mac.ts'
import { HASH_BYTES, leafHash, rootOf } from './merkle.ts'
import { checkNames, optionError, schemaName } from './options.ts'
import { rowHashes } from './row-seal.ts'
import { KEY_BYTES, keyTime } from './tile-store.ts'
import { cutRows } from './text-rows.ts'
import { TILE_WIDTH } from './tiles.ts'

export interface VerifyOptions {
  readonly client: ClientBase
  /** Of the checkpoints' signer, from a place the database's administrator cannot change. */
  readonly verifierKey: string
  /** Checkpoints kept outside the database; without one a rollback of the whole database cannot be seen. */
  readonly outside?: readonly string[]
  /** The key given to `createAudit`: with it, events written past the application are found. */
  readonly macKey?: Uint8Array | KeyObject
  /** @default 'audit' */
  readonly schema?: string
  /** Told after every few thousand events. */
  readonly onProgress?: (progress: { readonly done: number; readonly size: number }) => void
  readonly signal?: AbortSignal
  /** Findings reported in full; the rest is counted. @default 100 */
  readonly maxFindings?: number
}

/** What does not agree. */
export type FindingKind =
  /** An event of the tree is not in the table: deleted, cut off, or moved to another time. */
  | 'missing'
  /** The event's text is not the one that was sealed. */
  | 'modified'
  /** A column beside the text (time, actor, target …) says something else than the text. */
  | 'column'
  /** An event lies in the sealed past and is not in the tree. */
  | 'inserted'
  /** An event without a valid MAC: written past the application. */
  | 'unauthenticated'
  /** A writer's events do not follow each other. */
  | 'chain'
  /** The order or the number of leaves is not the one a checkpoint was signed over. */
  | 'tree'
  /** A checkpoint is malformed, or its signature is not the signer's. */
  | 'checkpoint'
  /** The database holds less than, or other than, a checkpoint kept outside says. */
  | 'rolled-back'
  /** Row changes do not agree with the event that sealed them. */
  | 'rows'

export interface Finding {
  readonly kind: FindingKind
  /** The event's place in the tree. */
  readonly index?: number
  readonly id?: string
  readonly detail: string
}

export interface VerifyReport {
  readonly ok: boolean
  /** Events in the tree. */
  readonly size: number
  /** Events whose text was hashed and compared. */
  readonly checked: number
  /** Events of partitions that left by `retire`, which only the tree still knows. */
  readonly retired: number
  /** Events not yet in the tree. */
  readonly unsealed: number
  readonly checkpoints: number
  /** Outside checkpoints that agree. */
  readonly outside: number
  readonly findings: readonly Finding[]
  /** All findings, also those beyond `maxFindings`. */
  readonly found: number
  readonly seconds: number
}

const known = ['client', 'verifierKey', 'outside', 'macKey', 'schema', 'onProgress', 'signal', 'maxFindings']

/**
 * Reads the whole trail in one snapshot and compares it with its tree, its checkpoints, its writers' links and the
 * checkpoints kept outside. It changes nothing.
 * @throws ERR_SHOP_AUDIT_OPTION; what it finds is in the report, not thrown.
 */
export async function verifyTrail(options: VerifyOptions): Promise<VerifyReport> {
  checkNames('verifyTrail', options, known)
  if (typeof options.client?.query !== 'function') throw optionError('verifyTrail', 'client', 'is missing')
  const run = new Verification(options)
  await options.client.query('begin isolation level repeatable read read only')
  try {
    return await run.report()
  } finally {
    await options.client.query('rollback')
  }
}

interface EventRow {
  readonly body: string
  readonly rest: string
}

interface Retired {
  readonly from: string
  readonly to: string
}

/** Tiles of one query: their events and hashes are what is held in memory. */
const TILES_AT_ONCE = 8

class Verification {
  readonly #client: ClientBase
  readonly #schema: string
  readonly #verifier: CheckpointVerifier
  readonly #mac: EventMac | undefined
  readonly #options: VerifyOptions
  readonly #findings: Finding[] = []
  readonly #maxFindings: number
  readonly #writers = new Map<string, { seq: number; hash: string }>()
  readonly #frontier = new Frontier()
  readonly #rowSeals: RecordedEvent[] = []
  #found = 0
  #checked = 0
  #retiredCount = 0
  #retired: readonly Retired[] = []

  constructor(options: VerifyOptions) {
    this.#options = options
    this.#client = options.client
    this.#schema = schemaName('verifyTrail', options.schema)
    this.#verifier = checkpointVerifier(options.verifierKey)
    this.#mac = eventMac('verifyTrail', options.macKey)
    this.#maxFindings = options.maxFindings ?? 100
  }

  async report(): Promise<VerifyReport> {
    const started = performance.now()
    const { rows } = await this.#client.query<{ size: string; sealed_xid: string; now_xid: string }>(
      `select size, sealed_xid, (select base from ${this.#schema}.lineage)
         + pg_snapshot_xmax(pg_current_snapshot())::text::bigint as now_xid from ${this.#schema}.log`,
    )
    const size = Number(rows[0]!.size)
    await this.#loadRetired(rows[0]!.sealed_xid)
    const inside = await this.#checkpoints(size)
    const outside = this.#outside(size)
    await this.#walk(size, [...inside, ...outside])
    await this.#strangers(rows[0]!.sealed_xid, rows[0]!.now_xid)
    const unsealed = await this.#unsealed(rows[0]!.sealed_xid)
    return {
      ok: this.#found === 0,
      size,
      checked: this.#checked,
      retired: this.#retiredCount,
      unsealed,
      checkpoints: inside.length,
      outside: outside.filter((note) => note.agrees).length,
      findings: this.#findings,
      found: this.#found,
      seconds: (performance.now() - started) / 1000,
    }
  }

  #report(kind: FindingKind, detail: string, at: { index?: number; id?: string } = {}): void {
    this.#found++
    if (this.#findings.length < this.#maxFindings) this.#findings.push({ kind, detail, ...at })
  }

  /** Partitions that left say so in sealed events of their own, which the walk checks like every other. */
  async #loadRetired(sealedXid: string): Promise<void> {
    const { rows } = await this.#client.query<{ body: string }>(
      `select body from ${this.#schema}.events where action = 'trail.retired' and xid < $1`,
      [sealedXid],
    )
    this.#retired = rows.map((row) => (JSON.parse(row.body) as { data: Retired }).data)
  }

  async #checkpoints(size: number): Promise<Awaited[]> {
    const { rows } = await this.#client.query<{ size: string; note: string }>(
      `select size, note from ${this.#schema}.checkpoints order by size`,
    )
    const notes: Awaited[] = []
    for (const row of rows) {
      const checkpoint = this.#open(row.note, 'in the database')
      if (!checkpoint) continue
      if (checkpoint.size !== Number(row.size))
        this.#report('checkpoint', `the checkpoint stored at size ${row.size} speaks of ${checkpoint.size}`)
      else notes.push({ checkpoint, where: 'tree', agrees: false })
    }
    if (size > 0 && notes.at(-1)?.checkpoint.size !== size)
      this.#report('checkpoint', `the tree has ${size} events and no valid checkpoint says so`)
    return notes
  }

  #outside(size: number): Awaited[] {
    const notes: Awaited[] = []
    for (const note of this.#options.outside ?? []) {
      const checkpoint = this.#open(note, 'outside')
      if (!checkpoint) continue
      if (checkpoint.size > size)
        this.#report('rolled-back', `a checkpoint outside knows ${checkpoint.size} events, the database ${size}`)
      else notes.push({ checkpoint, where: 'rolled-back', agrees: false })
    }
    return notes
  }

  #open(note: string, where: string): Checkpoint | undefined {
    try {
      return this.#verifier.open(note)
    } catch (error) {
      this.#report('checkpoint', `a checkpoint ${where}: ${(error as Error).message}`)
      return undefined
    }
  }

  async #walk(size: number, awaited: readonly Awaited[]): Promise<void> {
    const due = [...awaited].sort((a, b) => a.checkpoint.size - b.checkpoint.size)
    let next = 0
    const last = Math.ceil(size / TILE_WIDTH)
    for (let first = 0; first < last; first += TILES_AT_ONCE) {
      this.#options.signal?.throwIfAborted()
      const { hashes, keys } = await this.#tiles(first, Math.min(first + TILES_AT_ONCE, last), size)
      const events = await this.#events(keys)
      for (let i = 0; i < hashes.length / HASH_BYTES; i++) {
        const index = first * TILE_WIDTH + i
        const leaf = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
        this.#frontier.push(leaf)
        this.#event(index, leaf, keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES), events[i])
        while (next < due.length && due[next]!.checkpoint.size === index + 1) this.#compare(due[next++]!)
      }
      this.#options.onProgress?.({ done: Math.min((first + TILES_AT_ONCE) * TILE_WIDTH, size), size })
    }
    await this.#upperTiles(size)
    await this.#sealedRows()
  }

  #compare(awaited: Awaited): void {
    awaited.agrees = equal(this.#frontier.root(), awaited.checkpoint.root)
    if (!awaited.agrees)
      this.#report(awaited.where, `the first ${awaited.checkpoint.size} events are not those that were signed for`)
  }

  async #tiles(first: number, end: number, size: number): Promise<{ hashes: Buffer; keys: Buffer }> {
    const { rows } = await this.#client.query<{ hashes: Buffer; keys: Buffer }>(
      `select hashes, keys from ${this.#schema}.tiles where level = 0 and index >= $1 and index < $2 order by index`,
      [first, end],
    )
    const hashes = Buffer.concat(rows.map((row) => row.hashes))
    const keys = Buffer.concat(rows.map((row) => row.keys))
    const expected = Math.min(end * TILE_WIDTH, size) - first * TILE_WIDTH
    if (hashes.length !== expected * HASH_BYTES || keys.length !== expected * KEY_BYTES)
      this.#report('tree', `tiles ${first} to ${end - 1} hold ${hashes.length / HASH_BYTES} of ${expected} leaves`)
    return { hashes, keys }
  }

  /** The events of some keys, each at the place of its key. */
  async #events(keys: Buffer): Promise<(EventRow | undefined)[]> {
    const count = keys.length / KEY_BYTES
    const { rows } = await this.#client.query<{ frames: string | null; text: string | null }>({
      name: 'shop_audit_verify',
      text: `select string_agg(concat(n, ',', length(body), ',', length(rest), ';'), '') as frames, string_agg(body || rest, '') as text
             from (select k.n, e.body, ${restColumns} as rest
               from unnest($1::timestamptz[], $2::uuid[]) with ordinality k (time, id, n)
               join ${this.#schema}.events e on e.time = k.time and e.id = k.id) r`,
      values: [strideArray(1184, keys, 0, 8), strideArray(2950, keys, 8, KEY_BYTES)],
    })
    const events = new Array<EventRow | undefined>(count).fill(undefined)
    cutRows(rows[0]!.text ?? '', rows[0]!.frames ?? '', (n, body, rest) => {
      events[n - 1] = { body, rest }
    })
    return events
  }

  #event(index: number, leaf: Buffer, key: Buffer, row: EventRow | undefined): void {
    if (!row) {
      const time = keyTime(key)
      if (this.#retired.some((range) => time >= range.from && time < range.to)) this.#retiredCount++
      else this.#report('missing', `the event of ${time} is not in the table`, { index, id: uuidOf(key) })
      return
    }
    this.#checked++
    const found = leafHash(row.body)
    if (!found.equals(leaf)) {
      this.#report('modified', 'the text is not the one that was sealed', { index, id: uuidOf(key) })
      const link = linkIn(row.body)
      if (link) this.#writers.set(link.writer, { seq: link.seq, hash: leaf.toString('base64url') })
      return
    }
    const event = JSON.parse(row.body) as RecordedEvent
    const mac = this.#mac?.(found).toString('hex')
    const wrong = wrongColumn(event, row.rest, mac)
    if (wrong === 'mac') this.#report('unauthenticated', 'no valid MAC', { index, id: event.id })
    else if (wrong !== undefined) this.#report('column', `${wrong} differs from the text`, { index, id: event.id })
    if (event.link) this.#link(index, event.id, event.link, found)
    if (event.action === 'rows.sealed') this.#rowSeals.push(event)
  }

  #link(index: number, id: string, link: NonNullable<RecordedEvent['link']>, found: Buffer): void {
    const before = this.#writers.get(link.writer)
    const follows = before
      ? link.seq === before.seq + 1 && link.prev === before.hash
      : (link.seq === 1 && link.prev === '') || this.#retired.length > 0
    if (!follows)
      this.#report('chain', `event ${link.seq} of writer ${link.writer} does not follow ${before?.seq ?? 0}`, {
        index,
        id,
      })
    this.#writers.set(link.writer, { seq: link.seq, hash: found.toString('base64url') })
  }

  /** Proofs are made of the upper levels, so they must be those the leaves give. */
  async #upperTiles(size: number): Promise<void> {
    for (const [level, hashes] of this.#frontier.levels.entries()) {
      if (hashes.length === 0) continue
      const { rows } = await this.#client.query<{ hashes: Buffer }>(
        `select hashes from ${this.#schema}.tiles where level = $1 order by index`,
        [level + 1],
      )
      if (!Buffer.concat(rows.map((row) => row.hashes)).equals(Buffer.concat(hashes)))
        this.#report('tree', `level ${level + 1} of the tree of ${size} events is not made of its leaves`)
    }
  }

  async #sealedRows(): Promise<void> {
    for (const event of this.#rowSeals) {
      const data = event.data as unknown as { first: number; last: number; count: number; root: string }
      const hashes = await rowHashes(this.#client, this.#schema, String(data.first), String(data.last + 1))
      if (hashes.length !== data.count || rootOf(hashes).toString('base64url') !== data.root)
        this.#report('rows', `row changes of transactions ${data.first} to ${data.last} are not those sealed`, {
          id: event.id,
        })
    }
  }

  /** Events in the sealed past that no leaf stands for, and events of transactions yet to come. */
  async #strangers(sealedXid: string, nowXid: string): Promise<void> {
    const { rows } = await this.#client.query<{ n: string; ahead: string }>(
      `select count(*) filter (where xid < $1) as n, count(*) filter (where xid >= $2) as ahead from ${this.#schema}.events`,
      [sealedXid, nowXid],
    )
    if (Number(rows[0]!.ahead) > 0)
      this.#report('inserted', `${rows[0]!.ahead} events claim transactions that have not begun`)
    if (Number(rows[0]!.n) === this.#checked) return
    const strangers = await this.#client.query<{ id: string; time: Date }>(
      `select e.id, e.time from ${this.#schema}.events e left join (
         select substring(keys from g * ${KEY_BYTES} + 9 for 16) as id from ${this.#schema}.tiles,
           generate_series(0, length(keys) / ${KEY_BYTES} - 1) g where level = 0) k on k.id = uuid_send(e.id)
       where e.xid < $1 and k.id is null limit $2`,
      [sealedXid, this.#maxFindings],
    )
    for (const row of strangers.rows)
      this.#report('inserted', `the event of ${row.time.toISOString()} is not in the tree`, { id: row.id })
    if (strangers.rows.length === 0 && Number(rows[0]!.n) > this.#checked)
      this.#report('inserted', `${Number(rows[0]!.n) - this.#checked} events share an id with another`)
  }

  /** Events not yet in the tree still have a MAC. */
  async #unsealed(sealedXid: string): Promise<number> {
    const { rows } = await this.#client.query<EventRow & { id: string }>(
      `select id, body, ${restColumns} as rest from ${this.#schema}.events e where xid >= $1 order by xid, seq, time, id`,
      [sealedXid],
    )
    for (const row of rows) {
      const mac = this.#mac?.(leafHash(row.body)).toString('hex')
      const wrong = wrongColumn(JSON.parse(row.body) as RecordedEvent, row.rest, mac)
      if (wrong === 'mac') this.#report('unauthenticated', 'no valid MAC', { id: row.id })
      else if (wrong !== undefined) this.#report('column', `${wrong} differs from the text`, { id: row.id })
    }
    return rows.length
  }
}

interface Awaited {
  readonly checkpoint: Checkpoint
  readonly where: 'tree' | 'rolled-back'
  agrees: boolean
}

const columns = ['time', 'id', 'seq', 'action', 'actor', 'target', 'outcome', 'severity', 'subject', 'mac'] as const

/** Every column beside the text, in one string: cheaper to send and to compare than ten values. */
const restColumns = `concat_ws(E'\\x1f', to_char(e.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), e.id, e.seq, e.action, coalesce(e.actor, ''), coalesce(e.target, ''),
  e.outcome, e.severity, coalesce(e.subject, ''), coalesce(encode(e.mac, 'hex'), ''))`

function wrongColumn(event: RecordedEvent, rest: string, mac: string | undefined): string | undefined {
  const actor = event.actor ? `${event.actor.type}:${event.actor.id}` : ''
  const first = event.targets?.[0]
  const target = first ? `${first.type}:${first.id}` : ''
  const expected = `${event.time}\x1f${event.id}\x1f${event.link?.seq ?? 0}\x1f${event.action}\x1f${actor}\x1f${target}\x1f${event.outcome}\x1f${event.severity}\x1f${event.pii?.subject ?? ''}\x1f`
  if (rest.startsWith(expected) && (mac === undefined || rest.slice(expected.length) === mac)) return undefined
  if (rest.startsWith(expected)) return 'mac'
  const [found, wanted] = [rest.split('\x1f'), expected.split('\x1f')]
  return columns.find((_, i) => found[i] !== wanted[i]) ?? 'time'
}

/** The link a text still shows, so that one modified event is one finding and not two. */
function linkIn(body: string): RecordedEvent['link'] {
  try {
    return (JSON.parse(body) as Partial<RecordedEvent>).link
  } catch {
    return undefined
  }
}

function uuidOf(key: Buffer): string {
  return key.toString('hex', 8).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)
