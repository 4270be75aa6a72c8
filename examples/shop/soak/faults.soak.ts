/**
 * Injects faults into the running shop, one after the other, and watches through a real Prometheus and Alertmanager
 * that the right alert fires, and only it: what the shipped inhibitions hide counts as silent. Durations of the rules
 * are shortened thirty times.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { freePort } from '@shop/testkit'
import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { migrate } from '../src/migrate.ts'
import { seed } from '../src/seed/seed.ts'
import { newSigningKey } from '../src/trail.ts'
import { watching } from './watch.ts'

const only = process.argv.slice(2)

await using server = await startPostgres({ settings: { max_connections: 60, deadlock_timeout: '50ms' } })
process.env['MASTER_ENCRYPTION_KEY'] ??= randomBytes(32).toString('hex')
const admin = new pg.Pool({ connectionString: server.url, max: 2 })
admin.on('error', () => {})
await migrate(admin)
await seed(admin, { products: 120, orders: 1000 })

const port = await freePort()
const url = `http://127.0.0.1:${port}`
const child = fork(fileURLToPath(new URL('faulty-shop.ts', import.meta.url)), {
  env: {
    ...process.env,
    NODE_ENV: 'production',
    AUDIT_SIGNING_KEY: newSigningKey(),
    PORT: String(port),
    PUBLIC_URL: url,
    TRUST_PROXY: 'loopback',
    DATABASE_URL: server.url,
    PAYMENT_URL: 'http://127.0.0.1:9',
    PAYMENT_KEY: 'sk_test_0123456789abcdef',
    PAYMENT_WEBHOOK_SECRET: 'whsec_0123456789abcdef',
    SMTP_URL: 'smtp://127.0.0.1:9',
  },
  stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  execArgv: ['--disable-warning=ExperimentalWarning'],
})
await once(child, 'message')

const ask = (path: string, init: RequestInit = {}): Promise<number> =>
  fetch(url + path, { redirect: 'manual', signal: AbortSignal.timeout(4000), ...init }).then(
    async (response) => (await response.arrayBuffer(), response.status),
    () => 0,
  )
const every = (ms: number, work: () => unknown) => {
  const timer = setInterval(work, ms)
  return () => clearInterval(timer)
}
/** At most three at a time: what a fault asks for must not be what the machine cannot do, or the shop is simply down. */
const patient = (work: () => Promise<unknown>) => {
  let open = 0
  return () => {
    if (open >= 3) return
    open++
    void work().finally(() => open--)
  }
}
const tell = (fault: string) => () => {
  child.send({ start: fault })
  return () => void child.send({ stop: fault })
}
const posting = (path: string, headers: Record<string, string>, email = 'a@b.example') =>
  ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ email, password: 'x' }).toString(),
  })

let quiet = false
const stopTraffic = every(200, () => quiet || ask('/health'))

/** Each begins its fault, and gives back how to end it. */
const FAULTS: readonly (readonly [
  fault: string,
  alert: string,
  begin: () => (() => unknown) | Promise<() => unknown>,
])[] = [
  [
    'forms of another site',
    'ShopForgeryAttempts',
    () => every(300, () => posting('/cart', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })),
  ],
  [
    'webhooks nobody signed',
    'ShopWebhooksRefused',
    () =>
      every(300, () =>
        ask('/webhooks/payment', {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'stripe-signature': 't=1,v1=00' },
          body: '{}',
        }),
      ),
  ],
  [
    'pages that never were',
    'ShopManyNotFound',
    () => {
      let i = 0
      return every(100, () => ask(`/wp-admin/${i++}.php`))
    },
  ],
  [
    'clients that give up',
    'ShopClientsGoAway',
    () => every(300, () => ask('/health', { headers: { 'x-fault': 'slow' }, signal: AbortSignal.timeout(60) })),
  ],
  [
    'a check that throws',
    'ShopProtectionFailing',
    () => {
      void ask('/', { headers: { 'x-fault': 'throw' } })
      return () => undefined
    },
  ],
  ['an event loop held', 'ShopEventLoopBlocked', tell('block')],
  ['a label without end', 'ShopMetricNearItsCap', tell('cap')],
  ['a measurement that is none', 'ShopMeasurementsDropped', tell('nan')],
  ['a reading that fails', 'ShopCollectorFailing', tell('collector')],
  ['statements that fail', 'ShopDatabaseErrors', tell('statements')],
  ['statements that take too long', 'ShopDatabaseStatementTimeouts', tell('timeouts')],
  ['transactions that deadlock', 'ShopDatabaseDeadlocks', tell('deadlocks')],
  ["the shop's own pool, exhausted", 'ShopDatabasePoolExhausted', tell('pool')],
  ['a migration that holds a lock', 'ShopPostgresLocksWait', lockTable],
  ['connections taken', 'ShopPostgresConnectionsNearlyUsed', takeConnections],
  ['an audit spool that is full', 'ShopAuditFailing', tell('audit')],
  ['values changed in the database', 'ShopDecryptionFailing', tell('decrypt')],
  ['a breaker that opens', 'ShopBreakerOpen', tell('breaker')],
  [
    'products sold out',
    'ShopOutOfStock',
    async () => {
      await admin.query('update products set stock = 0 where id <= 10')
      return () => admin.query('update products set stock = 50 where id <= 10')
    },
  ],
  [
    'no visitors',
    'ShopNoTraffic',
    () => {
      quiet = true
      return () => (quiet = false)
    },
  ],
  [
    'a process that hangs',
    'ShopDown',
    () => {
      child.kill('SIGSTOP')
      return () => child.kill('SIGCONT')
    },
  ],
  // these leave their mark on the long windows, so they come last
  ['slow answers', 'ShopLatencyBudgetBurnFast', () => every(60, () => ask('/', { headers: { 'x-fault': 'slow' } }))],
  ['answers that fail', 'ShopErrorBudgetBurnFast', () => every(60, () => ask('/', { headers: { 'x-fault': '500' } }))],
  [
    'passwords guessed',
    'ShopSigninAttack',
    () => {
      let i = 0
      // names that are no addresses: a password hash for each guess is more than a busy machine has to give
      const guess = () => posting('/login', { origin: url, 'x-forwarded-for': `192.0.2.${i++ % 250}` }, `admin${i}`)
      return every(200, patient(guess))
    },
  ],
  [
    'a database that is gone',
    'ShopDatabaseDown',
    async () => {
      await server.kill9()
      return () => server.restart()
    },
  ],
]

async function lockTable(): Promise<() => Promise<void>> {
  await admin.query('create table if not exists fault_table (id int)')
  const clients = await Promise.all(
    Array.from({ length: 9 }, async () => {
      const client = new pg.Client(server.url)
      client.on('error', () => {})
      await client.connect()
      return client
    }),
  )
  for (const [i, client] of clients.entries()) {
    const query = client.query(`begin; lock table fault_table in access exclusive mode`).catch(() => undefined)
    if (i === 0) await query
  }
  return async () => void (await Promise.all(clients.map((client) => client.end())))
}

async function takeConnections(): Promise<() => Promise<void>> {
  const clients = Array.from({ length: 48 }, () => new pg.Client(server.url))
  const open = await Promise.all(
    clients.map((client) =>
      client.connect().then(
        () => client,
        () => undefined,
      ),
    ),
  )
  return async () => void (await Promise.all(open.map(async (client) => client?.end())))
}

async function until(done: () => Promise<boolean>, seconds: number): Promise<boolean> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(250)) {
    if (await done()) return true
  }
  return false
}

const wanted = FAULTS.filter(([, alert]) => only.length === 0 || only.some((part) => alert.includes(part)))
using shown = progress('faults', wanted.length)
let failures = 0
let watch = await watching(port)
const calm = async (): Promise<boolean> => (await watch.holding()).size === 0 && (await watch.telling()).size === 0
for (const [fault, alert, begin] of wanted) {
  // a fault begins when nothing of an earlier one is left; what the long windows keep for hours is left to a watch of its own
  if (!(await until(calm, 30))) {
    await watch[Symbol.asyncDispose]()
    watch = await watching(port)
  }
  const left = (await until(calm, 30)) ? [] : [...(await watch.holding())]
  const started = performance.now()
  const end = await begin()
  const fired = await until(async () => (await watch.telling()).has(alert), 90)
  const after = ((performance.now() - started) / 1000).toFixed(1)
  await sleep(1500)
  const others = [...(await watch.telling())].filter((name) => name !== alert)
  await end()
  const over = await until(async () => !(await watch.telling()).has(alert), 60)
  const ok = left.length === 0 && fired && others.length === 0 && over
  if (!ok) failures++
  const notes = [
    fired ? `after ${after} s` : 'did not fire',
    ...(left.length > 0 ? [`and ${left.join(', ')} before it`] : []),
    ...(others.length > 0 ? [`and ${others.join(', ')}`] : []),
    ...(over ? [] : ['and did not end']),
  ]
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${fault.padEnd(34)} ${alert} ${notes.join(', ')}`)
  shown.tick()
}
await watch[Symbol.asyncDispose]()
console.log(`${wanted.length - failures} of ${wanted.length} faults raised the right alert and only it`)
stopTraffic()
await stopChild(child)
await admin.end()
process.exitCode = failures > 0 ? 1 : 0

async function stopChild(process_: ChildProcess): Promise<void> {
  process_.kill('SIGKILL')
  await once(process_, 'exit')
}
