import type { Exemplar } from './exemplar.ts'
import type { BucketRun } from './exponential.ts'

/** The primary asks for what changed since it last asked. */
export interface Ask {
  readonly type: 'shop-metrics:ask'
  /** Whoever asks under a new one knows nothing yet: the worker tells everything from the beginning. */
  readonly session: string
  readonly ask: number
}

/** A family a worker has, told once. */
export interface FamilyDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram' | 'foreign'
  readonly name: string
  readonly help: string
  /** The type of a foreign family. */
  readonly type: string
  readonly aggregator: string
  readonly labelNames: readonly string[]
  readonly maxSeries: number
  readonly bounds?: readonly number[]
  readonly native?: { readonly schema: number; readonly maxBuckets: number; readonly zeroThreshold: number }
}

/** A series a worker has, told once: the index of its family, and its label values; a foreign one's labels and name. */
export type SeriesDefinition = readonly [
  family: number,
  labels: readonly string[] | Readonly<Record<string, string>> | null,
  metricName?: string,
]

/**
 * What changed in a worker. Families and series are numbered in the order they were told; `rows` are
 * `series, how many numbers, numbers…`: a gauge's value, how much a counter rose, how much a histogram's sum and
 * buckets rose.
 */
export interface Changed {
  readonly families: readonly FamilyDefinition[]
  readonly series: readonly SeriesDefinition[]
  readonly rows: readonly (number | string)[]
  readonly natives: readonly (readonly [series: number, NativeDelta])[]
  readonly exemplars: readonly (readonly [series: number, bucket: number, Exemplar])[]
}

/** A worker's answer. */
export interface Told extends Changed {
  readonly type: 'shop-metrics:told'
  readonly session: string
  readonly ask: number
}

/** What a native histogram saw since the last answer. */
export interface NativeDelta {
  readonly schema: number
  readonly zero: number
  readonly positive: BucketRun
  readonly negative: BucketRun
}

/** JSON knows no NaN and no infinities. */
export function packed(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}
