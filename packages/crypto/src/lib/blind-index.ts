import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { blindMac } from './blind-mac.ts'
import type { PlannedIndex } from './index-plan.ts'
import { planIndexes } from './index-plan.ts'
import type { Keyset } from './keyset.ts'
import { checkNames, optionError, wholeNumber } from './options.ts'
import { pae } from './pae.ts'
import { transforms } from './transforms.ts'
import type { Transform, TransformName } from './transforms.ts'

/** One blind index. A compound lists several columns: it finds rows that match in all of them. */
export interface BlindIndexOptions {
  /** Columns, and what becomes of their values first. */
  readonly columns: Readonly<Record<string, TransformName | Transform>>
  /** How many different values (combinations) there are, after the transforms. Estimate low: it is what safety is judged by. */
  readonly values: number
  /** Width, 1 to 256. @default the planner's share */
  readonly bits?: number
  /**
   * Keeps this index out of the planner: it may then name single rows, and its values' frequencies show. For what must be unique
   * and has far more possible values than anyone can try.
   * @default false
   */
  readonly dangerouslyUnplanned?: boolean
}

/** The blind indexes of one table. */
export interface BlindIndexesOptions<Name extends string> {
  /** Index keys are derived from its keys. Primary writes; primary and enabled are searched, so that rotation needs no downtime. */
  readonly keyset: Keyset
  readonly table: string
  /** How many rows the table is planned for. Fewer make the indexes less safe: plan for what you have, not what you hope for. */
  readonly rows: number
  readonly indexes: Readonly<Record<Name, BlindIndexOptions>>
}

/** The values of an index's columns. */
export type IndexValues = Readonly<Record<string, string>>

/** One ready index. */
export interface BlindIndex {
  readonly bits: number
  /** Rows a search finds on average, most of them by coincidence. */
  readonly candidates: number
  /** What to store beside the row. */
  write(values: IndexValues, tenant?: string): string
  /** What to search for: `WHERE phone_idx = ANY($1)`. Decrypt what it finds and keep what matches. */
  search(values: IndexValues, tenant?: string): string[]
  /** Marks what `write` gives now: `WHERE phone_idx NOT LIKE prefix || '%'` is what rotation still has to rewrite. */
  currentPrefix(): string
}

const optionNames = ['keyset', 'table', 'rows', 'indexes']
const indexOptionNames = ['columns', 'values', 'bits', 'dangerouslyUnplanned']

/**
 * Makes the blind indexes of a table, or refuses them.
 * @throws ERR_SHOP_CRYPTO_OPTION, ERR_SHOP_CRYPTO_INDEX_UNSAFE
 */
export function createBlindIndexes<const Name extends string>(
  options: BlindIndexesOptions<Name>,
): Readonly<Record<Name, BlindIndex>> {
  checkNames('createBlindIndexes', options, optionNames)
  const { keyset, table } = options
  if (typeof table !== 'string' || table === '')
    throw optionError('createBlindIndexes', 'table', 'must be a non-empty string')
  const rows = wholeNumber('createBlindIndexes', 'rows', options.rows, 0, 1, Number.MAX_SAFE_INTEGER)
  const entries = Object.entries<BlindIndexOptions>(options.indexes)
  for (const [name, index] of entries) checkIndex(name, index)
  const planned = new Map(
    planIndexes(
      rows,
      entries
        .filter(([, index]) => !index.dangerouslyUnplanned)
        .map(([name, { values, bits }]) => ({ name, values, bits })),
    ).map((plan) => [plan.name, plan]),
  )
  return Object.fromEntries(
    entries.map(([name, index]) => {
      const { values, bits = 256 } = index
      return [
        name,
        blindIndex(
          keyset,
          table,
          name,
          index,
          planned.get(name) ?? { name, bits, candidates: Math.ceil(rows / values) },
        ),
      ]
    }),
  ) as Record<Name, BlindIndex>
}

function checkIndex(name: string, index: BlindIndexOptions): void {
  const where = `createBlindIndexes: indexes.${name}`
  checkNames(where, index, indexOptionNames)
  wholeNumber(where, 'bits', index.bits, 1, 1, 256)
  if (!(index.values >= 1)) throw optionError(where, 'values', 'must be a number from 1')
  const columns = Object.entries(index.columns ?? {})
  if (columns.length === 0) throw optionError(where, 'columns', 'must name at least one column')
  for (const [column, transform] of columns) {
    if (typeof transform !== 'function' && !Object.hasOwn(transforms, transform))
      throw optionError(
        where,
        `columns.${column}`,
        `must be a function or one of ${Object.keys(transforms).join(', ')}`,
      )
  }
}

function blindIndex(
  keyset: Keyset,
  table: string,
  name: string,
  index: BlindIndexOptions,
  plan: PlannedIndex,
): BlindIndex {
  const columns = Object.entries(index.columns).map(
    ([column, transform]) => [column, typeof transform === 'function' ? transform : transforms[transform]] as const,
  )
  const keys = new WeakMap<object, KeyObject>()
  const keyOf = (suites: NonNullable<Keyset['primary']['suites']>): KeyObject => {
    const key = keys.get(suites) ?? createSecretKey(suites.derive('blind index'))
    keys.set(suites, key)
    return key
  }
  const compute = ({ id, suites }: Keyset['primary'], values: IndexValues, tenant: string): string => {
    const pieces = columns.flatMap(([column, transform]) => {
      const value = values[column]
      if (typeof value !== 'string') throw optionError(`blind index ${name}`, column, 'must be a string')
      return [column, transform(value)]
    })
    keyset.assertAvailable()
    const message = pae(['shop/i1', tenant, table, name, String(id), ...pieces])
    return (
      prefixOf(id) +
      truncate(blindMac(keyOf(suites as NonNullable<typeof suites>), message), plan.bits).toString('base64url')
    )
  }
  return {
    bits: plan.bits,
    candidates: plan.candidates,
    write: (values, tenant = '') => compute(keyset.primary, values, tenant),
    search: (values, tenant = '') =>
      [...keyset.keys]
        .filter((key) => key.state === 'primary' || key.state === 'enabled')
        .map((key) => compute(key, values, tenant)),
    currentPrefix: () => prefixOf(keyset.primary.id),
  }
}

/** `i1.`, the key id in base64url, and a dot. */
function prefixOf(id: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(id)
  return `i1.${bytes.toString('base64url')}.`
}

function truncate(mac: Buffer, bits: number): Buffer {
  const short = Buffer.from(mac.subarray(0, Math.ceil(bits / 8)))
  const spare = short.length * 8 - bits
  short[short.length - 1] = (short[short.length - 1] as number) & (0xff << spare)
  return short
}
