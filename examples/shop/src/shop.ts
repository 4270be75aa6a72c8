import type { Policy } from '@shop/middleware'
import type { Cache } from '@shop/pg-optimizations'
import { htmlSanitizer, type HtmlSanitizer } from '@shop/security-middleware/sanitize'
import type { Logger } from 'pino'

import { categories, type Category } from './catalogue.ts'
import type { Config } from './config.ts'
import { createDatabase, createPool, requireDatabase, type Database } from './database.ts'
import { createLog } from './log.ts'
import { createMailer, type Mailer } from './mailer.ts'
import { migrate } from './migrate.ts'
import { createPipelines } from './pipelines.ts'
import { openCache, optimize, startFolding } from './optimizations.ts'
import { createPayments, type Payments } from './payments/client.ts'
import { measured, startMetrics, type Metrics } from './metrics.ts'
import { policies } from './policies.ts'
import { openTrail, type Trail } from './trail.ts'
import { createDeliveries } from './webhook.ts'

/** What the handlers work with: one of each, made at boot. */
export interface Shop extends AsyncDisposable {
  readonly config: Config
  readonly db: Database
  readonly payments: Payments
  readonly mailer: Mailer
  readonly metrics: Metrics
  readonly log: Logger
  /** Who did what. */
  readonly trail: Trail
  /** Makes the HTML of reviews harmless. */
  readonly markup: HtmlSanitizer
  readonly cache: Cache
  readonly categories: readonly Category[]
  /** What both apps hand to `protect(...)`, in order. */
  readonly policies: readonly Policy[]
}

/** @throws {BootError} when PostgreSQL refuses or its migrations are not whole */
export async function createShop(config: Config, log: Logger = createLog()): Promise<Shop> {
  await requireDatabase(config.DATABASE_URL)
  await using resources = new AsyncDisposableStack()
  const pool = resources.adopt(createPool(config.DATABASE_URL), (it) => it.end())
  const metrics = resources.use(startMetrics(pool))
  const through = resources.use(createPipelines())
  await migrate(pool)
  await optimize(config.DATABASE_URL)
  resources.use(startFolding(pool))
  const deliveries = await createDeliveries(pool)
  const db = createDatabase(pool, through.database)
  const shop = {
    config,
    db,
    metrics,
    log,
    trail: resources.use(await openTrail(config)),
    payments: measured(createPayments(config.PAYMENT_URL, config.PAYMENT_KEY, through.payments), metrics),
    mailer: resources.adopt(createMailer(config.SMTP_URL, through.mail), (it) => it.close()),
    markup: resources.use(htmlSanitizer({ allow: 'review' })),
    cache: resources.use(openCache(pool)),
    categories: await categories(db),
    policies: policies(config, deliveries, log),
  }
  const kept = resources.move()
  return { ...shop, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
