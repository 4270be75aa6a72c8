/** A scrape of 100,000 lines: what it costs, and how long it holds the event loop. */
import { setImmediate as turn } from 'node:timers/promises'

import { Histogram as SuccessorHistogram, Registry as SuccessorRegistry } from '@prometheus-io/client'
import { benchTable, interleave } from '@shop/testkit/bench'
import { Histogram, Registry } from 'prom-client'

import { exposition, histogram, HTTP_BUCKETS } from '../src/index.ts'

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

/** Between scrapes every series changes, as in a busy shop. */
const change = (metric: { observe(set: never, value: number): void }): void => {
  for (const [i, set] of sets.entries()) metric.observe(set as never, (i % 777) / 70)
}
const scrapes = {
  ours: async () => {
    let bytes = 0
    for await (const chunk of exposition(register, 'text')) bytes += chunk.length
    return bytes
  },
  openmetrics: async () => {
    let bytes = 0
    for await (const chunk of exposition(register, 'openmetrics')) bytes += chunk.length
    return bytes
  },
  protobuf: async () => {
    let bytes = 0
    for await (const chunk of exposition(register, 'protobuf')) bytes += chunk.length
    return bytes
  },
  prom: async () => Buffer.from(await theirs.metrics()).length,
  successor: async () => Buffer.from(await next.metrics()).length,
}

/** The longest time nothing else ran while it was scraped: the least of several scrapes, for a busy machine only adds. */
async function stall(
  scrape: () => Promise<number>,
  metric: { observe(set: never, value: number): void },
): Promise<number> {
  const worst: number[] = []
  for (let round = 0; round < 9; round++) {
    change(metric)
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
    worst.push(longest)
  }
  return Math.min(...worst)
}

const cost = await interleave(scrapes, { calls: 2, repeats: 5 })
const [mine, first, second] = [
  await stall(scrapes.ours, ours),
  await stall(scrapes.prom, prom),
  await stall(scrapes.successor, successor),
]
const ms = (name: keyof typeof cost) => cost[name].us / 1000
benchTable([
  { name: '100,000 lines, text vs prom-client', ours: ms('ours'), peer: ms('prom'), goal: '<= 0.2', unit: 'ms' },
  { name: '100,000 lines, text vs successor', ours: ms('ours'), peer: ms('successor'), goal: '<= 0.2', unit: 'ms' },
  { name: '100,000 lines, OpenMetrics vs prom-client text', ours: ms('openmetrics'), peer: ms('prom'), unit: 'ms' },
  { name: '100,000 lines, protobuf vs prom-client text', ours: ms('protobuf'), peer: ms('prom'), unit: 'ms' },
  { name: 'longest stall', ours: mine, goal: '<= 5', unit: 'ms' },
  { name: 'longest stall vs prom-client', ours: mine, peer: first, unit: 'ms' },
  { name: 'longest stall vs successor', ours: mine, peer: second, unit: 'ms' },
])
