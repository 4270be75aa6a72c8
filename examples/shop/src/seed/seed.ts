import type pg from 'pg'

import { seedCustomers } from './customers.ts'
import { seedOrders } from './orders.ts'
import { seedProducts } from './products.ts'
import type { Progress } from './progress.ts'
import { seedReviews } from './reviews.ts'

/** How much data to make. */
export interface Sizes {
  readonly products: number
  readonly orders: number
}

/** Fills an empty, migrated shop. The same sizes give the same shop, with its last order placed just now. */
export async function seed(pool: pg.Pool, sizes: Sizes, progress?: Progress): Promise<void> {
  const customers = Math.max(10, Math.ceil(sizes.orders / 5))
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select setseed(0.42)')
    const steps = [
      ['products', () => seedProducts(client, sizes.products)],
      ['customers', () => seedCustomers(client, customers)],
      ['orders', () => seedOrders(client, { ...sizes, customers })],
      ['reviews', () => seedReviews(client)],
      ['statistics', () => client.query('analyze')],
    ] as const
    for (const [i, [label, step]] of steps.entries()) {
      progress?.at(i / steps.length, label)
      await step()
    }
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    progress?.end()
    client.release()
  }
}
