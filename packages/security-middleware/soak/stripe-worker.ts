import http from 'node:http'
import type { AddressInfo } from 'node:net'

import { protect } from '@shop/middleware/node'
import pg from 'pg'

import { stripeDelivery, stripeWebhook, type StripeEvent } from '../src/index.ts'
import { postgresStore, type Queryable } from '../src/postgres.ts'

// One process of the shop under the duplicates test: handles an event in a transaction, and dies at any point of it.
const [url = '', secret = '', crashes = '0'] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: url, max: 8 })
const webhook = stripeWebhook({
  secrets: { current: secret },
  livemode: false,
  store: postgresStore({ pool }),
  claimIn: 'handler',
})

/** Dies as an out-of-memory kill does: without a word. */
function mayCrash(probability: number): void {
  if (Math.random() < probability) process.kill(process.pid, 'SIGKILL')
}

async function handle(request: http.IncomingMessage): Promise<number> {
  const delivery = stripeDelivery<StripeEvent, Queryable>(request)
  const anywhere = Number(crashes)
  mayCrash(anywhere)
  const tx = await pool.connect()
  try {
    await tx.query('begin')
    const { state } = await delivery.claim(tx)
    if (state === 'claimed') {
      mayCrash(anywhere * 100)
      await tx.query('insert into effects (event) values ($1)', [delivery.event.id])
      mayCrash(anywhere * 100)
    }
    await tx.query('commit')
    if (state === 'claimed') mayCrash(anywhere * 100)
    mayCrash(anywhere)
    return state === 'claimed' || state === 'completed' ? 200 : 409
  } catch (error) {
    await tx.query('rollback').catch(() => {})
    throw error
  } finally {
    tx.release()
  }
}

const server = http.createServer(
  protect(webhook)((request, response) => {
    handle(request).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(500).end(),
    )
  }),
)
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
