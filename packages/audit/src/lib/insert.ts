import type { ClientBase, QueryConfig } from 'pg'

import { type Tuple, tupleArrays, tupleColumns, tupleFields } from './tuple.ts'

/** The two statements that put events in the table; both leave an id that is already there as it is. */
export interface InsertStatements {
  readonly one: string
  readonly many: string
}

const names = tupleColumns.map((column) => column.name).join(', ')

export function insertStatements(schema: string): InsertStatements {
  // :schema.position() written out, so that it is planned with the statement
  const position = `(select base + pg_current_xact_id()::text::bigint from ${schema}.lineage)`
  const values = tupleColumns.map((column, i) => `$${i + 1}::${column.type}`).join(', ')
  const arrays = tupleColumns.map((column, i) => `$${i + 1}::${column.type}[]`).join(', ')
  return {
    one: `insert into ${schema}.events (${names}, xid) values (${values}, ${position}) on conflict do nothing`,
    many: `insert into ${schema}.events (${names}, xid) select u.*, ${position} from unnest(${arrays}) u on conflict do nothing`,
  }
}

/** Inserts tuples in one statement, so they are there together or not at all. Prepared once per connection. */
export async function insertTuples(
  client: ClientBase,
  statements: InsertStatements,
  tuples: readonly Tuple[],
  timeout?: number,
): Promise<void> {
  const single = tuples.length === 1
  const query: QueryConfig & { query_timeout?: number } = {
    name: single ? 'shop_audit_one' : 'shop_audit_many',
    text: single ? statements.one : statements.many,
    values: single ? tupleFields(tuples[0]!) : tupleArrays(tuples),
  }
  if (timeout !== undefined) query.query_timeout = timeout
  await client.query(query)
}
