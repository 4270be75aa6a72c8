import { randomUUID } from 'node:crypto'

import type { EventMac } from './mac.ts'
import type { PreparedEvent } from './prepare.ts'
import { encodeEvent, type Tuple } from './tuple.ts'

/**
 * A writer's events, each carrying the hash of the one before: whoever removes or exchanges one breaks the next.
 * A chain that lost an event (the database or the disk refused it) is left, and a new one begun.
 */
export class Chain {
  readonly #mac: EventMac | undefined
  #writer: string = randomUUID()
  #seq = 0
  #prev = ''

  constructor(mac: EventMac | undefined) {
    this.#mac = mac
  }

  /** Links and encodes the next event. */
  link(event: PreparedEvent): Tuple {
    const seq = this.#seq + 1
    const link = { prev: this.#prev, seq, writer: this.#writer }
    const { tuple, leaf } = encodeEvent(event, link, this.#mac)
    this.#seq = seq
    this.#prev = leaf.toString('base64url')
    return tuple
  }

  /** Begins a new chain under a new writer's id. */
  restart(): void {
    this.#writer = randomUUID()
    this.#seq = 0
    this.#prev = ''
  }
}
