import { apply, createCache, defineMapping, PgOptimizationsError, type Cache } from '@shop/pg-optimizations'
import type pg from 'pg'

import { BootError } from './boot-error.ts'

/** Not the default `shop`: a role of that name, as the demo's, would find this schema before `public`. */
const schema = 'fast'
/** The shop's tables and columns have the names the assets expect; yours may differ, and are named here. */
const mapping = defineMapping({ schema })
const assets = ['browse', 'orders', 'search', 'sales', 'inventory', 'cache']

/**
 * Indexes, product documents, live sales and stock, and the cache's table, applied online; what is there already stays.
 * @throws {BootError} saying what is in the way
 */
export async function optimize(url: string, onProgress?: (part: number, step: string) => void): Promise<void> {
  try {
    await apply({
      connect: url,
      mapping,
      assets,
      ...(onProgress && {
        onProgress: ({ step, number, of }) => onProgress(number / of, `${step.asset} ${step.name}`),
      }),
    })
  } catch (error) {
    if (error instanceof PgOptimizationsError) throw new BootError(error.message, { cause: error })
    throw error
  }
}

export const openCache = (pool: pg.Pool): Cache => createCache({ pool, schema })

/** Folds what was sold since into the roll-ups, now and then; whoever reads them sees it before that too. */
export function startFolding(pool: pg.Pool, every = 5_000): Disposable {
  const timer = setInterval(() => {
    // another process may be at it, and the next turn comes soon
    pool.query('select fast.fold()').catch(() => {})
  }, every)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
