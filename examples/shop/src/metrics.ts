import {
  businessMetrics,
  observeShop,
  pgMetrics,
  pgServerMetrics,
  runtimeMetrics,
  type BusinessMetrics,
} from '@shop/metrics'
import type pg from 'pg'

import type { Payments } from './payments/client.ts'

/** What the shop counts of its trade; everything else measures itself. */
export interface Metrics extends BusinessMetrics, Disposable {}

/** Measures Node, the database, its pool and the stock, and what the other packages tell on their channels. */
export function startMetrics(pool: pg.Pool): Metrics {
  const measuring = new DisposableStack()
  measuring.use(runtimeMetrics())
  measuring.use(observeShop())
  measuring.use(pgMetrics(pool, { poolName: 'shop' }))
  measuring.use(pgServerMetrics(pool, { interval: '2s' }))
  const readOutOfStock = async (): Promise<number> => {
    const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from products where stock = 0')
    return rows[0]!.n
  }
  return { ...businessMetrics({ readOutOfStock }), [Symbol.dispose]: () => measuring.dispose() }
}

/** Payments whose outcome and duration are counted. */
export function measured(payments: Payments, metrics: BusinessMetrics): Payments {
  return {
    async begin(payment) {
      const started = performance.now()
      try {
        const begun = await payments.begin(payment)
        metrics.payments.inc({ provider: 'stripe', outcome: 'succeeded' })
        metrics.checkoutSteps.inc({ step: 'payment', outcome: 'ok' })
        return begun
      } catch (error) {
        metrics.payments.inc({ provider: 'stripe', outcome: 'error' })
        metrics.checkoutSteps.inc({ step: 'payment', outcome: 'failed' })
        throw error
      } finally {
        metrics.paymentDuration.observe({ provider: 'stripe' }, (performance.now() - started) / 1000)
      }
    },
  }
}
