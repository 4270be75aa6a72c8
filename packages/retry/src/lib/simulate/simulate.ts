import { callback, flag, integer, readOptions, refused } from '../options.ts'
import { RetryConfigError } from '../errors.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Runtime } from '../runtime.ts'
import { deadlineLine } from './deadline-line.ts'
import { type Row, toSvg, toTable } from './report.ts'
import { type Scenario, SCENARIOS } from './scenario.ts'
import { type Outcome, replay } from './simulation.ts'

/** What {@link simulate} replays. */
export interface SimulateOptions {
  /** Makes one client instance's pipeline on the virtual runtime it is given: `(runtime) => pipeline('x', [...], { runtime })`. */
  readonly client: (runtime: Runtime) => Pipeline
  /** Worlds to replay it in. @default all of {@link SCENARIOS} */
  readonly scenarios?: readonly Scenario[]
  /** How many seeds each; the figures are averages and worst cases over them. @default 3 */
  readonly seeds?: number
  /** Whether the server obeys deadlines with the queue of `deadlines()` of `@shop/retry/server`. @default false */
  readonly serverPolicy?: boolean
  /** The name in the table. @default 'yours' */
  readonly name?: string
}

/** What came out. */
export interface Simulated {
  readonly rows: readonly Row[]
  /** The outcomes of one scenario by its name, one per seed. */
  of(scenario: string): readonly Outcome[]
  /** Plain text, one line per scenario. */
  table(): string
  /** An SVG of the goodput over time in one scenario. */
  svg(scenario: string): string
}

/**
 * Replays a configuration against clients, a queue, workers and a trouble, in virtual time: the pipelines are the shipped ones,
 * only the clock is not. The same seed gives the same numbers on every machine, so a test in CI can hold on to them.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`, `ERR_SHOP_RETRY_FUNCTION`
 */
export async function simulate(options: SimulateOptions): Promise<Simulated> {
  const read = readOptions('simulate', options, {
    client: callback<(runtime: Runtime) => Pipeline>(),
    scenarios: (option, value) => {
      if (value === undefined) return Object.values(SCENARIOS)
      if (Array.isArray(value) && value.every((each) => typeof each?.name === 'string')) return value as Scenario[]
      throw refused(option, value, 'an array of scenarios, each with a name')
    },
    seeds: integer(1, 1000, 3),
    serverPolicy: flag(false),
    name: (_option, value) => String(value ?? 'yours'),
  })
  const { client } = read
  if (!client)
    throw new RetryConfigError(
      'ERR_SHOP_RETRY_FUNCTION',
      'simulate.client',
      'simulate needs client: (runtime) => a pipeline',
    )
  const rows: Row[] = []
  for (const scenario of read.scenarios) {
    const outcomes: Outcome[] = []
    for (let seed = 1; seed <= read.seeds; seed++) {
      outcomes.push(await replay({ scenario, client, seed, ...(read.serverPolicy ? { line: deadlineLine } : {}) }))
    }
    rows.push({ scenario: scenario.name, configuration: read.name, outcomes })
  }
  return {
    rows,
    of: (name) => rows.find((row) => row.scenario === name)?.outcomes ?? [],
    table: () => toTable(rows),
    svg: (name) =>
      toSvg(
        name,
        rows.filter((row) => row.scenario === name),
      ),
  }
}
