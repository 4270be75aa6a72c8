import { type Sample, toNumber } from './openmetrics-line.ts'

/** The suffixes a type's samples may have. */
export const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  summary: ['', '_count', '_sum', '_created'],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  info: ['_info'],
  gauge: [''],
  stateset: [''],
  unknown: [''],
}

const COUNTS = new Set(['_total', '_sum', '_count', '_bucket', '_gcount'])
const WHOLE = new Set(['_bucket', '_count', '_gcount'])

/** What is wrong with one sample of a family, if anything. */
export function sampleFault(family: string, type: string, sample: Sample): string | undefined {
  const { labels, value, exemplar } = sample
  const suffix = sample.name.slice(family.length)
  if (type === 'stateset' && !Object.hasOwn(labels, family)) return 'a state set sample without its label'
  if (type === 'stateset' && value !== 0 && value !== 1) return 'a state set value other than 0 and 1'
  if (type === 'info' && value !== 1) return 'an info value other than 1'
  if (suffix === '_bucket' && type.endsWith('histogram') && !isBound(labels['le']))
    return 'a bucket without a proper le'
  if (type === 'summary' && suffix === '' && !isQuantile(labels['quantile'])) return 'a quantile outside 0 to 1'
  if (type === 'summary' && suffix === '' && value < 0) return 'a negative quantile value'
  if (type === 'gauge' || type === 'unknown' || type === 'info' || type === 'stateset')
    return exemplar && 'an exemplar on this type'
  if ((COUNTS.has(suffix) || suffix === '_gsum') && Number.isNaN(value)) return 'a counter-like value that is no number'
  if (COUNTS.has(suffix) && value < 0) return 'a negative counter-like value'
  if (WHOLE.has(suffix) && !Number.isInteger(value)) return 'a count that is not whole'
  if (exemplar && suffix !== '_bucket' && !(type === 'counter' && suffix === '_total'))
    return 'an exemplar on this sample'
  return undefined
}

function isBound(le: string | undefined): boolean {
  if (le === undefined) return false
  const value = toNumber(le)
  return value === Infinity ? le === '+Inf' : !Number.isNaN(value)
}

function isQuantile(quantile: string | undefined): boolean {
  const value = quantile === undefined ? -1 : toNumber(quantile)
  return value >= 0 && value <= 1
}

/** The labels that hold a metric's samples together, as one key. */
export function groupKey(family: string, type: string, sample: Sample): string {
  if (type === 'info') return ''
  const own = type === 'stateset' ? family : type.endsWith('histogram') ? 'le' : type === 'summary' ? 'quantile' : ''
  return JSON.stringify(
    Object.entries(sample.labels)
      .filter(([name]) => name !== own)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** What is wrong with the buckets, sum and count of one group of a histogram, if anything. */
export function histogramFault(family: string, samples: readonly Sample[]): string | undefined {
  let bound = -Infinity
  let first = true
  let seen = 0
  let negative = false
  const parts = new Map<string, number>()
  for (const sample of samples) {
    const suffix = sample.name.slice(family.length)
    if (suffix !== '_bucket') {
      parts.set(suffix, sample.value)
      continue
    }
    const le = toNumber(sample.labels['le']!)
    if (!first && le <= bound) return 'buckets out of order'
    if (sample.value < seen) return 'bucket counts that fall'
    if (le < 0) negative = true
    first = false
    bound = le
    seen = sample.value
  }
  const count = parts.get('_count') ?? parts.get('_gcount')
  const sum = parts.get('_sum') ?? parts.get('_gsum')
  if (bound !== Infinity) return 'no +Inf bucket'
  if (count !== undefined && count !== seen) return 'a count other than that of the +Inf bucket'
  if ((sum === undefined) !== (count === undefined)) return 'a sum without a count, or the other way round'
  if (negative && parts.has('_sum')) return 'a sum beside negative buckets'
  if (!negative && (parts.get('_gsum') ?? 0) < 0) return 'a negative sum of non-negative buckets'
  return undefined
}
