import { AuditError } from './errors.ts'
import { HASH_BYTES, nodeHash, perfectSubtrees, rootOf, splitPoint } from './merkle.ts'

/** Leaves under one full tile, as in C2SP tlog-tiles: a tree of height 8. */
export const TILE_WIDTH = 256
const TILE_HEIGHT = 8

/**
 * The tree as it is stored: level 0 holds leaf hashes, level 1 the roots of full level-0 tiles, and so on.
 * A tile is up to 256 hashes side by side; only the last of a level is ever rewritten.
 */
export interface Tile {
  readonly level: number
  readonly index: number
  readonly hashes: Uint8Array
}

/** Reads one tile; the implementation decides where from and what it keeps. */
export type TileReader = (level: number, index: number) => Promise<Uint8Array>

/** The right edge of a growing tree: the last, partial tile of every level. It is all an append needs. */
export class RightEdge {
  #size: number
  readonly #levels: Uint8Array[][]

  private constructor(size: number, levels: Uint8Array[][]) {
    this.#size = size
    this.#levels = levels
  }

  /** Loads the edge of a tree of `size` leaves. */
  static async load(size: number, read: TileReader): Promise<RightEdge> {
    const levels: Uint8Array[][] = []
    for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
      const rest = count % TILE_WIDTH
      levels.push(rest === 0 ? [] : split(await read(level, Math.floor(count / TILE_WIDTH))).slice(0, rest))
    }
    return new RightEdge(size, levels)
  }

  get size(): number {
    return this.#size
  }

  /** Appends leaf hashes and returns every tile that is new or changed. */
  append(leaves: readonly Uint8Array[]): Tile[] {
    const tiles: Tile[] = []
    this.#push(0, this.#size, leaves, tiles)
    this.#size += leaves.length
    return tiles
  }

  #push(level: number, before: number, hashes: readonly Uint8Array[], tiles: Tile[]): void {
    if (hashes.length === 0) return
    const edge = (this.#levels[level] ??= [])
    const full: Uint8Array[] = []
    let index = Math.floor(before / TILE_WIDTH)
    const firstFull = index
    for (let at = 0; at < hashes.length;) {
      const room = TILE_WIDTH - edge.length
      edge.push(...hashes.slice(at, at + room))
      at += room
      tiles.push({ level, index, hashes: Buffer.concat(edge) })
      if (edge.length < TILE_WIDTH) break
      full.push(rootOf(edge))
      edge.length = 0
      index++
    }
    this.#push(level + 1, firstFull, full, tiles)
  }

  /** The RFC 6962 root of the whole tree; the tree must not be empty. */
  root(): Buffer {
    const subtrees: Uint8Array[] = []
    for (let level = this.#levels.length - 1; level >= 0; level--)
      subtrees.push(...perfectSubtrees(this.#levels[level]!))
    let root = subtrees[subtrees.length - 1]!
    for (let i = subtrees.length - 2; i >= 0; i--) root = nodeHash(subtrees[i]!, root)
    return Buffer.from(root)
  }
}

/** A copy of the hashes of one tile. */
export function split(tile: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < tile.length; at += HASH_BYTES) hashes.push(tile.slice(at, at + HASH_BYTES))
  return hashes
}

/** Proofs and roots out of stored tiles; every answer reads a handful of them. */
export class TileTree {
  readonly #size: number
  readonly #read: TileReader

  constructor(size: number, read: TileReader) {
    this.#size = size
    this.#read = read
  }

  /** The root the tree had at `size` leaves. @throws ERR_SHOP_AUDIT_SIZE */
  root(size: number): Promise<Buffer> {
    this.#inside(size, 'size', 1, this.#size)
    return this.#range(0, size)
  }

  /** RFC 6962 section 2.1.1, the audit path. @throws ERR_SHOP_AUDIT_SIZE */
  async inclusionProof(index: number, size: number): Promise<Buffer[]> {
    this.#inside(size, 'size', 1, this.#size)
    this.#inside(index, 'index', 0, size - 1)
    const path: Buffer[] = []
    let start = 0
    let end = size
    while (end - start > 1) {
      const middle = start + splitPoint(end - start)
      if (index < middle) {
        path.push(await this.#range(middle, end))
        end = middle
      } else {
        path.push(await this.#range(start, middle))
        start = middle
      }
    }
    return path.reverse()
  }

  /** RFC 6962 section 2.1.2. @throws ERR_SHOP_AUDIT_SIZE */
  async consistencyProof(size1: number, size2: number): Promise<Buffer[]> {
    this.#inside(size2, 'size2', 1, this.#size)
    this.#inside(size1, 'size1', 1, size2)
    const path: Buffer[] = []
    let start = 0
    let end = size2
    let whole = true
    while (size1 !== end) {
      const middle = start + splitPoint(end - start)
      if (size1 <= middle) {
        path.push(await this.#range(middle, end))
        end = middle
      } else {
        path.push(await this.#range(start, middle))
        start = middle
        whole = false
      }
    }
    if (!whole) path.push(await this.#range(start, end))
    return path.reverse()
  }

  #inside(value: number, name: string, low: number, high: number): void {
    if (Number.isSafeInteger(value) && value >= low && value <= high) return
    throw new AuditError('ERR_SHOP_AUDIT_SIZE', `${name} is ${value}; expected ${low} to ${high}, the sealed tree`)
  }

  /** The hash over leaves `[start, end)`; `start` is aligned as RFC 6962 splits. */
  async #range(start: number, end: number): Promise<Buffer> {
    const width = end - start
    const height = Math.log2(width)
    if (Number.isInteger(height)) return this.#node(height, start / width)
    const middle = start + splitPoint(width)
    return nodeHash(await this.#range(start, middle), await this.#range(middle, end))
  }

  async #node(height: number, index: number): Promise<Buffer> {
    const level = Math.floor(height / TILE_HEIGHT)
    const width = 2 ** (height % TILE_HEIGHT)
    const first = index * width
    const tile = await this.#read(level, Math.floor(first / TILE_WIDTH))
    const offset = (first % TILE_WIDTH) * HASH_BYTES
    return rootOf(split(tile.subarray(offset, offset + width * HASH_BYTES)))
  }
}
