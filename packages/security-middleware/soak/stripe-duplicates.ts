import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'

import pg from 'pg'

import { signStripePayload } from '../src/index.ts'
import { postgresStore } from '../src/postgres.ts'

/** What is delivered to whom. */
export interface Duplicates {
  /** A database of its own. */
  readonly url: string
  readonly events: number
  readonly deliveriesPerEvent: number
  readonly processes: number
  /** How many deliveries are under way at once. */
  readonly concurrency: number
  /** The probability that a process dies during a delivery; a hundred times that in the middle of the effect. */
  readonly crashes: number
  /** After so many deaths processes live: a test must come to its end. */
  readonly deaths: number
  readonly tick?: () => void
}

/** What came of it. */
export interface DuplicatesOutcome {
  /** How often each event had its effect, by event; each must be 1. */
  readonly effects: readonly number[]
  /** Processes that died and were started again. */
  readonly crashed: number
  /** Answers by status; 0 stands for a connection that broke. */
  readonly answers: Readonly<Record<number, number>>
}

const secret = 'whsec_secret_of_the_duplicates_test'

/**
 * Delivers every event many times at once, as Stripe never would and an attacker might, to several processes that die
 * again and again, and counts the effects. A delivery that got no 2xx is sent again at the end, as Stripe does send.
 */
export async function deliverDuplicates(plan: Duplicates): Promise<DuplicatesOutcome> {
  const client = new pg.Client(plan.url)
  await client.connect()
  await postgresStore({ pool: client }).migrate()
  await client.query('create table if not exists effects (id bigserial primary key, event text not null)')
  await client.query('truncate effects, shop_security_claims')

  let crashed = 0
  let stopping = false
  const ports: number[] = []
  const children: ChildProcess[] = []
  async function start(slot: number): Promise<void> {
    const child = fork(
      new URL('./stripe-worker.ts', import.meta.url),
      [plan.url, secret, String(crashed < plan.deaths ? plan.crashes : 0)],
      { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
    )
    children[slot] = child
    child.once('exit', () => {
      ports[slot] = 0
      if (stopping) return
      crashed++
      void start(slot)
    })
    const [port] = (await once(child, 'message')) as [number]
    ports[slot] = port
  }
  await Promise.all(Array.from({ length: plan.processes }, (_, slot) => start(slot)))

  const answers: Record<number, number> = {}
  const agent = new http.Agent({ keepAlive: true, maxSockets: plan.concurrency })
  async function deliver(event: number, slot: number): Promise<number> {
    const payload = JSON.stringify({
      id: `evt_${event}`,
      object: 'event',
      type: 'checkout.session.completed',
      created: 1,
      livemode: false,
      data: { object: { id: 'cs_1' } },
    })
    const status = await post(await alive(slot), payload, agent)
    answers[status] = (answers[status] ?? 0) + 1
    return status
  }

  /** The port of a process that lives, this slot's if it does. */
  async function alive(slot: number): Promise<number> {
    for (;;) {
      for (let i = 0; i < plan.processes; i++) {
        const port = ports[(slot + i) % plan.processes]
        if (port) return port
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  let next = 0
  const total = plan.events * plan.deliveriesPerEvent
  async function deliverer(): Promise<void> {
    while (next < total) {
      const delivery = next++
      await deliver(delivery % plan.events, delivery)
      plan.tick?.()
    }
  }
  await Promise.all(Array.from({ length: plan.concurrency }, deliverer))
  for (let event = 0; event < plan.events; event++) {
    for (let attempt = 0; attempt < 200 && (await deliver(event, attempt)) !== 200; attempt++)
      await new Promise((resolve) => setTimeout(resolve, 50))
  }

  stopping = true
  for (const child of children) child.kill('SIGKILL')
  agent.destroy()
  const { rows } = await client.query<{ event: string; n: number }>(
    'select event, count(*)::int as n from effects group by event',
  )
  await client.end()
  const counted = new Map(rows.map(({ event, n }) => [event, n]))
  return {
    effects: Array.from({ length: plan.events }, (_, event) => counted.get(`evt_${event}`) ?? 0),
    crashed,
    answers,
  }
}

function post(port: number, payload: string, agent: http.Agent): Promise<number> {
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
      'stripe-signature': signStripePayload(payload, secret),
    }
    const request = http.request(
      { host: '127.0.0.1', port, path: '/webhooks/stripe', method: 'POST', headers, agent, timeout: 20_000 },
      (response) => {
        response
          .resume()
          .on('end', () => resolve(response.statusCode!))
          .on('error', () => resolve(0))
      },
    )
    request.on('timeout', () => request.destroy()).on('error', () => resolve(0))
    request.end(payload)
  })
}
