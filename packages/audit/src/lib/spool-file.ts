import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

import type { Tuple } from './tuple.ts'

/** First bytes of a segment: name and version of the format. */
const MAGIC = Buffer.from('SHOPAUD1')

/** Bytes before every row: its length and its CRC-32. */
const HEAD = 8

function blockBytes(tuples: readonly Tuple[]): number {
  return tuples.reduce((sum, tuple) => sum + HEAD + tuple.length, 0)
}

/** One file of the spool, only ever appended to. What was synced is what counts; a torn tail is cut. */
export class SpoolFile {
  readonly path: string
  readonly #handle: FileHandle
  #size: number

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
    this.#size = MAGIC.length
  }

  static async create(path: string): Promise<SpoolFile> {
    const handle = await open(path, 'wx', 0o600)
    const file = new SpoolFile(path, handle)
    try {
      await handle.write(MAGIC, 0, MAGIC.length, 0)
      await handle.datasync()
    } catch (error) {
      await handle.close()
      throw error
    }
    return file
  }

  /** Bytes that are synced. */
  get size(): number {
    return this.#size
  }

  /** Appends rows and syncs them to the disk. On failure none of them counts, and the file takes no more. */
  async append(tuples: readonly Tuple[]): Promise<void> {
    const block = Buffer.allocUnsafe(blockBytes(tuples))
    let at = 0
    for (const tuple of tuples) {
      block.writeUInt32BE(tuple.length, at)
      block.writeUInt32BE(crc32(tuple), at + 4)
      tuple.copy(block, at + HEAD)
      at += HEAD + tuple.length
    }
    try {
      for (let done = 0; done < block.length;) {
        const { bytesWritten } = await this.#handle.write(block, done, block.length - done, this.#size + done)
        done += bytesWritten
      }
      await this.#handle.datasync()
    } catch (error) {
      await this.#handle.truncate(this.#size).catch(() => {}) // a tail that stays is cut by its CRC or is a duplicate
      throw error
    }
    this.#size += block.length
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

/** Reads rows from a segment, a chunk at a time, so that a spool of any length is read in bounded memory. */
export class SpoolReader {
  readonly path: string
  readonly #handle: FileHandle
  #at: number = MAGIC.length

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  static async open(path: string): Promise<SpoolReader> {
    return new SpoolReader(path, await open(path, 'r'))
  }

  /** Where the next row begins. */
  get position(): number {
    return this.#at
  }

  /** The next rows before `end`: up to `rows` of them and about `bytes`; none at the end or at a torn tail. */
  async next(end: number, rows: number, bytes: number): Promise<Tuple[]> {
    const tuples: Tuple[] = []
    let chunk = await this.#read(Math.min(bytes, end - this.#at))
    let at = 0
    while (tuples.length < rows && at + HEAD <= chunk.length) {
      const length = chunk.readUInt32BE(at)
      if (length === 0 || this.#at + at + HEAD + length > end) break
      if (at + HEAD + length > chunk.length) {
        if (tuples.length > 0) break
        chunk = await this.#read(HEAD + length) // one row longer than a chunk
        if (chunk.length < HEAD + length) break
      }
      const tuple = chunk.subarray(at + HEAD, at + HEAD + length)
      if (crc32(tuple) !== chunk.readUInt32BE(at + 4)) break
      tuples.push(tuple)
      at += HEAD + length
    }
    this.#at += at
    return tuples
  }

  /** Whether what cannot be read at the position lies before `end`: not a torn tail, which was never acknowledged, but damage. */
  async isDamaged(end: number): Promise<boolean> {
    const head = await this.#read(Math.min(HEAD, end - this.#at))
    return head.length === HEAD && this.#at + HEAD + head.readUInt32BE(0) < end
  }

  async #read(length: number): Promise<Buffer> {
    const chunk = Buffer.allocUnsafe(Math.max(0, length))
    const { bytesRead } = await this.#handle.read(chunk, 0, chunk.length, this.#at)
    return chunk.subarray(0, bytesRead)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
