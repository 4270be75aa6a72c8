/** The shop, with faults that can be switched on: told by its parent over IPC. */
import { channel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'

import { counter, gauge, histogram, pgMetrics } from '@shop/metrics'
import type { Policy } from '@shop/middleware'

import { readConfig } from '../src/config.ts'
import { createPool } from '../src/database.ts'
import { createShop } from '../src/shop.ts'
import { listen } from '../../express/src/app.ts'

/** What a request asks to go wrong, by its header `x-fault`. */
const onRequest: Policy = {
  name: 'faults',
  async evaluate(request) {
    const fault = request.header('x-fault')
    if (fault === 'throw') throw new Error('a broken check')
    if (fault === 'slow') await sleep(1200)
    return fault === '500' ? { answer: { status: 500 } } : undefined
  },
}

const config = readConfig(process.env)
const shop = await createShop(config)
await listen({ ...shop, policies: [...shop.policies, onRequest] }, config)

const pool = createPool(config.DATABASE_URL, 4)
pgMetrics(pool, { poolName: 'faults' })
const again = (every: number, work: () => unknown) => {
  const timer = setInterval(work, every)
  return () => clearInterval(timer)
}
const failing = (sql: string) => pool.query(sql).catch(() => undefined)
const inTransaction = async (...statements: string[]) => {
  const client = await pool.connect()
  await client.query('begin')
  for (const sql of statements) await client.query(sql).catch(() => undefined)
  await client.query('rollback')
  client.release()
}
let collectorFails = false
const values = histogram({ name: 'fault_values', help: 'Made to fail' })
gauge({
  name: 'fault_reading',
  help: 'Made to fail',
  collect() {
    if (collectorFails) throw new Error('a broken reading')
  },
})

/** Each switches its fault on, and gives back how to switch it off. */
const faults: Readonly<Record<string, () => () => void>> = {
  block: () =>
    again(1500, () => {
      const until = performance.now() + 1300
      while (performance.now() < until);
    }),
  cap: () => {
    const labels = counter({ name: 'fault_labels_total', help: 'Made to overflow', labelNames: ['id'], maxSeries: 10 })
    for (let id = 0; id < 9; id++) labels.inc({ id })
    return () => {
      for (let id = 0; id < 9; id++) labels.remove({ id })
    }
  },
  nan: () => again(200, () => values.observe(Number.NaN)),
  collector: () => {
    collectorFails = true
    return () => (collectorFails = false)
  },
  statements: () => again(400, () => failing('select * from there_is_no_such_table')),
  timeouts: () => again(300, () => inTransaction('set local statement_timeout = 20', 'select pg_sleep(1)')),
  deadlocks: () =>
    again(1200, () => {
      const lock = (key: number) => `select pg_advisory_xact_lock(${key})`
      void inTransaction(lock(1), 'select pg_sleep(0.05)', lock(2))
      void inTransaction(lock(2), 'select pg_sleep(0.05)', lock(1))
    }),
  pool: () => {
    const over = Promise.withResolvers<void>()
    for (let held = 0; held < 10; held++) shop.db.transaction(() => over.promise).catch(() => undefined)
    return over.resolve
  },
  audit: () =>
    again(300, () => channel('shop:audit:trouble').publish({ where: 'spool', error: new Error('disk full') })),
  decrypt: () =>
    again(200, () =>
      channel('shop:crypto:decrypt-failed').publish({ table: 'customers', column: 'phone', reason: 'failed-check' }),
    ),
  breaker: () => {
    const told = channel('shop:retry:breaker')
    told.publish({ breaker: 'mail', from: 'closed', to: 'open', why: 'a fault' })
    return () => told.publish({ breaker: 'mail', from: 'open', to: 'closed', why: 'over' })
  },
}

const running = new Map<string, () => void>()
process.on('message', ({ start, stop }: { start?: string; stop?: string }) => {
  if (start !== undefined) running.set(start, faults[start]!())
  if (stop !== undefined) running.get(stop)?.()
})
process.on('disconnect', () => process.exit())
process.send!('ready')
