interface Entry<T> {
  readonly key: string
  readonly value: T
  readonly bytes: number
  readonly until: number
  used: boolean
}

/**
 * A map bounded in entries and bytes. What goes is chosen by SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024): a
 * hand goes from the oldest entry to the newest and over again, takes the first that was not read since it last came by, and
 * leaves all where they are; so a read sets one bit, and what is never read again does not drive out what is.
 */
export class Sieve<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #maxEntries: number
  readonly #maxBytes: number
  readonly #now: () => number
  // a map's iterator keeps its place while entries come and go
  #hand = this.#entries.values()
  #bytes = 0

  constructor(maxEntries: number, maxBytes: number, now: () => number) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
    this.#now = now
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): Entry<T> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.until <= this.#now()) {
      this.#remove(entry)
      return undefined
    }
    entry.used = true
    return entry
  }

  /** What is written again is the newest, and as used as it was. */
  set(key: string, value: T, bytes: number, until: number): void {
    const old = this.#entries.get(key)
    if (old !== undefined) this.#remove(old)
    if (bytes > this.#maxBytes || this.#maxEntries === 0) return
    while (this.#entries.size >= this.#maxEntries || this.#bytes + bytes > this.#maxBytes) this.#evict()
    this.#entries.set(key, { key, value, bytes, until, used: old?.used ?? false })
    this.#bytes += bytes
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#remove(entry)
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #remove(entry: Entry<T>): void {
    this.#entries.delete(entry.key)
    this.#bytes -= entry.bytes
  }

  #evict(): void {
    for (;;) {
      const { value: entry, done } = this.#hand.next()
      if (done) this.#hand = this.#entries.values()
      else if (entry.used) entry.used = false
      else return this.#remove(entry)
    }
  }
}
