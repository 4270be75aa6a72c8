import type { ClientBase, QueryConfig, QueryResult } from 'pg'

import { canCopy, copyBytes, copyIn } from './copy-in.ts'
import { type Tuple, tupleArrays, tupleColumns, tupleFields } from './tuple.ts'

/** The statements that put events in the table; `one` and `many` leave an id that is already there as it is. */
export interface InsertStatements {
  readonly one: string
  readonly many: string
  /** Begins a transaction and asks for its position. */
  readonly begin: string
  /** Fails at an id that is already there; commits otherwise. */
  readonly copy: string
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
    begin: `begin; select ${position} as position`,
    copy: `copy ${schema}.events (${names}, xid) from stdin (format binary); commit`,
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

/** Fewer rows than this are not worth the second round trip. */
const COPY_ROWS = 100

/**
 * Inserts tuples that in all likelihood are not there yet, all or none. COPY costs the server less than any INSERT, but
 * refuses a whole batch for one id it has: then, after a crash, and for whatever else it refuses, the INSERT decides.
 */
export async function copyTuples(
  client: ClientBase,
  statements: InsertStatements,
  tuples: readonly Tuple[],
  timeout: number,
): Promise<void> {
  if (tuples.length >= COPY_ROWS && canCopy(client)) {
    const begin: QueryConfig & { query_timeout: number } = { text: statements.begin, query_timeout: timeout }
    const results = (await client.query(begin)) as unknown as readonly QueryResult<{ position: string }>[]
    try {
      await copyIn(client, statements.copy, copyBytes(tuples, BigInt(results[1]!.rows[0]!.position)), timeout)
      return
    } catch (error) {
      const answered = typeof (error as { severity?: unknown }).severity === 'string'
      if (!answered) throw error // the connection is lost or late, and the commit may have been
      await client.query('rollback')
    }
  }
  await insertTuples(client, statements, tuples, timeout)
}
