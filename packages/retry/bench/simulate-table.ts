// npm run simulate [seeds]: the whole table, ours beside what others do, and a plot of scenario one.
import { writeFileSync } from 'node:fs'

import { progress } from '@shop/testkit/bench'

import { deadline, pipeline, type Pipeline, retry, type Runtime, standard, timeout } from '../src/index.ts'
import { type Row, SCENARIOS, simulate, toSvg, toTable } from '../src/simulate.ts'

const seeds = Number(process.argv[2] ?? 3)
const world = Object.values(SCENARIOS)
const bounds = { total: deadline('2s'), each: timeout('500ms') }
const with3 = (options: object) => (runtime: Runtime) =>
  pipeline('plain', [bounds.total, retry({ idempotent: true, ...options }), bounds.each], { runtime })

interface Configuration {
  readonly name: string
  readonly client: (runtime: Runtime) => Pipeline
  readonly scenarios: typeof world
  readonly seeds: number
  readonly serverPolicy?: boolean
}
const first = [SCENARIOS.capacity!]
const configurations: readonly Configuration[] = [
  { name: 'plain retries', client: with3({ budget: false }), scenarios: first, seeds: 1 },
  { name: 'retries with a budget', client: with3({}), scenarios: first, seeds: 1 },
  {
    name: 'ours',
    client: (runtime) => pipeline('ours', standard({ idempotent: true }), { runtime }),
    scenarios: world,
    seeds,
  },
  {
    name: 'plain retries + server policy',
    client: with3({ budget: false }),
    scenarios: first,
    seeds,
    serverPolicy: true,
  },
  {
    name: 'ours + server policy',
    client: (runtime) => pipeline('ours', standard({ idempotent: true }), { runtime }),
    scenarios: world,
    seeds,
    serverPolicy: true,
  },
]

const rows: Row[] = []
using bar = progress(
  'simulate',
  configurations.reduce((sum, each) => sum + each.scenarios.length, 0),
)
for (const { scenarios, ...rest } of configurations) {
  for (const scenario of scenarios) {
    rows.push(...(await simulate({ ...rest, scenarios: [scenario] })).rows)
    bar.tick()
  }
}
bar.done()
console.log(toTable(rows))
const file = new URL('simulate.svg', import.meta.url)
writeFileSync(
  file,
  toSvg(
    SCENARIOS.capacity!.name,
    rows.filter((row) => row.scenario === SCENARIOS.capacity!.name),
  ),
)
console.log('plot: packages/retry/bench/simulate.svg')
