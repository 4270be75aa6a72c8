import { businessMetrics, observeShop, pgMetrics, runtimeMetrics, type BusinessMetrics } from '@shop/metrics'
import type pg from 'pg'

/** What the shop counts of its trade; everything else measures itself. */
export interface Metrics extends BusinessMetrics, Disposable {}

/** Measures Node, the database pool, and what the other packages tell on their channels. */
export function startMetrics(pool: pg.Pool): Metrics {
  const measuring = new DisposableStack()
  measuring.use(runtimeMetrics())
  measuring.use(observeShop())
  measuring.use(pgMetrics(pool))
  return { ...businessMetrics(), [Symbol.dispose]: () => measuring.dispose() }
}
