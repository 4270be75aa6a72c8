import { describe, expect, test } from 'vitest'

import { deadline } from '../deadline.ts'
import { pipeline } from '../pipeline.ts'
import { retry } from '../retry.ts'
import { standard } from '../standard.ts'
import { timeout } from '../timeout.ts'
import type { Runtime } from '../runtime.ts'
import { deadlineLine } from './deadline-line.ts'
import { mean } from './report.ts'
import { SCENARIOS } from './scenario.ts'
import { simulate } from './simulate.ts'
import { replay } from './simulation.ts'

const ours = (runtime: Runtime) => pipeline('ours', standard({ idempotent: true }), { runtime })
const plain = (runtime: Runtime) =>
  pipeline('plain', [deadline('2s'), retry({ idempotent: true, budget: false }), timeout('500ms')], { runtime })

describe('one default configuration for all', () => {
  const run = async (name: keyof typeof SCENARIOS, seeds = 1) => {
    const outcomes = []
    const scenario = { ...SCENARIOS[name]!, seconds: SCENARIOS[name]!.trigger ? SCENARIOS[name]!.trigger.for + 8 : 77 }
    for (let seed = 1; seed <= seeds; seed++) outcomes.push(await replay({ scenario, client: ours, seed }))
    return {
      lost: Math.max(...outcomes.map((each) => each.lost)),
      recovery: Math.max(...outcomes.map((each) => each.recovery)),
      outcomes,
    }
  }
  test('capacity -80 % for 10 s: at most 5,200 lost, recovered within a second', async () => {
    const { lost, recovery } = await run('capacity')
    expect(lost).toBeLessThanOrEqual(5200)
    expect(recovery).toBeLessThanOrEqual(1)
  })
  test('a bounded queue, and a load of twice the usual', async () => {
    expect((await run('bounded')).lost).toBeLessThanOrEqual(5200)
    expect((await run('load')).lost).toBeLessThanOrEqual(4300)
  })
  test.each(['refused', 'hanging'] as const)(
    'dead for 30 s (%s): at most a quarter of an attempt per request',
    async (name) => {
      const { outcomes, recovery } = await run(name)
      expect(mean(outcomes, (each) => each.attemptsInTrouble)).toBeLessThanOrEqual(0.25)
      expect(recovery).toBeLessThanOrEqual(1)
    },
  )
  test('5 % random errors: at most 5 lost of 54,000', async () =>
    expect((await run('errors')).lost).toBeLessThanOrEqual(5))
  test('one shard of ten dead: the other nine lose nothing to speak of', async () => {
    const { outcomes } = await run('shard')
    const dead = 20 * 700 * 0.1
    expect(outcomes[0]!.lost).toBeLessThanOrEqual(dead * 1.15)
  })
  test('with the server’s policy even three plain retries are safe: at most 4,500 lost', async () => {
    const outcome = await replay({
      scenario: { ...SCENARIOS.capacity!, seconds: 18 },
      client: plain,
      line: deadlineLine,
    })
    expect(outcome.lost).toBeLessThanOrEqual(4500)
    expect(outcome.recovery).toBeLessThanOrEqual(1)
  })
})

test('without a budget, plain retries never recover: the simulated world is the one the goals are about', async () => {
  const outcome = await replay({ scenario: { ...SCENARIOS.capacity!, seconds: 14 }, client: plain })
  expect(outcome.recovery).toBe(Infinity)
  expect(outcome.lost / outcome.offered).toBeGreaterThan(0.95)
})

test('the same seed gives the same numbers', async () => {
  const scenario = { ...SCENARIOS.burst!, seconds: 5 }
  const [first, second, other] = [
    await replay({ scenario, client: ours, seed: 9 }),
    await replay({ scenario, client: ours, seed: 9 }),
    await replay({ scenario, client: ours, seed: 10 }),
  ]
  expect(second).toEqual(first)
  expect(other).not.toEqual(first)
})

test('prints a table and draws a plot', async () => {
  const simulated = await simulate({
    client: ours,
    seeds: 1,
    name: 'mine',
    scenarios: [{ name: 'short & <bad>', seconds: 3, trigger: { at: 1, for: 1, capacity: 0.2 } }],
  })
  expect(simulated.table().split('\n')).toHaveLength(2)
  expect(simulated.table()).toContain('short & <bad>  mine')
  expect(simulated.svg('short & <bad>')).toMatch(/^<svg [^]*short &#38; &#60;bad&#62;[^]*<polyline[^]*<\/svg>$/)
  expect(simulated.of('short & <bad>')).toHaveLength(1)
})

test('what is no simulation is refused', async () => {
  await expect(simulate({} as never)).rejects.toMatchObject({ code: 'ERR_SHOP_RETRY_FUNCTION' })
  await expect(simulate({ client: ours, scenarios: [{}] as never })).rejects.toMatchObject({
    option: 'simulate.scenarios',
  })
})
