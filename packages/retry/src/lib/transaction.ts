import { backoff } from './backoff.ts'
import { classify } from './classify.ts'
import type { Duration } from './duration.ts'
import { RetryError } from './errors.ts'
import { duration, integer, oneOf, readOptions } from './options.ts'
import { pause } from './pause.ts'

/** What is used of a `pg` client. */
export interface TransactionClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount?: number | null }>
  on?(event: 'error', listener: (error: Error) => void): unknown
  removeListener?(event: 'error', listener: (error: Error) => void): unknown
}

/** What is used of a `pg` pool. */
export interface TransactionPool<C extends TransactionClient = TransactionClient> {
  connect(): Promise<C & { release(error?: Error | boolean): void }>
}

/** How {@link retryTransaction} runs. */
export interface TransactionOptions {
  /** @default 'serializable' */
  readonly isolation?: 'serializable' | 'repeatable read' | 'read committed'
  /** How often the transaction is run at most. @default 10 */
  readonly attempts?: number
  /** The first step of the backoff. @default '5ms' */
  readonly base?: Duration
  /** The longest step. @default '500ms' */
  readonly max?: Duration
  /** Ends the waiting between two runs. */
  readonly signal?: AbortSignal
}

/**
 * Runs a whole transaction, again when PostgreSQL rolled it back for a reason that passes: a serialization failure, a deadlock, a
 * lock that was not free, a connection lost before COMMIT. The function must do nothing outside the transaction.
 * @throws `ERR_SHOP_RETRY_OUTCOME_UNKNOWN` when the connection was lost during COMMIT: it may have happened, so it is not run again
 */
export async function retryTransaction<T, C extends TransactionClient>(
  pool: TransactionPool<C>,
  work: (client: C) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> {
  const { signal, ...rest } = options ?? {}
  const read = readOptions('retryTransaction', rest, {
    isolation: oneOf(['serializable', 'repeatable read', 'read committed'], 'serializable'),
    attempts: integer(1, 100, 10),
    base: duration(0, '1m', '5ms'),
    max: duration(0, '10m', '500ms'),
  })
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await runOnce(pool, work, read.isolation)
    } catch (error) {
      if (attempt >= read.attempts || !rolledBack(error)) throw error
    }
    await pause(backoff({ ...read, factor: 2, jitter: 'full' }, attempt, 0, Math.random), signal)
  }
}

async function runOnce<T, C extends TransactionClient>(
  pool: TransactionPool<C>,
  work: (client: C) => Promise<T>,
  isolation: string,
): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  // a connection that dies between two queries tells it by an event, which without a listener ends the process
  const died = (error: Error): void => {
    broken = error
  }
  client.on?.('error', died)
  try {
    await client.query(`begin isolation level ${isolation}`)
    const value = await work(client)
    await commit(client)
    return value
  } catch (error) {
    // a client whose rollback fails is not given back to the pool alive
    await client.query('rollback').catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error('rollback failed', { cause: failure })
    })
    throw error
  } finally {
    client.removeListener?.('error', died)
    client.release(broken)
  }
}

async function commit(client: TransactionClient): Promise<void> {
  try {
    await client.query('commit')
  } catch (error) {
    // an answer of the server says that it was not committed; no answer says nothing
    const answered = typeof (error as { severity?: unknown }).severity === 'string' && classify(error).row !== '08007'
    if (answered && !classify(error).row.startsWith('57P')) throw error
    throw new RetryError(
      'ERR_SHOP_RETRY_OUTCOME_UNKNOWN',
      'the connection was lost during COMMIT; the transaction may have happened',
      {
        cause: error,
      },
    )
  }
}

/** What `pg` says, without any code, of a connection that is gone. */
const LOST = /connection terminated|connection error and is not queryable|client was closed/i

/** Before COMMIT a lost connection means a rollback, so what "may have been processed" has not been. */
function rolledBack(error: unknown): boolean {
  const { domain, retry } = classify(error)
  if (retry === 'always') return true
  if (domain === 'postgres' || domain === 'network') return retry === 'idempotent'
  return LOST.test((error as Error | undefined)?.message ?? '')
}
