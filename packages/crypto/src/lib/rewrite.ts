import { setTimeout as sleep } from 'node:timers/promises'
import type { FieldContext } from './context.ts'
import { CryptoError, DecryptionError } from './errors.ts'
import { wholeNumber } from './options.ts'
import type { Queryable } from './queryable.ts'
import { rewriteSql } from './rewrite-sql.ts'
import type { RewriteSql } from './rewrite-sql.ts'
import { Throttle } from './throttle.ts'

/** How a column is rewritten, whatever is rewritten in it. */
export interface RewriteOptions {
  /** A pool of `pg`; with a single client reading and writing take turns. */
  readonly client: Queryable
  /** With its schema where that is not on the search path. */
  readonly table: string
  readonly column: string
  /** The primary key's columns, in the order of the context's `row`. */
  readonly key: string | readonly string[]
  /** The column that holds the context's tenant. @default none */
  readonly tenant?: string | undefined
  /** The table's name in the context. @default `table` without its schema */
  readonly contextTable?: string | undefined
  /** Rows per statement. @default 1000 */
  readonly batch?: number | undefined
  /** Reads, decrypts and counts, and writes nothing. @default false */
  readonly dryRun?: boolean | undefined
  /** The run pauses while more sessions than this wait for locks. @default 5 */
  readonly maxLockWaits?: number | undefined
  /** The run pauses while a standby is behind by more seconds than this. @default 10 */
  readonly maxLagSeconds?: number | undefined
  /** Told after every batch. */
  readonly onProgress?: ((progress: RewriteProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** How far a run is. */
export interface RewriteProgress {
  readonly done: number
  readonly failed: number
  /** Rows to do when the run began. */
  readonly total: number
}

/** What a run did. */
export interface RewriteReport {
  /** Rows rewritten; in a dry run, rows that would be. */
  readonly done: number
  /** Rows that did not decrypt, or were not what they should be. They are as they were. */
  readonly failed: number
  /** Keys of the first twenty of them. */
  readonly failedKeys: readonly string[]
  /** Times somebody else wrote a row first, or held it: it was left to them, and looked at again. */
  readonly conflicts: number
  /** Rows still to do at the end, the failed ones included. */
  readonly left: number
  readonly seconds: number
}

/** What a value becomes; `undefined` when it is not what this run rewrites. Extra columns follow in order. */
export type Convert = (
  value: string,
  context: FieldContext,
) => readonly [fresh: string, ...extra: (string | null)[]] | undefined

interface Job {
  readonly todo: string
  readonly extra: readonly string[]
  readonly convert: Convert
}

interface Found {
  readonly key: string[]
  readonly value: string
  readonly tenant?: string
}

/** Passes in a row that change nothing before a run gives up on rows that others hold. */
const maxIdlePasses = 12

/**
 * Rewrites every row that `todo` selects, in key order, a batch per statement, each by compare and swap. The rows themselves are
 * the run's memory: a rewritten row is no longer selected, so a run that was killed is simply started again.
 */
export async function rewriteColumn(options: RewriteOptions, job: Job): Promise<RewriteReport> {
  const started = performance.now()
  const { client, table, column, tenant, dryRun = false, signal } = options
  const key = typeof options.key === 'string' ? [options.key] : [...options.key]
  const batch = wholeNumber('reencrypt', 'batch', options.batch, 1000, 1, 10_000)
  const throttle = new Throttle(client, {
    maxLockWaits: wholeNumber('reencrypt', 'maxLockWaits', options.maxLockWaits, 5, 0, 10_000),
    maxLagSeconds: wholeNumber('reencrypt', 'maxLagSeconds', options.maxLagSeconds, 10, 0, 86_400),
    every: 1000,
  })
  const sql = await rewriteSql(client, { table, column, key, tenant, extra: job.extra, todo: job.todo })
  const contextTable = contextTableOf(options)
  const total = await count(client, sql)
  let failed = 0
  let failedKeys: string[] = []
  let done = 0
  let conflicts = 0

  const convertRow = (row: Found): readonly (string | null)[] | undefined => {
    const context = {
      tenant: row.tenant,
      table: contextTable,
      column,
      row: row.key.length === 1 ? (row.key[0] as string) : row.key,
    }
    try {
      return job.convert(row.value, context)
    } catch (error) {
      if (error instanceof DecryptionError) return undefined
      throw error
    }
  }
  const rewriteBatch = async (rows: readonly Found[]): Promise<number> => {
    const changes: (readonly [row: Found, fresh: readonly (string | null)[]])[] = []
    for (const row of rows) {
      const fresh = convertRow(row)
      if (fresh !== undefined) changes.push([row, fresh])
      else if (failed++ < 20) failedKeys.push(row.key.join(', '))
    }
    if (changes.length === 0) return 0
    if (dryRun) return changes.length
    const { rowCount } = await client.query(sql.swap, [
      ...key.map((_, i) => changes.map(([row]) => row.key[i])),
      changes.map(([row]) => row.value),
      ...[column, ...job.extra].map((_, i) => changes.map(([, fresh]) => fresh[i])),
    ])
    conflicts += changes.length - (rowCount ?? 0)
    return rowCount ?? 0
  }
  /** One way through the table. @returns how many rows it changed */
  const pass = async (): Promise<number> => {
    let changed = 0
    let rows = await read(client, sql, undefined, batch)
    while (rows.length > 0) {
      signal?.throwIfAborted()
      await throttle.pass(signal)
      // the next batch is read while this one is written
      const following = rows.length < batch ? Promise.resolve([]) : read(client, sql, rows.at(-1)?.key, batch)
      following.catch(() => {})
      const now = await rewriteBatch(rows)
      changed += now
      done += now
      options.onProgress?.({ done, failed, total })
      rows = await following
    }
    return changed
  }

  let left = total
  for (let idle = 0; left > 0;) {
    failed = 0
    failedKeys = []
    const changed = await pass()
    if (dryRun) break
    left = await count(client, sql)
    if (left <= failed) break
    idle = changed === 0 ? idle + 1 : 0
    if (idle === maxIdlePasses) break
    if (idle > 0) await sleep(Math.min(50 * idle, 500), undefined, signal ? { signal } : {})
  }
  return {
    done,
    failed,
    failedKeys,
    conflicts,
    left,
    seconds: (performance.now() - started) / 1000,
  }
}

async function read(
  client: Queryable,
  sql: RewriteSql,
  after: readonly string[] | undefined,
  batch: number,
): Promise<Found[]> {
  const { rows } = await client.query(sql.next(after), [...(after ?? []), batch])
  return rows as Found[]
}

async function count(client: Queryable, sql: RewriteSql): Promise<number> {
  const { rows } = await client.query(sql.count)
  return Number((rows[0] as { count: string }).count)
}

/** The table's name in the context. */
export function contextTableOf({ table, contextTable }: Pick<RewriteOptions, 'table' | 'contextTable'>): string {
  return contextTable ?? (table.split('.').at(-1) as string)
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  if (text.includes('\0'))
    throw new CryptoError('ERR_SHOP_CRYPTO_REENCRYPT', 'a text with a NUL byte cannot be searched for')
  return `'${text.replaceAll("'", "''")}'`
}
