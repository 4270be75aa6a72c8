import { randomUUID } from 'node:crypto'

import type { Claim, ClaimOptions, ClaimStore } from './claim-store.ts'
import { type Duration, milliseconds } from './duration.ts'
import { SecurityError } from './errors.ts'
import { integer, knownOptions } from './options.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** The most keys kept; the oldest completed one goes first, one in flight never. @default 10000 */
  readonly size?: number
  /** How long a completed key is kept. @default '3d' */
  readonly retention?: Duration
  /** Milliseconds now. @default Date.now */
  readonly now?: () => number
}

interface Entry {
  readonly fingerprint: string
  token: string
  until: number
  completed: boolean
  result?: unknown
}

/**
 * Claims in the memory of this process: for one process and for tests. A restart forgets them, so what they guard is
 * done at least once, not exactly once.
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_DURATION
 */
export function memoryStore(options: MemoryStoreOptions = {}): ClaimStore {
  knownOptions('memoryStore()', options, ['size', 'retention', 'now'])
  const size = integer('size', options.size, 10_000, [1, 10_000_000])
  const retention = milliseconds('retention', options.retention ?? '3d')
  const now = options.now ?? Date.now
  const entries = new Map<string, Entry>()
  const keys = new Map<string, string>()
  const positions = new Map<string, number>()

  function makeRoom(): void {
    if (entries.size < size) return
    for (const [key, entry] of entries) {
      if (!entry.completed && entry.until > now()) continue
      forget(key, entry)
      return
    }
    throw new SecurityError(
      'ERR_SHOP_SECURITY_STORE_FULL',
      `memoryStore() holds ${size} claims, and all of them are in flight.`,
    )
  }

  function forget(key: string, entry: Entry): void {
    entries.delete(key)
    keys.delete(entry.token)
  }

  function held(token: string): { key: string; entry: Entry } | undefined {
    const key = keys.get(token)
    const entry = key === undefined ? undefined : entries.get(key)
    return key !== undefined && entry?.token === token && !entry.completed ? { key, entry } : undefined
  }

  function claim(key: string, { fingerprint, lease }: ClaimOptions): Claim {
    const entry = entries.get(key)
    if (entry && entry.until > now()) {
      if (entry.fingerprint !== fingerprint) return { state: 'mismatch' }
      return entry.completed ? { state: 'completed', result: entry.result } : { state: 'in-flight' }
    }
    if (entry && !entry.completed && entry.fingerprint !== fingerprint) return { state: 'mismatch' }
    if (entry) forget(key, entry)
    else makeRoom()
    const token = randomUUID()
    entries.set(key, { fingerprint, token, until: now() + lease, completed: false })
    keys.set(token, key)
    return { state: 'claimed', token }
  }

  return {
    // async, so that a full store rejects as any other store's failure does
    claim: async (key, options) => claim(key, options),
    async complete(token, result) {
      const found = held(token)
      if (!found)
        throw new SecurityError(
          'ERR_SHOP_SECURITY_CLAIM',
          'complete(): this claim’s lease ran out and another took over.',
        )
      // to the young end of the map, where the longest-lived belong
      entries.delete(found.key)
      entries.set(found.key, Object.assign(found.entry, { completed: true, until: now() + retention, result }))
    },
    async release(token) {
      const found = held(token)
      if (found) forget(found.key, found.entry)
    },
    async advance(key, position) {
      const before = positions.get(key)
      if (before !== undefined && before > position) return false
      positions.delete(key)
      if (positions.size >= size) positions.delete(positions.keys().next().value!)
      positions.set(key, position)
      return true
    },
  }
}
