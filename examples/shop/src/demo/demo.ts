import { randomBytes } from 'node:crypto'

import { startMailbox } from '../mailbox.ts'
import { startProvider } from '../payments/provider.ts'
import { accounts } from '../seed/customers.ts'
import type { Sizes } from '../seed/seed.ts'
import { attack } from '../traffic/attacker.ts'
import { shop } from '../traffic/shopper.ts'
import { Tally } from '../traffic/tally.ts'
import { newSigningKey } from '../trail.ts'
import { startApp, type App } from './app-process.ts'
import { ending } from './ending.ts'
import { timeHeadlines } from './headlines.ts'
import { keptKey } from './kept.ts'
import { startDatabase } from './database.ts'

export interface DemoOptions extends Sizes {
  /** Ends after the first round of traffic. */
  readonly once: boolean
  readonly visits: number
  /** Express listens here, Fastify on the next one. */
  readonly port: number
}

/**
 * The whole shop on this machine: PostgreSQL, a payment provider, a mail server, both apps as processes of their own,
 * and the traffic of an ordinary day.
 */
export async function startDemo({ once, visits, port, ...sizes }: DemoOptions): Promise<void> {
  const began = performance.now()
  const ended = ending()
  await using database = await Promise.race([startDatabase(sizes), ended])
  const headlines = await timeHeadlines(database.url)
  await using provider = await startProvider()
  await using mailbox = await startMailbox()
  await using apps = new AsyncDisposableStack()

  const starting = (['express', 'fastify'] as const).map(async (name, i) => {
    const url = `http://127.0.0.1:${port + i}`
    const key = randomBytes(16).toString('hex')
    const webhookSecret = `whsec_${randomBytes(16).toString('hex')}`
    provider.open({ key, webhookUrl: `${url}/webhooks/payment`, webhookSecret })
    return apps.use(
      await startApp(name, url, {
        PORT: String(port + i),
        PUBLIC_URL: url,
        TRUST_PROXY: 'loopback',
        DATABASE_URL: database.url,
        PAYMENT_URL: provider.url,
        PAYMENT_KEY: key,
        PAYMENT_WEBHOOK_SECRET: webhookSecret,
        SMTP_URL: mailbox.url,
        AUDIT_SIGNING_KEY: keptKey('audit-key', newSigningKey),
      }),
    )
  })
  const ready = await Promise.race([settled(starting), ended])
  say(`three questions of the day, without and with the assets of @shop/pg-optimizations:\n${headlines}\n`)
  say(`up in ${((performance.now() - began) / 1000).toFixed(1)} s\n`)

  for (const app of ready) {
    const shoppers = new Tally()
    const { paid } = await Promise.race([shop(app.url, shoppers, { visits }), ended])
    say(`${app.name}: ${visits} shoppers, ${paid} orders paid\n${shoppers.toString()}\n`)
    const attacks = new Tally()
    const webhook = provider.deliveries.findLast(({ url }) => url.startsWith(app.url))
    await Promise.race([attack(app.url, attacks, { account: accounts.customer, webhook, logins: 1_000 }), ended])
    say(`${app.name}: one attacker\n${attacks.toString()}\n`)
  }
  say(`${mailbox.count} letters sent\n`)
  for (const { name, url } of ready) say(`${name.padEnd(8)} ${url}   ${url}/dashboard   ${url}/metrics`)
  say(`log in as ${accounts.staff.email} with “${accounts.staff.password}”`)
  if (once) return
  say('Ctrl-C stops everything')
  await Promise.race([ended, ...ready.map(({ exited }) => exited)])
}

/** All of them, or the first failure once every one has come to an end. */
async function settled(starting: readonly Promise<App>[]): Promise<App[]> {
  await Promise.allSettled(starting)
  return Promise.all(starting)
}

const say = (text: string) => console.log(text)
