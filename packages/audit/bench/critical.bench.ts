// Critical events against the same rows in single INSERTs: 256 callers over a pool of 16 connections, and one caller.
// A real PostgreSQL with fsync. Throughput is the best and the median latency the least of several interleaved rounds.
import { randomBytes } from 'node:crypto'

import pg from 'pg'

import { benchTable } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'

import { createAudit, loggedIn, migrate } from '../src/index.ts'
import { insertStatements } from '../src/lib/insert.ts'
import { encodeEvent, tupleFields } from '../src/lib/tuple.ts'
import { prepared } from './preparation.ts'

const CALLERS = 256
const ROUNDS = Number(process.env['SHOP_BENCH_ROUNDS'] ?? 5)
const MANY = CALLERS * 16
const FEW = 200

await using server = await startPostgres({ durable: true })
const setup = new pg.Client(server.url)
await setup.connect()
await migrate(setup)
await setup.end()

const pool = new pg.Pool({ connectionString: server.url, max: 16 })
pool.on('error', () => {}) // the server stops before the last connection has gone
const own = new pg.Pool({ connectionString: server.url, max: 2 })
own.on('error', () => {}) // the server stops before the last connection has gone
const audit = createAudit({ pool: own, macKey: randomBytes(32) })
const event = () => loggedIn({ type: 'user', id: 'u-1', roles: ['customer'] }, { method: 'password', mfa: true })

const statement = insertStatements('audit').one
/** The peer's rows are ready beforehand: it pays for the INSERT alone. */
function ready(count: number): (Buffer | null)[][] {
  return Array.from({ length: count }, () => {
    return tupleFields(encodeEvent(prepared(event()), undefined, undefined).tuple)
  })
}

interface Figures {
  readonly perSecond: number
  readonly p50: number
}

async function measure(total: number, callers: number, call: () => Promise<unknown>): Promise<Figures> {
  const latencies: number[] = []
  let left = total
  const started = performance.now()
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const at = performance.now()
      await call()
      latencies.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  latencies.sort((a, b) => a - b)
  return { perSecond: (total / (performance.now() - started)) * 1000, p50: latencies[latencies.length >> 1]! }
}

const best = { ours: [] as Figures[], peer: [] as Figures[], oursOne: [] as Figures[], peerOne: [] as Figures[] }
const one = [FEW, 1, best.oursOne, best.peerOne] as const
for (let round = 0; round < ROUNDS; round++) {
  for (const [many, callers, ours, peer] of [[MANY, CALLERS, best.ours, best.peer], one, one, one] as const) {
    const rows = ready(many)
    peer.push(await measure(many, callers, () => pool.query({ name: 'single', text: statement, values: rows.pop()! })))
    ours.push(await measure(many, callers, () => audit.record(event())))
  }
}
await audit.close()
await own.end()
await pool.end()

const fastest = (figures: readonly Figures[]): number => Math.max(...figures.map((one) => one.perSecond))
const quickest = (figures: readonly Figures[]): number => Math.min(...figures.map((one) => one.p50))
benchTable([
  {
    name: '256 callers, events a second vs single INSERTs',
    ours: fastest(best.ours),
    peer: fastest(best.peer),
    goal: '>= 4',
    unit: '/s',
  },
  {
    name: '256 callers, median latency vs single INSERTs',
    ours: quickest(best.ours),
    peer: quickest(best.peer),
    goal: '<= 0.25',
    unit: 'ms',
  },
  {
    name: 'one caller, events a second vs single INSERTs',
    ours: fastest(best.oursOne),
    peer: fastest(best.peerOne),
    goal: '>= 0.95',
    unit: '/s',
  },
])
