import { adaptiveLimit } from './limit.ts'
import { breaker } from './breaker.ts'
import { deadline } from './deadline.ts'
import type { Duration } from './duration.ts'
import { retry } from './retry.ts'
import type { Strategy } from './strategy.ts'
import { timeout } from './timeout.ts'
import { duration, flag, readOptions } from './options.ts'

/** The little that {@link standard} must be told. */
export interface StandardOptions {
  /** How long the caller waits in all. @default '2s' */
  readonly deadline?: Duration
  /** How long one attempt may take. @default '500ms' */
  readonly timeout?: Duration
  /** Whether repeating the call is harmless. @default false */
  readonly idempotent?: boolean
}

/**
 * The configuration the simulator is tuned with, for a dependency nobody has measured yet: deadline, retry with a budget, adaptive
 * limit, breaker, timeout, all with their defaults. Not for calls that take minutes: their deadline is another.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function standard(options?: StandardOptions): Strategy[] {
  const read = readOptions('standard', options, {
    deadline: duration(1, '24h', '2s'),
    timeout: duration(1, '24h', '500ms'),
    idempotent: flag(false),
  })
  return [
    deadline(read.deadline),
    retry({ idempotent: read.idempotent }),
    adaptiveLimit(),
    breaker(),
    timeout(read.timeout),
  ]
}
