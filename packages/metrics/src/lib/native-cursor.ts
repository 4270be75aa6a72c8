import type { NativeDelta } from './cluster-message.ts'
import { type BucketRun, ExponentialBuckets } from './exponential.ts'

interface NativeNow {
  readonly positive: ExponentialBuckets
  readonly negative: ExponentialBuckets
  readonly zero: number
}

/** What of a native histogram was told already, so that the next telling holds the rest. */
export class NativeCursor {
  readonly #positive: ExponentialBuckets
  readonly #negative: ExponentialBuckets
  #zero = 0

  constructor({ schema, maxBuckets }: { readonly schema: number; readonly maxBuckets: number }) {
    this.#positive = new ExponentialBuckets(schema, maxBuckets)
    this.#negative = new ExponentialBuckets(schema, maxBuckets)
  }

  delta(now: NativeNow, reset: boolean): NativeDelta {
    if (reset) {
      this.#positive.clear()
      this.#negative.clear()
      this.#zero = 0
    }
    const schema = now.positive.schema
    const positive = risen(this.#positive, now.positive)
    const negative = risen(this.#negative, now.negative)
    const zero = now.zero - this.#zero
    this.#zero = now.zero
    return { schema, zero, positive, negative }
  }
}

function risen(told: ExponentialBuckets, now: ExponentialBuckets): BucketRun {
  told.coarsen(now.schema)
  const before = told.run()
  const { start, counts } = now.run()
  const delta = counts.map((count, i) => count - (before.counts[start + i - before.start] ?? 0))
  told.merge(now.schema, { start, counts: delta })
  return { start, counts: delta }
}
