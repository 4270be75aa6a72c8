/** What this package needs of a PostgreSQL client: `pg`'s Pool, Client and PoolClient fit as they are. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A table name with an optional schema, each part quoted. */
export function tableName(name: string): string {
  return name.split('.').map(identifier).join('.')
}
