import type { ClientBase } from 'pg'

/** What this package needs of a connection: `pg`'s Client and PoolClient, and PGlite's adapter, have it. */
export type Connection = Pick<ClientBase, 'query'>

/** An identifier as SQL takes it, whatever is in it. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string as SQL takes it, under either setting of standard_conforming_strings. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** The dollar quote that nothing in a text ends. */
export function dollarQuote(text: string): string {
  let quote = '$$'
  for (let n = 1; text.includes(quote); n++) quote = `$shop${n}$`
  return quote
}

/** All rows of a query. */
export async function rows<T>(connection: Connection, text: string, values: readonly unknown[] = []): Promise<T[]> {
  const result = await connection.query(text, values as unknown[])
  return result.rows as T[]
}

/** The first row of a query that has one. */
export async function row<T>(connection: Connection, text: string, values: readonly unknown[] = []): Promise<T> {
  const [first] = await rows<T>(connection, text, values)
  return first!
}

/** The SQLSTATE of an error of the server. */
export function sqlState(error: unknown): string | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}
