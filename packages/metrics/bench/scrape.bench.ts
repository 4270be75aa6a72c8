/** A scrape of 100,000 lines: what it costs, and how long it holds the event loop, in every format. */
import { setImmediate as turn } from 'node:timers/promises'

import { Histogram as SuccessorHistogram, Registry as SuccessorRegistry } from '@prometheus-io/client'
import { benchTable, interleave } from '@shop/testkit/bench'
import { Histogram, Registry } from 'prom-client'

import { counter, exposition, type Format, histogram, HTTP_BUCKETS } from '../src/index.ts'

const LINES_PER_SERIES = HTTP_BUCKETS.length + 3
const SERIES = Math.ceil(100_000 / LINES_PER_SERIES)
const labelNames = ['method', 'route', 'status'] as const
const sets = Array.from({ length: SERIES }, (_, i) => ({ method: 'GET', route: `/route/number/${i}`, status: '200' }))

const register = new Registry()
const ours = histogram({
  name: 'http_request_duration_seconds',
  help: 'a',
  labelNames,
  buckets: HTTP_BUCKETS,
  register,
  maxSeries: SERIES,
})
const theirs = new Registry()
const prom = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'a',
  labelNames,
  buckets: [...HTTP_BUCKETS],
  registers: [theirs],
})
const next = new SuccessorRegistry()
const successor = new SuccessorHistogram({
  name: 'http_request_duration_seconds',
  help: 'a',
  labelNames,
  buckets: [...HTTP_BUCKETS],
  registers: [next],
})
for (const [i, set] of sets.entries()) {
  const value = (i % 1000) / 90
  for (const metric of [ours, prom, successor] as { observe(set: object, value: number): void }[])
    metric.observe(set, value)
}

/** One family of as many series as there are lines, which no slice may take in one go. */
const wide = new Registry()
const visits = counter({ name: 'visits_total', help: 'a', labelNames: ['page'], register: wide, maxSeries: 100_000 })
const pages = Array.from({ length: 100_000 }, (_, i) => visits.bind({ page: `/page/number/${i}` }))

const of = (from: Registry, format: Format) => async () => {
  let bytes = 0
  for await (const chunk of exposition(from, format)) bytes += chunk.length
  return bytes
}
const scrapes = {
  ours: of(register, 'text'),
  openmetrics: of(register, 'openmetrics'),
  protobuf: of(register, 'protobuf'),
  prom: async () => Buffer.from(await theirs.metrics()).length,
  successor: async () => Buffer.from(await next.metrics()).length,
}

/** Between scrapes every series changes, as in a busy shop. */
const observed =
  (metric: { observe(set: never, value: number): void }): (() => void) =>
  () => {
    for (const [i, set] of sets.entries()) metric.observe(set as never, (i % 777) / 70)
  }
const counted = (): void => {
  for (const page of pages) page.inc()
}

interface Stall {
  readonly median: number
  readonly worst: number
}

/** The longest time nothing else ran while it was scraped, of nine scrapes, the very first among them. */
async function stall(scrape: () => Promise<number>, change: () => void): Promise<Stall> {
  const rounds: number[] = []
  for (let round = 0; round < 9; round++) {
    change()
    let longest = 0
    let last = performance.now()
    let running = true
    const watch = (async () => {
      while (running) {
        await turn()
        const now = performance.now()
        longest = Math.max(longest, now - last)
        last = now
      }
    })()
    await turn()
    last = performance.now()
    await scrape()
    running = false
    await watch
    rounds.push(longest)
  }
  rounds.sort((a, b) => a - b)
  return { median: rounds[4]!, worst: rounds[8]! }
}

const stalls: [name: string, Stall][] = []
for (const format of ['text', 'openmetrics', 'protobuf'] as const) {
  stalls.push([`${SERIES} histograms, ${format}`, await stall(of(register, format), observed(ours))])
  stalls.push([`100,000 counters, ${format}`, await stall(of(wide, format), counted)])
}
const first = await stall(scrapes.prom, observed(prom))
const second = await stall(scrapes.successor, observed(successor))
const mine = stalls[0]![1]
const cost = await interleave(scrapes, { calls: 2, repeats: 5 })
const ms = (name: keyof typeof cost) => cost[name].us / 1000
benchTable([
  { name: '100,000 lines, text vs prom-client', ours: ms('ours'), peer: ms('prom'), goal: '<= 0.2', unit: 'ms' },
  { name: '100,000 lines, text vs successor', ours: ms('ours'), peer: ms('successor'), goal: '<= 0.2', unit: 'ms' },
  { name: '100,000 lines, OpenMetrics vs prom-client text', ours: ms('openmetrics'), peer: ms('prom'), unit: 'ms' },
  { name: '100,000 lines, protobuf vs prom-client text', ours: ms('protobuf'), peer: ms('prom'), unit: 'ms' },
  ...stalls.flatMap(([name, { median, worst }]) => [
    { name: `longest stall, ${name}, median`, ours: median, goal: '<= 5' as const, unit: 'ms' },
    { name: `longest stall, ${name}, worst`, ours: worst, goal: '<= 5' as const, unit: 'ms' },
  ]),
  { name: 'longest stall vs prom-client, median', ours: mine.median, peer: first.median, unit: 'ms' },
  { name: 'longest stall vs successor, median', ours: mine.median, peer: second.median, unit: 'ms' },
])
