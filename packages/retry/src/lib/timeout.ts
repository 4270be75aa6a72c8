import type { Piece } from './compile.ts'
import { type Duration } from './duration.ts'
import { duration } from './options.ts'
import { Strategy } from './strategy.ts'

/** A limit of each attempt. */
export class Timeout extends Strategy {
  readonly piece: Piece

  constructor(perAttempt: Duration) {
    super()
    this.piece = { kind: 'timeout', ms: duration(1, '24h', 1)('timeout', perAttempt) }
  }
}

/**
 * Limits each attempt. An attempt that takes longer fails with `ERR_SHOP_RETRY_TIMEOUT`, which may be retried when the request is
 * idempotent: it may have been processed.
 * @throws `ERR_SHOP_RETRY_OPTION` outside 1 ms to 24 h
 */
export function timeout(perAttempt: Duration): Timeout {
  return new Timeout(perAttempt)
}
