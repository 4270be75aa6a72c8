import type { Policy } from '@shop/middleware'

import { categories, type Category } from './catalogue.ts'
import type { Config } from './config.ts'
import { createDatabase, createPool, requireDatabase, type Database } from './database.ts'
import { createMailer, type Mailer } from './mailer.ts'
import { migrate } from './migrate.ts'
import { createPayments, type Payments } from './payments/client.ts'
import { policies } from './policies.ts'

/** What the handlers work with: one of each, made at boot. */
export interface Shop extends AsyncDisposable {
  readonly config: Config
  readonly db: Database
  readonly payments: Payments
  readonly mailer: Mailer
  readonly categories: readonly Category[]
  /** What both apps hand to `protect(...)`, in order. */
  readonly policies: readonly Policy[]
}

/** @throws {BootError} when PostgreSQL refuses or its migrations are not whole */
export async function createShop(config: Config): Promise<Shop> {
  await requireDatabase(config.DATABASE_URL)
  const pool = createPool(config.DATABASE_URL)
  try {
    await migrate(pool)
    const db = createDatabase(pool)
    const mailer = createMailer(config.SMTP_URL)
    return {
      config,
      db,
      mailer,
      payments: createPayments(config.PAYMENT_URL, config.PAYMENT_KEY),
      categories: await categories(db),
      policies: policies(config),
      async [Symbol.asyncDispose]() {
        mailer.close()
        await pool.end()
      },
    }
  } catch (error) {
    await pool.end()
    throw error
  }
}
