import { randomUUID } from 'node:crypto'

import type { Duration } from '../duration.ts'
import { callback, duration, integer, readOptions } from '../options.ts'
import type { Claim, ClaimOptions, IdempotencyStore } from './store.ts'

/** How much {@link memoryStore} keeps. */
export interface MemoryStoreOptions {
  /** How long a completed key is remembered. @default '24h' */
  readonly ttl?: Duration
  /** How many keys at most; the oldest completed ones are forgotten first. @default 10000 */
  readonly max?: number
  /** Milliseconds of the wall clock. @default Date.now */
  readonly now?: () => number
}

interface Entry {
  readonly key: string
  readonly fingerprint: string
  readonly token: string
  until: number
  done: boolean
  result: unknown
}

/**
 * Keeps keys in this process: for tests, and for a single instance that may forget on restart. At least once: what a killed
 * process did is not remembered.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function memoryStore(options?: MemoryStoreOptions): IdempotencyStore {
  const read = readOptions('memoryStore', options, {
    ttl: duration(1, '8760h', '24h'),
    max: integer(1, 10_000_000, 10_000),
    now: callback<() => number>(),
  })
  const clock = read.now ?? Date.now
  const byKey = new Map<string, Entry>()
  const byToken = new Map<string, Entry>()
  const forget = (entry: Entry): void => {
    byKey.delete(entry.key)
    byToken.delete(entry.token)
  }
  const makeRoom = (now: number): void => {
    for (const entry of byKey.values()) {
      if (byKey.size < read.max) return
      if (entry.done || entry.until <= now) forget(entry)
    }
  }
  return {
    claim(key: string, { fingerprint, lease }: ClaimOptions): Claim {
      const now = clock()
      const entry = byKey.get(key)
      if (entry && entry.until > now) {
        if (entry.fingerprint !== fingerprint) return { state: 'mismatch' }
        return entry.done ? { state: 'completed', result: entry.result } : { state: 'in-flight' }
      }
      if (entry) forget(entry)
      if (byKey.size >= read.max) makeRoom(now)
      // every key in flight: refusing is honest, forgetting one would run it twice
      if (byKey.size >= read.max) return { state: 'in-flight' }
      const token = randomUUID()
      const claimed: Entry = { key, fingerprint, token, until: now + lease, done: false, result: undefined }
      byKey.set(key, claimed)
      byToken.set(token, claimed)
      return { state: 'claimed', token }
    },
    complete(token: string, result?: unknown): void {
      const entry = byToken.get(token)
      if (!entry) return
      entry.done = true
      entry.result = result
      entry.until = clock() + read.ttl
    },
    release(token: string): void {
      const entry = byToken.get(token)
      if (entry && !entry.done) forget(entry)
    },
  }
}
