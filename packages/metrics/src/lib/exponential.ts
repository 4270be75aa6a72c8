const MAX_SCHEMA = 8
const MIN_SCHEMA = -4

/** A run of neighbouring exponential buckets: the first index, and the counts from there. */
export interface BucketRun {
  readonly start: number
  readonly counts: readonly number[]
}

/**
 * The buckets of a native histogram: bucket `i` of schema `s` counts values in `(2^((i-1)/2^s), 2^(i/2^s)]`, as
 * Prometheus defines it. Kept as one window of at most `maxBuckets`; a value that does not fit halves the resolution
 * of all of them, so memory is bounded whatever is observed (OpenTelemetry's exponential histogram does the same).
 */
export class ExponentialBuckets {
  readonly #max: number
  #counts: Float64Array
  #start = 0
  #length = 0
  schema: number

  constructor(schema: number, maxBuckets: number) {
    this.schema = schema
    this.#max = maxBuckets
    this.#counts = new Float64Array(maxBuckets)
  }

  /** Counts a positive number. */
  add(value: number): void {
    let index = this.#indexOf(value)
    while (this.#length > 0 && !this.#fits(index) && this.schema > MIN_SCHEMA) {
      this.coarsen(this.schema - 1)
      index = this.#indexOf(value)
    }
    this.#addAt(index, 1)
  }

  /** Joins the buckets of another histogram, at the coarser schema of the two. */
  merge(schema: number, run: BucketRun): void {
    if (schema < this.schema) this.coarsen(schema)
    for (const [i, count] of run.counts.entries()) {
      if (count === 0) continue
      let index = coarser(run.start + i, schema - this.schema)
      while (this.#length > 0 && !this.#fits(index) && this.schema > MIN_SCHEMA) {
        this.coarsen(this.schema - 1)
        index = coarser(run.start + i, schema - this.schema)
      }
      this.#addAt(index, count)
    }
  }

  /** Merges neighbours until the buckets have this schema. */
  coarsen(schema: number): void {
    const by = this.schema - schema
    this.schema = schema
    if (this.#length === 0 || by <= 0) return
    const start = coarser(this.#start, by)
    const counts = new Float64Array(this.#max)
    for (let i = 0; i < this.#length; i++) counts[coarser(this.#start + i, by) - start]! += this.#counts[i]!
    this.#length = coarser(this.#start + this.#length - 1, by) - start + 1
    this.#start = start
    this.#counts = counts
  }

  run(): BucketRun {
    return { start: this.#start, counts: [...this.#counts.subarray(0, this.#length)] }
  }

  clear(): void {
    this.#counts.fill(0)
    this.#length = 0
  }

  #fits(index: number): boolean {
    return Math.max(this.#start + this.#length - 1, index) - Math.min(this.#start, index) < this.#max
  }

  #addAt(wanted: number, count: number): void {
    if (this.#length === 0) {
      this.#start = wanted
      this.#length = 1
      this.#counts[0] = count
      return
    }
    // at the coarsest schema a value beyond the window is counted at its edge
    const low = this.#start + this.#length - this.#max
    const index = Math.min(Math.max(wanted, low), this.#start + this.#max - 1)
    if (index < this.#start) {
      const by = this.#start - index
      this.#counts.copyWithin(by, 0, this.#length)
      this.#counts.fill(0, 0, by)
      this.#start = index
      this.#length += by
    }
    this.#length = Math.max(this.#length, index - this.#start + 1)
    this.#counts[index - this.#start]! += count
  }

  #indexOf(value: number): number {
    const index = Math.ceil(Math.log2(value) * 2 ** this.schema)
    return index === 0 ? 0 : index // no -0
  }
}

/** The index of the bucket that holds bucket `index` after the resolution fell `by` steps. */
function coarser(index: number, by: number): number {
  return Math.ceil(index / 2 ** by) || 0
}

/** The schema a growth factor between neighbouring buckets asks for: 1.1 gives 2, as in client_golang. */
export function schemaOf(factor: number): number {
  const halvings = -Math.floor(Math.log2(Math.log2(factor)))
  return Math.min(Math.max(halvings, MIN_SCHEMA), MAX_SCHEMA) || 0
}
