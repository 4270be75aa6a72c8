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

import { alertmanager, freePort, prometheus } from '@shop/testkit'
import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { alertmanagerConfig } from '../../../packages/metrics/config/alertmanager.ts'
import { ruleFiles } from '../../../packages/metrics/config/rules.ts'
import { migrate } from '../src/migrate.ts'
import { seed } from '../src/seed/seed.ts'
import { newSigningKey } from '../src/trail.ts'

const SCALE = 1 / 30
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

const shipped = alertmanagerConfig()
const inhibitions = shipped.slice(shipped.indexOf('inhibit_rules:'), shipped.indexOf('receivers:'))
await using sender = await alertmanager(
  `route: { receiver: none, group_wait: 0s, group_interval: 1s }\n${inhibitions}receivers: [{ name: none }]\n`,
)
await using _watcher = await prometheus({
  config: `global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }
rule_files: ['*.rules.yml']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${sender.port}'] }] }] }
scrape_configs: [{ job_name: shop, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }]`,
  files: ruleFiles(SCALE),
})

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

/** What Alertmanager would tell people now, or with what is inhibited. */
async function telling(inhibited = false): Promise<ReadonlySet<string>> {
  const response = await fetch(`${sender.url}/api/v2/alerts?active=true&inhibited=${inhibited}&silenced=false`)
  const alerts = (await response.json()) as readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly endsAt: string
  }[]
  return new Set(
    alerts.filter(({ endsAt }) => Date.parse(endsAt) > Date.now()).map(({ labels }) => labels['alertname']!),
  )
}

async function until(done: (alerts: ReadonlySet<string>) => boolean, seconds: number): Promise<boolean> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(250)) {
    if (done(await telling())) return true
  }
  return false
}

const wanted = FAULTS.filter(([, alert]) => only.length === 0 || only.some((part) => alert.includes(part)))
using shown = progress('faults', wanted.length)
let failures = 0
await until((alerts) => alerts.size === 0, 30)
for (const [fault, alert, begin] of wanted) {
  // what an earlier fault left behind is not this one's, whatever has hidden it so far
  const before = await telling(true)
  const started = performance.now()
  const end = await begin()
  const fired = await until((alerts) => alerts.has(alert), 90)
  const after = ((performance.now() - started) / 1000).toFixed(1)
  await sleep(1500)
  const others = [...(await telling())].filter((name) => name !== alert && !before.has(name))
  await end()
  const over = await until((alerts) => !alerts.has(alert), 60)
  const ok = fired && others.length === 0 && over
  if (!ok) failures++
  console.log(
    `${ok ? 'ok  ' : 'FAIL'}  ${fault.padEnd(34)} ${alert}${fired ? ` after ${after} s` : ' did not fire'}${others.length > 0 ? `, and ${others.join(', ')}` : ''}${over ? '' : ', and did not end'}`,
  )
  await until((alerts) => [...alerts].every((name) => before.has(name)), 20)
  shown.tick()
}
console.log(`${wanted.length - failures} of ${wanted.length} faults raised the right alert and only it`)
stopTraffic()
await stopChild(child)
await admin.end()
process.exitCode = failures > 0 ? 1 : 0

async function stopChild(process_: ChildProcess): Promise<void> {
  process_.kill('SIGKILL')
  await once(process_, 'exit')
}
