import { describe, expect, it } from 'vitest'

import { faded, memoryScores, raised } from './client-score.ts'
import type { ClientScore } from './client-score.ts'

const rules = { halfLife: 1_000, jailAt: 30, jailFor: 5_000 }

describe('a score', () => {
  it('halves in a half-life', () => {
    expect(faded({ score: 8, at: 0, jailedUntil: 0 }, 1_000, rules).score).toBe(4)
    expect(faded({ score: 8, at: 0, jailedUntil: 0 }, 3_000, rules).score).toBe(1)
    expect(faded({ score: 8, at: 5_000, jailedUntil: 0 }, 0, rules).score).toBe(8)
  })

  it('jails at its limit, once, and forgives after the sentence', () => {
    const twice = raised(raised(undefined, 20, 0, rules), 20, 0, rules)
    expect(twice).toMatchObject({ score: 40, jailedUntil: 5_000 })
    expect(raised(twice, 20, 1_000, rules).jailedUntil).toBe(5_000)
    expect(faded(twice, 5_000, rules)).toEqual({ score: 0, at: 5_000, jailedUntil: 0 })
  })

  it('is bounded, so that it can be forgotten', () => {
    let record: ClientScore | undefined
    for (let i = 0; i < 100; i++) record = raised(record, 1_000, 0, rules)
    expect(record!.score).toBe(120)
  })
})

describe('memoryScores', () => {
  it('keeps the most recent offenders, and forgets on amnesty', async () => {
    const scores = memoryScores(2)
    await scores.add('a', 10, 0, rules)
    await scores.add('b', 10, 0, rules)
    await scores.add('a', 10, 0, rules)
    await scores.add('c', 10, 0, rules)
    expect(await scores.read('b', 0, rules)).toBeUndefined()
    expect((await scores.read('a', 0, rules))?.score).toBe(20)
    await scores.forgive('a')
    expect(await scores.read('a', 0, rules)).toBeUndefined()
    expect((await scores.read('c', 20_000, rules))?.score).toBeLessThan(0.01)
    expect(await scores.read('c', 20_000, rules)).toBeUndefined()
  })
})
