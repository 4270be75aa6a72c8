import { PgOptimizationsError } from './errors.ts'

/**
 * What the assets know of a shop: four entities and their columns, with the name each column has unless you say
 * otherwise. A column marked optional may be mapped to `false`: what needs it is then left out.
 */
export const MODEL: Model = {
  products: {
    id: { name: 'id', type: 'any' },
    name: { name: 'name', type: 'text' },
    category: { name: 'category_id', type: 'any' },
    price: { name: 'price_cents', type: 'number' },
    description: { name: 'description', type: 'text', optional: true },
    brand: { name: 'brand', type: 'text', optional: true },
    rating: { name: 'rating', type: 'number', optional: true },
    active: { name: 'active', type: 'boolean', optional: true },
    stock: { name: 'stock', type: 'number', optional: true },
  },
  categories: {
    id: { name: 'id', type: 'any' },
    name: { name: 'name', type: 'text' },
    section: { name: 'section', type: 'text', optional: true },
  },
  orders: {
    id: { name: 'id', type: 'any' },
    customer: { name: 'customer_id', type: 'any' },
    status: { name: 'status', type: 'any' },
    createdAt: { name: 'created_at', type: 'time' },
    total: { name: 'total_cents', type: 'number', optional: true },
  },
  items: {
    order: { name: 'order_id', type: 'any' },
    product: { name: 'product_id', type: 'any' },
    quantity: { name: 'quantity', type: 'number' },
    unitPrice: { name: 'unit_cents', type: 'number' },
  },
} as const

/** What kind of type a column must have. */
export type ColumnKind = 'any' | 'text' | 'number' | 'boolean' | 'time'

interface Model {
  readonly products: Columned<
    'id' | 'name' | 'category' | 'price',
    'description' | 'brand' | 'rating' | 'active' | 'stock'
  >
  readonly categories: Columned<'id' | 'name', 'section'>
  readonly orders: Columned<'id' | 'customer' | 'status' | 'createdAt', 'total'>
  readonly items: Columned<'order' | 'product' | 'quantity' | 'unitPrice', never>
}

type Columned<Required extends string, Optional extends string> = Readonly<
  Record<Required, ColumnModel & { readonly optional?: never }> &
    Record<Optional, ColumnModel & { readonly optional: true }>
>

interface ColumnModel {
  readonly name: string
  readonly type: ColumnKind
  readonly optional?: true | undefined
}

export type Entity = keyof typeof MODEL
type Columns<E extends Entity> = {
  readonly [C in keyof (typeof MODEL)[E]]?: string | ((typeof MODEL)[E][C] extends { optional: true } ? false : never)
}

/** One entity: its table (with schema where it is not on the search path), and the columns whose names differ. */
export type EntityMapping<E extends Entity> = { readonly table?: string } & Columns<E>

export interface MappingOptions {
  readonly products?: EntityMapping<'products'>
  readonly categories?: EntityMapping<'categories'>
  readonly orders?: EntityMapping<'orders'> & {
    /** The states in which an order counts as a sale. @default ['paid', 'shipped', 'delivered'] */
    readonly counted?: readonly string[]
    /**
     * Columns that the list of a customer's orders shows beside id and date: they are kept in its index, and the list is
     * read from there alone. Each update that changes one then writes to all indexes of the table. @default []
     */
    readonly listed?: readonly string[]
  }
  readonly items?: EntityMapping<'items'>
  /** The schema all objects of this package live in, indexes excepted. @default 'shop' */
  readonly schema?: string
  /** Where a day of sales begins and ends. @default 'UTC' */
  readonly timeZone?: string
  /** The text search configuration of product texts. @default 'english' */
  readonly language?: 'english' | 'french' | 'simple'
  /**
   * Take in tables with row level security. What is derived from them (search documents, sales, stock) has none: whoever may
   * read this schema then knows of every row. Not for tables that several tenants share. @default false
   */
  readonly dangerouslyIgnoreRowSecurity?: boolean
}

/** A checked mapping; see {@link defineMapping}. */
export interface Mapping {
  readonly schema: string
  readonly timeZone: string
  readonly language: 'english' | 'french' | 'simple'
  readonly counted: readonly string[]
  readonly listed: readonly string[]
  readonly dangerouslyIgnoreRowSecurity: boolean
  readonly entities: Readonly<
    Record<Entity, { readonly table: string; readonly columns: Readonly<Record<string, string | false>> }>
  >
}

/** What is longer, PostgreSQL cuts off. */
const NAME_BYTES = 63

const TOP = ['schema', 'timeZone', 'language', 'dangerouslyIgnoreRowSecurity', ...Object.keys(MODEL)]

/**
 * Says which of your tables and columns are the shop's products, categories, orders and order items. Only what differs
 * from the names in {@link MODEL} has to be given.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_MAPPING`
 * @example defineMapping({ products: { table: 'catalog.items', id: 'sku', price: 'amount_cents', rating: false } })
 */
export function defineMapping(options: MappingOptions = {}): Mapping {
  known('mapping', options, TOP)
  const entities = Object.fromEntries(
    (Object.keys(MODEL) as Entity[]).map((entity) => {
      const given: Record<string, unknown> = { ...options[entity] }
      const model: Record<string, ColumnModel> = MODEL[entity]
      known(entity, given, ['table', ...(entity === 'orders' ? ['counted', 'listed'] : []), ...Object.keys(model)])
      const table = given['table'] ?? (entity === 'items' ? 'order_items' : entity)
      if (!isName(table, 2 * NAME_BYTES + 1))
        throw refused(`${entity}.table`, table, "a table's name, with or without its schema")
      const columns = Object.entries(model).map(([column, { name, optional }]) => {
        const value = given[column] ?? name
        if (value === false && optional) return [column, false] as const
        if (!isName(value))
          throw refused(`${entity}.${column}`, value, optional ? "a column's name, or false" : "a column's name")
        return [column, value] as const
      })
      return [entity, { table, columns: Object.fromEntries(columns) }]
    }),
  ) as Mapping['entities']
  const { schema = 'shop', timeZone = 'UTC', language = 'english', dangerouslyIgnoreRowSecurity = false } = options
  const { counted = ['paid', 'shipped', 'delivered'], listed = [] } = options.orders ?? {}
  if (!isName(schema) || schema.startsWith('pg_'))
    throw refused('schema', schema, `a schema's name of at most ${NAME_BYTES} bytes, not beginning with pg_`)
  if (!Intl.supportedValuesOf('timeZone').includes(timeZone) && timeZone !== 'UTC')
    throw refused('timeZone', timeZone, 'an IANA time zone')
  if (!['english', 'french', 'simple'].includes(language))
    throw refused('language', language, "'english', 'french' or 'simple'")
  if (typeof dangerouslyIgnoreRowSecurity !== 'boolean')
    throw refused('dangerouslyIgnoreRowSecurity', dangerouslyIgnoreRowSecurity, 'true or false')
  if (!Array.isArray(counted) || counted.length === 0 || !counted.every((state) => typeof state === 'string')) {
    throw refused('orders.counted', counted, 'a list of at least one state')
  }
  const { id, customer, createdAt } = entities.orders.columns
  if (
    !Array.isArray(listed) ||
    !listed.every((name) => isName(name)) ||
    new Set([...listed, id, customer, createdAt]).size < listed.length + 3
  )
    throw refused('orders.listed', listed, 'columns beside id, customer and createdAt, each once')
  return Object.freeze({ schema, timeZone, language, counted, listed, dangerouslyIgnoreRowSecurity, entities })
}

function known(where: string, given: object, allowed: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (!allowed.includes(key)) {
      throw new PgOptimizationsError(
        'ERR_SHOP_PG_MAPPING',
        `${where}: unknown member ${JSON.stringify(key)}; allowed: ${allowed.join(', ')}`,
      )
    }
  }
}

function isName(value: unknown, bytes = NAME_BYTES): value is string {
  return typeof value === 'string' && value.length > 0 && Buffer.byteLength(value) <= bytes && !value.includes('\0')
}

function refused(where: string, value: unknown, expected: string): PgOptimizationsError {
  return new PgOptimizationsError(
    'ERR_SHOP_PG_MAPPING',
    `${where}: expected ${expected}, received ${JSON.stringify(value)}`,
  )
}
