/** What a scrape of four workers costs the primary, from their messages to the text; then with real ones over IPC. */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { AggregatorRegistry, Counter, Histogram, Registry } from 'prom-client'
import { benchTable, interleave } from '@shop/testkit/bench'

import { clusterMetrics, reportToPrimary } from '../src/cluster.ts'
import { Joined } from '../src/lib/cluster-joined.ts'
import { Changes } from '../src/lib/cluster-worker.ts'
import { counter, exposition, histogram, HTTP_BUCKETS } from '../src/index.ts'

const WORKERS = 4
const labelNames = ['method', 'route', 'status'] as const
const sets = Array.from({ length: 300 }, (_, i) => ({ method: 'GET', route: `/route/${i}`, status: '200' }))

interface Worked {
  readonly requests: { inc(set: never): void }
  readonly duration: { observe(set: never, value: number): void }
}

const work = (workers: readonly Worked[]): void => {
  for (const { requests, duration } of workers) {
    for (const [i, set] of sets.entries()) {
      requests.inc(set as never)
      duration.observe(set as never, (i % 100) / 50)
    }
  }
}

const makeOurs = (collect = (): void => undefined) => {
  const register = new Registry()
  const requests = counter({ name: 'a_total', help: 'a', labelNames, register, collect })
  const duration = histogram({ name: 'b_seconds', help: 'b', labelNames, buckets: HTTP_BUCKETS, register })
  return { register, requests, duration }
}
const makeTheirs = (collect = (): void => undefined) => {
  const register = new Registry()
  const registers = [register]
  const requests = new Counter({ name: 'a_total', help: 'a', labelNames, registers, collect })
  const duration = new Histogram({ name: 'b_seconds', help: 'b', labelNames, buckets: [...HTTP_BUCKETS], registers })
  return { register, requests, duration }
}
const textOf = async (register: Registry): Promise<number> => {
  let bytes = 0
  for await (const chunk of exposition(register, 'text')) bytes += chunk.length
  return bytes
}

if (cluster.isWorker) worker()
else await primary()

/** Each scrape of either finds that all series have changed. */
function worker(): void {
  const ours = makeOurs(() => work([ours]))
  const theirs = makeTheirs(() => work([theirs]))
  void new AggregatorRegistry() // makes it answer
  AggregatorRegistry.setRegistries(theirs.register)
  reportToPrimary({ register: ours.register })
  process.send!('ready')
}

async function primary(): Promise<void> {
  const joinedRegister = new Registry()
  const joined = new Joined(joinedRegister)
  const ours = Array.from({ length: WORKERS }, () => {
    const made = makeOurs()
    return { ...made, changes: new Changes(made.register) }
  })
  const theirs = Array.from({ length: WORKERS }, () => makeTheirs())

  // what the workers send is made ahead: only the primary is measured
  work(ours)
  for (const [i, { changes }] of ours.entries()) joined.take(i, await changes.since())
  const rounds: string[][] = []
  for (let round = 0; round < 400; round++) {
    work(ours)
    rounds.push(await Promise.all(ours.map(async ({ changes }) => JSON.stringify(await changes.since()))))
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
        return textOf(joinedRegister)
      },
      prom: async () => {
        const responses = whole.flatMap((text) => (JSON.parse(text) as { metrics: object[] }).metrics)
        return (await AggregatorRegistry.aggregate(responses as never).metrics()).length
      },
    },
    { calls: 10, repeats: 7 },
  )

  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url) })
  using metrics = clusterMetrics({ timeout: '900ms' })
  const aggregator = new AggregatorRegistry()
  const workers = Array.from({ length: WORKERS }, () => cluster.fork())
  await Promise.all(workers.map((each) => once(each, 'message')))
  const arms = { ours: () => textOf(metrics.register as Registry), prom: () => aggregator.clusterMetrics() }
  const cpu = await interleave(arms, { calls: 10, repeats: 7 })
  const wall = await interleave(arms, { calls: 10, repeats: 7, clock: 'wall' })
  for (const each of workers) each.kill()

  const lines = sets.length * (HTTP_BUCKETS.length + 4)
  const row = (name: string, { ours, prom }: typeof cost) => ({
    name: `${name}, ${WORKERS} workers, ${lines} lines vs prom-client`,
    ours: ours.us / 1000,
    peer: prom.us / 1000,
    unit: 'ms',
  })
  benchTable([
    { ...row('primary', cost), goal: '<= 0.2' },
    { ...row('primary with IPC', cpu), goal: '<= 0.2' },
    { ...row('whole scrape, on the wall', wall), goal: '<= 0.2' },
  ])
}
