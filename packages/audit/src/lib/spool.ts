import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { copyFile, open, rm } from 'node:fs/promises'
import path from 'node:path'

import { AuditError } from './errors.ts'
import { channels } from './events.ts'
import { SpoolFile, SpoolReader } from './spool-file.ts'
import { lockSpool } from './spool-lock.ts'
import type { Tuple } from './tuple.ts'

export interface SpoolOptions {
  readonly directory: string
  /** Bytes on disk the spool may take. */
  readonly maxBytes: number
  /** Bytes after which a new segment begins. */
  readonly segmentBytes: number
  readonly whenFull: 'reject' | 'wait'
}

/** Rows on their way into the spool. They are encoded when their turn has come, so that links follow the file's order. */
export interface SpoolEntry {
  /** About how many bytes they will take. */
  readonly bytes: number
  readonly encode: () => readonly Tuple[]
  /** What was encoded did not reach the disk: the writer's chain begins anew. */
  readonly lost: () => void
}

interface Waiting {
  readonly entry: SpoolEntry
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/** A batch the reader took; the spool forgets it once it is `written` to the database. */
export interface SpoolBatch {
  readonly tuples: readonly Tuple[]
}

/**
 * Rows on local disk between acknowledgement and database: segments of appended rows, read in order and removed once
 * everything in them is in the database. Rows that were there already are read again after a crash: their ids make
 * that harmless. Memory holds what waits for one sync, and one batch.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #lock: Disposable
  #segments: string[]
  #sealedBytes: number
  #current: SpoolFile | undefined
  #next: number
  #queue: Waiting[] = []
  #queuedBytes = 0
  #syncing: Promise<void> | undefined
  #room: (() => void)[] = []
  #reader: SpoolReader | undefined
  #rows = 0
  /** Called after every sync and removal. */
  onRows: () => void = () => {}

  constructor(options: SpoolOptions) {
    this.#options = options
    mkdirSync(options.directory, { recursive: true, mode: 0o700 })
    this.#lock = lockSpool(options.directory)
    this.#segments = readdirSync(options.directory)
      .filter((name) => /^\d{10}\.spool$/.test(name))
      .sort()
      .map((name) => path.join(options.directory, name))
    this.#sealedBytes = this.#segments.reduce((sum, file) => sum + statSync(file).size, 0)
    this.#next = Number(path.basename(this.#segments.at(-1) ?? '0').slice(0, 10)) + 1
  }

  /** Bytes on disk not yet known to be in the database. */
  get bytes(): number {
    return this.#sealedBytes + (this.#current?.size ?? 0)
  }

  /** Rows appended by this process and not yet in the database. */
  get rows(): number {
    return this.#rows
  }

  /** Settles when the rows are synced to disk, all or none. @throws ERR_SHOP_AUDIT_SPOOL_FULL, _SPOOL_WRITE */
  append(entry: SpoolEntry): Promise<void> {
    return this.#fits(entry) ? this.#enqueue(entry) : this.#whenRoom(entry)
  }

  #fits(entry: SpoolEntry): boolean {
    return this.bytes + this.#queuedBytes + entry.bytes <= this.#options.maxBytes
  }

  async #whenRoom(entry: SpoolEntry): Promise<void> {
    while (!this.#fits(entry)) {
      if (this.#options.whenFull === 'reject' || entry.bytes > this.#options.maxBytes)
        throw new AuditError(
          'ERR_SHOP_AUDIT_SPOOL_FULL',
          `the spool holds ${this.bytes} of ${this.#options.maxBytes} bytes`,
        )
      await new Promise<void>((resolve) => this.#room.push(resolve))
    }
    await this.#enqueue(entry)
  }

  #enqueue(entry: SpoolEntry): Promise<void> {
    this.#queuedBytes += entry.bytes
    return new Promise((done, failed) => {
      this.#queue.push({ entry, done, failed })
      this.#syncing ??= Promise.resolve().then(() => this.#syncAll())
    })
  }

  /** Takes rows another lane has encoded already. */
  readonly divert = (tuples: readonly Tuple[]): Promise<void> =>
    this.append({
      bytes: tuples.reduce((sum, tuple) => sum + tuple.length + 8, 0),
      encode: () => tuples,
      lost: () => {},
    })

  async #syncAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#queue
      const bytes = this.#queuedBytes
      this.#queue = []
      const tuples = group.flatMap((waiting) => waiting.entry.encode())
      try {
        const file = await this.#segment()
        await file.append(tuples)
        this.#rows += tuples.length
        for (const waiting of group) waiting.done()
      } catch (error) {
        await this.#rotate() // a file that failed to sync is never trusted again
        const refused = writeError(error)
        if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'spool', error })
        for (const waiting of group) {
          waiting.entry.lost()
          waiting.failed(refused)
        }
      }
      this.#queuedBytes -= bytes
      this.onRows()
    }
    this.#syncing = undefined
  }

  async #segment(): Promise<SpoolFile> {
    if (this.#current && this.#current.size >= this.#options.segmentBytes) await this.#rotate()
    if (this.#current) return this.#current
    const name = `${String(this.#next).padStart(10, '0')}.spool`
    this.#next++
    const file = path.join(this.#options.directory, name)
    try {
      this.#current = await SpoolFile.create(file)
    } catch (error) {
      await rm(file, { force: true })
      throw error
    }
    await syncDirectory(this.#options.directory)
    this.#segments.push(file)
    return this.#current
  }

  async #rotate(): Promise<void> {
    const file = this.#current
    if (!file) return
    this.#current = undefined
    this.#sealedBytes += file.size
    await file.close().catch(() => {})
  }

  /** The next rows for the database; empty when there are none. */
  async take(rows: number, bytes: number): Promise<SpoolBatch> {
    for (;;) {
      const file = this.#segments[0]
      if (!file) return { tuples: [] }
      this.#reader ??= await SpoolReader.open(file)
      const current = this.#current?.path === file ? this.#current : undefined
      const end = current?.size ?? statSync(file).size
      const tuples = await this.#reader.next(end, rows, bytes)
      if (tuples.length > 0) return { tuples }
      if (this.#current?.path === file) return { tuples: [] }
      if (await this.#reader.isDamaged(end)) await this.#setAside(file)
      await this.#remove(file)
    }
  }

  /** The batch is in the database. A segment goes when its last row is; one still written to goes when it is large. */
  async written(batch: SpoolBatch): Promise<void> {
    this.#rows = Math.max(0, this.#rows - batch.tuples.length)
    const file = this.#current
    const drained = file && this.#reader?.path === file.path && this.#reader.position >= file.size
    if (drained && file.size >= this.#options.segmentBytes / 16 && !this.#syncing) {
      await this.#rotate()
      await this.#remove(file.path)
    }
  }

  /** The batch could not be written: the reader goes back to the start of its segment. */
  async rewind(): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
  }

  /** A copy of a segment that cannot be read to its end, for a person to look at. */
  async #setAside(file: string): Promise<void> {
    const kept = path.join(this.#options.directory, `damaged-${path.basename(file)}`)
    await copyFile(file, kept)
    const error = new AuditError(
      'ERR_SHOP_AUDIT_SPOOL_WRITE',
      `a segment is damaged and was kept as ${path.basename(kept)}`,
    )
    if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'spool', error })
  }

  async #remove(file: string): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
    const { size } = statSync(file)
    await rm(file, { force: true })
    this.#segments = this.#segments.filter((one) => one !== file)
    this.#sealedBytes = Math.max(0, this.#sealedBytes - size)
    const waiting = this.#room
    this.#room = []
    for (const resolve of waiting) resolve()
  }

  /** Keeps a row the database refuses, so that a person can look at it; told on the trouble channel. */
  async quarantine(tuple: Tuple): Promise<void> {
    const file = await SpoolFile.create(
      path.join(this.#options.directory, `refused-${Date.now()}-${this.#next++}.rows`),
    )
    await file.append([tuple])
    await file.close()
  }

  /** Ends the spool. What is drained leaves no file; what is not waits for the next process. */
  async close(): Promise<void> {
    while (this.#syncing) await this.#syncing
    const drained = this.#reader && this.#reader.position >= (this.#current?.size ?? Infinity)
    const file = this.#current?.path
    await this.#rotate()
    await this.rewind()
    if (file && drained && this.#segments[0] === file) await rm(file, { force: true })
    this.#lock[Symbol.dispose]()
  }
}

function writeError(error: unknown): AuditError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
  return new AuditError(
    full ? 'ERR_SHOP_AUDIT_SPOOL_FULL' : 'ERR_SHOP_AUDIT_SPOOL_WRITE',
    `the spool could not be written (${code})`,
    { cause: error },
  )
}

/** A new name is only durable once its directory is synced; Windows has no such thing. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
