import { CryptoError } from './errors.ts'

/** One index, as the planner sees it. */
export interface IndexSize {
  readonly name: string
  /** How many different values there are to index, after the transform; of a compound, how many combinations. */
  readonly values: number
  /** Width in bits. Left out, the planner gives it its share of what is safe. */
  readonly bits?: number | undefined
}

/** What the planner decided for one index. */
export interface PlannedIndex {
  readonly name: string
  readonly bits: number
  /** Rows a search finds on average, most of them by coincidence: decrypt them and keep those that match. */
  readonly candidates: number
}

/** Fewer values than this have a frequency each that gives them away, whatever the width: booleans, enums, countries. */
export const fewestValues = 1000

/**
 * Plans the blind indexes of one table. An index is a hint that leaks as many bits of a row as it has; wide enough, it names the
 * row. All indexes of a row add up, so together they must leave at least two rows that look alike, on average:
 * `rows / 2^sum(min(bits, log2(values))) >= 2` (the coincidence count of CipherSweet's planner).
 * @throws ERR_SHOP_CRYPTO_INDEX_UNSAFE
 */
export function planIndexes(rows: number, indexes: readonly IndexSize[]): readonly PlannedIndex[] {
  const total = Math.floor(Math.log2(rows / 2))
  const given = indexes.reduce((sum, index) => sum + (index.bits === undefined ? 0 : leak(index.bits, index.values)), 0)
  const open = indexes.filter((index) => index.bits === undefined).length
  const share = open === 0 ? 0 : Math.floor((total - given) / open)
  const planned = indexes.map(({ name, values, bits = share }) => {
    if (values < fewestValues)
      throw unsafe(
        name,
        `has ${values} values, fewer than ${fewestValues}: their frequencies alone give them away; index them only in a compound with a column of many values`,
      )
    if (bits < 1)
      throw unsafe(name, `is left with less than one bit: ${rows} rows do not carry ${indexes.length} indexes`)
    return { name, bits, candidates: Math.ceil(rows / 2 ** leak(bits, values)) }
  })
  const leaked = planned.reduce((sum, { bits }, i) => sum + leak(bits, (indexes[i] as IndexSize).values), 0)
  if (leaked > total)
    throw unsafe(
      planned.map((index) => index.name).join(' + '),
      `leak ${leaked.toFixed(1)} bits of every row, more than the ${total} that leave two of ${rows} rows alike; take fewer bits`,
    )
  return planned
}

/** An index cannot say more of a value than there is to say. */
function leak(bits: number, values: number): number {
  return Math.min(bits, Math.log2(values))
}

function unsafe(name: string, what: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_INDEX_UNSAFE', `blind index ${name} ${what}`)
}
