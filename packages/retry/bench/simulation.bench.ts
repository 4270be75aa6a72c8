// The goals of the simulated world, ten seeds each, one default configuration for all. `npm run simulate` prints the whole table.
import { benchTable, progress } from '@shop/testkit/bench'

import { deadline, hedge, pipeline, retry, type Runtime, standard, timeout } from '../src/index.ts'
import { mean, type Outcome, percentile, type Scenario, SCENARIOS, simulate } from '../src/simulate.ts'

const seeds = Number(process.env.SEEDS ?? 10)
const ours = (runtime: Runtime) => pipeline('ours', standard({ idempotent: true }), { runtime })
const plain = (runtime: Runtime) =>
  pipeline('plain', [deadline('2s'), retry({ idempotent: true, budget: false }), timeout('500ms')], { runtime })
using bar = progress('simulation', 10)

async function run(
  scenario: Scenario,
  client: (runtime: Runtime) => ReturnType<typeof pipeline>,
  serverPolicy = false,
): Promise<readonly Outcome[]> {
  const { rows } = await simulate({ client, scenarios: [scenario], seeds, serverPolicy })
  bar.tick()
  return rows[0]!.outcomes
}
const lost = (outcomes: readonly Outcome[]): number => mean(outcomes, (each) => each.lost)
const worst = (outcomes: readonly Outcome[], figure: (outcome: Outcome) => number): number =>
  Math.max(...outcomes.map(figure))

const capacity = await run(SCENARIOS.capacity!, ours)
const policy = await run(SCENARIOS.capacity!, ours, true)
const threePlain = await run(SCENARIOS.capacity!, plain, true)
const errors = await run(SCENARIOS.errors!, ours)
const refused = await run(SCENARIOS.refused!, ours)
const hanging = await run(SCENARIOS.hanging!, ours)

const slow: Scenario = { name: 'stragglers', stragglers: 0.01, requestsPerSecond: 300, workers: 40, clients: 4 }
const bare = await run(slow, (runtime) => pipeline('bare', [deadline('20s')], { runtime }))
const hedging = (runtime: Runtime) =>
  pipeline('hedged', [deadline('20s'), retry({ idempotent: true }), hedge({ idempotent: true })], { runtime })
const hedged = await run(slow, hedging)
const once = (runtime: Runtime) =>
  pipeline('hedged', [deadline('2s'), retry({ idempotent: true, attempts: 1 }), hedge({ idempotent: true })], {
    runtime,
  })
const overloaded = await run({ ...slow, name: 'overload', requestsPerSecond: 1000, workers: 10, seconds: 20 }, once)
const p999 = (outcomes: readonly Outcome[]): number => mean(outcomes, (each) => percentile(each.latencies, 0.999))
bar.done()

benchTable([
  { name: 'capacity -80 %: lost', ours: lost(capacity), goal: '<= 5200' },
  { name: 'capacity -80 %: lost, worst seed', ours: worst(capacity, (each) => each.lost), goal: '<= 5200' },
  {
    name: 'capacity -80 %: recovery, worst seed',
    ours: worst(capacity, (each) => each.recovery),
    goal: '<= 1',
    unit: 's',
  },
  { name: 'with the server policy: lost', ours: lost(policy), goal: '<= 4500' },
  { name: 'three plain retries with the server policy: lost', ours: lost(threePlain), goal: '<= 4500' },
  { name: '5 % errors: lost, worst seed', ours: worst(errors, (each) => each.lost), goal: '<= 5' },
  {
    name: 'dead for 30 s (refused): attempts per request',
    ours: worst(refused, (each) => each.attemptsInTrouble),
    goal: '<= 0.25',
  },
  {
    name: 'dead for 30 s (hanging): attempts per request',
    ours: worst(hanging, (each) => each.attemptsInTrouble),
    goal: '<= 0.25',
  },
  { name: 'stragglers: p99.9 hedged vs not', ours: p999(hedged), peer: p999(bare), goal: `<= ${1 / 9}`, unit: 'ms' },
  { name: 'stragglers: load', ours: worst(hedged, (each) => each.attemptsPerRequest), goal: '<= 1.05' },
  {
    name: 'stragglers at 1.3 times the capacity: load',
    ours: worst(overloaded, (each) => each.attemptsPerRequest),
    goal: '<= 1.05',
  },
])
