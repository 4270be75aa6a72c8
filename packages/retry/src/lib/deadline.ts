import type { Piece } from './compile.ts'
import { type Duration } from './duration.ts'
import { duration } from './options.ts'
import { Strategy } from './strategy.ts'

/** A limit of the whole call, attempts and waiting included. */
export class Deadline extends Strategy {
  readonly piece: Piece

  constructor(total: Duration) {
    super()
    this.piece = { kind: 'deadline', ms: duration(1, '24h', 1)('deadline', total) }
  }
}

/**
 * Limits the whole call: attempts, backoff and waiting together. When the time is up the call rejects with
 * `ERR_SHOP_RETRY_DEADLINE` and the attempt's signal is aborted.
 * @throws `ERR_SHOP_RETRY_OPTION` outside 1 ms to 24 h
 */
export function deadline(total: Duration): Deadline {
  return new Deadline(total)
}
