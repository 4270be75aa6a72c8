/** Running sums over the last calls, or over the last while: adding is O(1), reading is a field. */
export interface Window {
  readonly total: number
  readonly failed: number
  readonly slow: number
  add(failed: boolean, slow: boolean, now: number): void
  clear(): void
}

const FAILED = 1
const SLOW = 2

/** The last `size` calls, one byte each in a ring. */
export class CountWindow implements Window {
  total = 0
  failed = 0
  slow = 0
  readonly #ring: Uint8Array
  #at = 0

  constructor(size: number) {
    this.#ring = new Uint8Array(size)
  }

  add(failed: boolean, slow: boolean): void {
    const ring = this.#ring
    if (this.total === ring.length) {
      const old = ring[this.#at]!
      this.failed -= old & FAILED
      this.slow -= (old & SLOW) >> 1
    } else this.total++
    ring[this.#at] = (failed ? FAILED : 0) | (slow ? SLOW : 0)
    this.failed += failed ? 1 : 0
    this.slow += slow ? 1 : 0
    if (++this.#at === ring.length) this.#at = 0
  }

  clear(): void {
    this.total = this.failed = this.slow = this.#at = 0
  }
}

const BUCKETS = 16

/** The last `ms` milliseconds in sixteen buckets of three counters each; memory does not grow with the calls. */
export class TimeWindow implements Window {
  total = 0
  failed = 0
  slow = 0
  readonly #counts: Float64Array = new Float64Array(BUCKETS * 3)
  readonly #bucketMs: number
  #bucket = -1

  constructor(ms: number) {
    this.#bucketMs = ms / BUCKETS
  }

  add(failed: boolean, slow: boolean, now: number): void {
    this.advance(now)
    const at = (this.#bucket % BUCKETS) * 3
    const counts = this.#counts
    counts[at]!++
    this.total++
    if (failed) {
      counts[at + 1]!++
      this.failed++
    }
    if (slow) {
      counts[at + 2]!++
      this.slow++
    }
  }

  /** Drops what has grown too old. */
  advance(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs)
    if (bucket <= this.#bucket) return
    const counts = this.#counts
    for (let index = Math.max(this.#bucket + 1, bucket - BUCKETS + 1); index <= bucket; index++) {
      const at = (index % BUCKETS) * 3
      this.total -= counts[at]!
      this.failed -= counts[at + 1]!
      this.slow -= counts[at + 2]!
      counts[at] = counts[at + 1] = counts[at + 2] = 0
    }
    this.#bucket = bucket
  }

  clear(): void {
    this.#counts.fill(0)
    this.total = this.failed = this.slow = 0
  }
}
