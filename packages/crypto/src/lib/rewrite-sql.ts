import { CryptoError } from './errors.ts'
import { identifier, tableName } from './queryable.ts'
import type { Queryable } from './queryable.ts'

/** The statements that rewrite one column. */
export interface RewriteSql {
  /** Rows still to do after a key, in key order. Parameters: the last key's parts, the limit. */
  readonly next: (after: readonly string[] | undefined) => string
  /** How many rows are still to do. */
  readonly count: string
  /** Compare and swap of a batch. Parameters: an array per key part, old values, fresh values, one array per extra column. */
  readonly swap: string
}

/** What to rewrite. */
export interface RewriteTarget {
  readonly table: string
  readonly column: string
  readonly key: readonly string[]
  readonly tenant: string | undefined
  readonly extra: readonly string[]
  /** An SQL condition on `t` for rows still to do. */
  readonly todo: string
}

/** Key types whose text form is the same in PostgreSQL and in a context. */
const keyTypes = ['smallint', 'integer', 'bigint', 'text', 'character varying', 'uuid']

/** Builds the statements, after a look at the table. @throws ERR_SHOP_CRYPTO_REENCRYPT */
export async function rewriteSql(client: Queryable, target: RewriteTarget): Promise<RewriteSql> {
  const { table, column, key, tenant, extra, todo } = target
  const types = await columnTypes(client, table)
  for (const name of [column, ...key, ...(tenant === undefined ? [] : [tenant]), ...extra])
    if (!types.has(name)) throw new CryptoError('ERR_SHOP_CRYPTO_REENCRYPT', `table ${table} has no column ${name}`)
  const keyTypesHere = key.map((name) => (types.get(name) as string).replace(/\(.*/, ''))
  for (const [i, type] of keyTypesHere.entries())
    if (!keyTypes.includes(type))
      throw new CryptoError(
        'ERR_SHOP_CRYPTO_REENCRYPT',
        `key column ${key[i]} is of type ${type}; it must be one of ${keyTypes.join(', ')}`,
      )
  if (!(await isUnique(client, table, key)))
    throw new CryptoError(
      'ERR_SHOP_CRYPTO_REENCRYPT',
      `${key.join(', ')} is neither the primary key of ${table} nor unique and not null`,
    )

  const t = tableName(table)
  const col = `t.${identifier(column)}`
  const keys = key.map((name) => `t.${identifier(name)}`)
  const fresh = [column, ...extra]
  return {
    count: `select count(*)::text as count from ${t} as t where ${col} is not null and ${todo}`,
    next: (after) => `select array[${keys.map((name) => `${name}::text`).join(', ')}] as key, ${col}::text as value${
      tenant === undefined ? '' : `, t.${identifier(tenant)}::text as tenant`
    }
      from ${t} as t where ${col} is not null and ${todo}
      ${after === undefined ? '' : `and (${keys.join(', ')}) > (${keyTypesHere.map((type, i) => `$${i + 1}::${type}`).join(', ')})`}
      order by ${keys.join(', ')} limit $${(after?.length ?? 0) + 1}`,
    // rows that others hold are left for a later pass instead of being waited for
    swap: `with fresh as (
        select * from unnest(${[...keyTypesHere, 'text', ...fresh.map(() => 'text')].map((type, i) => `$${i + 1}::${type}[]`).join(', ')})
          as n(${[...key.map((_, i) => `k${i}`), 'old', ...fresh.map((_, i) => `f${i}`)].join(', ')})
      ), held as materialized (
        select t.ctid as place, fresh.* from fresh join ${t} as t on ${keys.map((name, i) => `${name} = fresh.k${i}`).join(' and ')}
        where ${col}::text = fresh.old for update of t skip locked
      )
      update ${t} as t set ${fresh.map((name, i) => `${identifier(name)} = held.f${i}`).join(', ')} from held where t.ctid = held.place`,
  }
}

async function columnTypes(client: Queryable, table: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query(
    `select attname, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
    [tableName(table)],
  )
  if (rows.length === 0) throw new CryptoError('ERR_SHOP_CRYPTO_REENCRYPT', `there is no table ${table}`)
  return new Map((rows as { attname: string; type: string }[]).map((row) => [row.attname, row.type]))
}

async function isUnique(client: Queryable, table: string, key: readonly string[]): Promise<boolean> {
  const { rows } = await client.query(
    `select 1 from pg_index i where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
       and (select array_agg(a.attname::text order by a.attname) from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any(i.indkey) and a.attnotnull)
         = (select array_agg(n order by n) from unnest($2::text[]) as n)
       and i.indnkeyatts = cardinality($2::text[])`,
    [tableName(table), key],
  )
  return rows.length > 0
}
