import type { Piece } from './compile.ts'
import { type Gate, type Priority, Refusal, type Waiter } from './gate.ts'
import { decimal, integer, readOptions } from './options.ts'
import { Strategy } from './strategy.ts'
import { WaitingRoom } from './waiting-room.ts'

/** How many {@link bulkhead} lets in. */
export interface BulkheadOptions {
  /** How many calls run at once. @default 10 */
  readonly limit?: number
  /** How many more may wait. @default 100 */
  readonly queue?: number
  /** The share of places that only `critical` calls may take; `background` calls may take half of the rest. @default 0.1 */
  readonly reserve?: number
}

/** A fixed number of places, given out by priority. */
export class Bulkhead extends Strategy implements Gate {
  readonly piece: Piece
  readonly timed: boolean = false
  readonly #places: Readonly<Record<Priority, number>>
  readonly #room: WaitingRoom
  #name = 'bulkhead'
  #running = 0

  constructor(options?: BulkheadOptions) {
    super()
    const { limit, queue, reserve } = readOptions('bulkhead', options, {
      limit: integer(1, 1_000_000, 10),
      queue: integer(0, 1_000_000, 100),
      reserve: decimal(0, 0.9, 0.1),
    })
    const normal = Math.max(1, Math.floor(limit * (1 - reserve)))
    this.#places = { critical: limit, normal, background: Math.max(1, Math.floor(normal / 2)) }
    this.#room = new WaitingRoom(queue)
    this.piece = { kind: 'bulkhead', gate: this }
  }

  /** How many calls are inside. */
  get running(): number {
    return this.#running
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.#room.size
  }

  attach(pipeline: string): void {
    this.#name = pipeline
  }

  enter(priority: Priority): Refusal | undefined {
    if (this.#running >= this.#places[priority]) return this.#full
    this.#running++
    return undefined
  }

  wait(waiter: Waiter): boolean {
    return this.#room.admit(waiter, () => this.#full)
  }

  forget(waiter: Waiter): void {
    this.#room.remove(waiter)
  }

  leave(): void {
    this.#running--
    const next = this.#room.first()
    if (!next || this.enter(next.priority)) return
    this.#room.remove(next)
    next.granted()
  }

  get #full(): Refusal {
    return new Refusal('limit', 'ERR_SHOP_RETRY_LIMIT', `${this.#name}: the bulkhead is full`)
  }
}

/**
 * Lets a fixed number of calls in at once; the others wait by priority, and the least important leave first when the queue is
 * full. Use it when the number is known (a pool of ten connections); {@link adaptiveLimit} finds it by itself.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function bulkhead(options?: BulkheadOptions): Bulkhead {
  return new Bulkhead(options)
}
