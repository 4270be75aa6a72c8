/** What a scrape of four workers costs the primary, from their messages to the text. */
import { AggregatorRegistry, Counter, Histogram, Registry } from 'prom-client'
import { benchTable, interleave } from '@shop/testkit/bench'

import { Joined } from '../src/lib/cluster-joined.ts'
import { Changes } from '../src/lib/cluster-worker.ts'
import { counter, exposition, histogram, HTTP_BUCKETS } from '../src/index.ts'

const WORKERS = 4
const labelNames = ['method', 'route', 'status'] as const
const sets = Array.from({ length: 300 }, (_, i) => ({ method: 'GET', route: `/route/${i}`, status: '200' }))

const joinedRegister = new Registry()
const joined = new Joined(joinedRegister)
const ours = Array.from({ length: WORKERS }, () => {
  const register = new Registry()
  const requests = counter({ name: 'a_total', help: 'a', labelNames, register })
  const duration = histogram({ name: 'b_seconds', help: 'b', labelNames, buckets: HTTP_BUCKETS, register })
  return { requests, duration, changes: new Changes(register) }
})
const theirs = Array.from({ length: WORKERS }, () => {
  const register = new Registry()
  const requests = new Counter({ name: 'a_total', help: 'a', labelNames, registers: [register] })
  const duration = new Histogram({
    name: 'b_seconds',
    help: 'b',
    labelNames,
    buckets: [...HTTP_BUCKETS],
    registers: [register],
  })
  return { requests, duration, register }
})
const work = (
  workers: readonly { requests: { inc(set: never): void }; duration: { observe(set: never, value: number): void } }[],
): void => {
  for (const { requests, duration } of workers) {
    for (const [i, set] of sets.entries()) {
      requests.inc(set as never)
      duration.observe(set as never, (i % 100) / 50)
    }
  }
}

// what the workers send is made ahead: only the primary is measured
work(ours)
for (const [i, { changes }] of ours.entries()) joined.take(i, await changes.since(0))
const rounds: string[][] = []
for (let round = 0; round < 400; round++) {
  work(ours)
  rounds.push(await Promise.all(ours.map(async ({ changes }) => JSON.stringify(await changes.since(0)))))
}
work(theirs)
const whole = await Promise.all(
  theirs.map(async ({ register }) => JSON.stringify({ metrics: [await register.getMetricsAsJSON()] })),
)

let round = 0
const cost = await interleave(
  {
    ours: async () => {
      for (const [worker, text] of rounds[round++ % rounds.length]!.entries()) joined.take(worker, JSON.parse(text))
      joined.settle()
      let bytes = 0
      for await (const chunk of exposition(joinedRegister, 'text')) bytes += chunk.length
      return bytes
    },
    prom: async () => {
      const responses = whole.flatMap((text) => (JSON.parse(text) as { metrics: object[] }).metrics)
      return (await AggregatorRegistry.aggregate(responses as never).metrics()).length
    },
  },
  { calls: 10, repeats: 7 },
)
benchTable([
  {
    name: `primary, ${WORKERS} workers, ${sets.length * (HTTP_BUCKETS.length + 4)} lines vs prom-client`,
    ours: cost.ours.us / 1000,
    peer: cost.prom.us / 1000,
    goal: '<= 0.2',
    unit: 'ms',
  },
])
