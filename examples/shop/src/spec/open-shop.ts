import { randomBytes } from 'node:crypto'

import { database, freePort, smtp, type SmtpSink } from '@shop/testkit'
import pg from 'pg'

import { readConfig } from '../config.ts'
import { migrate } from '../migrate.ts'
import { startProvider, type Provider } from '../payments/provider.ts'
import type { Listen } from '../run.ts'
import { seed } from '../seed/seed.ts'
import { newSigningKey } from '../trail.ts'
import { createLog } from '../log.ts'
import { createShop, type Shop } from '../shop.ts'
import { createBrowser, type Browser } from '../traffic/browser.ts'

/** A line of the log, as far as tests look at it. */
export interface LogLine {
  readonly msg: string
  readonly trace_id?: string
  readonly request_id?: string
  readonly [field: string]: unknown
}

/** A small shop, open on a free port of 127.0.0.1, on a database of its own. */
export interface OpenShop extends AsyncDisposable {
  readonly url: string
  readonly shop: Shop
  readonly provider: Provider
  readonly mailbox: SmtpSink
  /** What the shop has logged. */
  readonly lines: readonly LogLine[]
  /** The environment it would be started with. */
  readonly env: Readonly<Record<string, string>>
  /** A browser with an address of its own, so that no test meets another's limits. */
  browser(): Browser
}

export async function openShop(listen: Listen): Promise<OpenShop> {
  await using resources = new AsyncDisposableStack()
  const { url: databaseUrl } = resources.use(await database())
  const provider = resources.use(await startProvider())
  const mailbox = resources.use(await smtp())
  const url = `http://127.0.0.1:${await freePort()}`
  // seeding runs in this process, so the key must be its own as well
  const masterKey = (process.env['MASTER_ENCRYPTION_KEY'] ??= randomBytes(32).toString('hex'))
  const env = {
    MASTER_ENCRYPTION_KEY: masterKey,
    AUDIT_SIGNING_KEY: newSigningKey(),
    PORT: new URL(url).port,
    PUBLIC_URL: url,
    TRUST_PROXY: 'loopback',
    DATABASE_URL: databaseUrl,
    PAYMENT_URL: provider.url,
    PAYMENT_KEY: 'sk_test_0123456789abcdef',
    PAYMENT_WEBHOOK_SECRET: 'whsec_0123456789abcdef',
    SMTP_URL: mailbox.url,
  }
  provider.open({
    key: env.PAYMENT_KEY,
    webhookUrl: `${url}/webhooks/payment`,
    webhookSecret: env.PAYMENT_WEBHOOK_SECRET,
  })

  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  await migrate(pool)
  await seed(pool, { products: 120, orders: 600 })
  await pool.end()

  const lines: LogLine[] = []
  const log = createLog({ write: (line) => void lines.push(JSON.parse(line) as LogLine) })
  const shop = resources.use(await createShop(readConfig(env), log))
  resources.defer(await listen(shop, shop.config))
  const kept = resources.move()
  let browsers = 0
  return {
    url,
    shop,
    provider,
    mailbox,
    lines,
    env,
    browser: () => createBrowser(url, `192.0.2.${++browsers}`),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
