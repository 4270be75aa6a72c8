import fc from 'fast-check'
import { expect, test } from 'vitest'

import { afterHint, backoff, type Jitter } from './backoff.ts'

const shape = (jitter: Jitter) => ({ base: 100, factor: 2, max: 1000, jitter })

test('without jitter the steps double up to the cap', () => {
  expect([1, 2, 3, 4, 5, 6].map((attempt) => backoff(shape('none'), attempt, 0, () => 0))).toEqual([
    100, 200, 400, 800, 1000, 1000,
  ])
})

test.each<Jitter>(['full', 'equal', 'decorrelated'])(
  '%s jitter stays in its bounds, and spreads at the cap too',
  (jitter) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        fc.nat(5000),
        (attempt, chance, previous) => {
          const delay = backoff(shape(jitter), attempt, previous, () => chance)
          expect(delay).toBeGreaterThanOrEqual(jitter === 'full' ? 0 : jitter === 'equal' ? 50 : 100)
          expect(delay).toBeLessThanOrEqual(1000)
        },
      ),
    )
    const atTheCap = new Set(Array.from({ length: 50 }, () => backoff(shape(jitter), 20, 1000, Math.random)))
    expect(atTheCap.size).toBe(50)
  },
)

test('what the server asks for is never shortened, and jitter comes on top', () => {
  fc.assert(
    fc.property(
      fc.nat(100_000),
      fc.nat(100_000),
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      (asked, own, chance) => {
        expect(afterHint(asked, shape('full'), own, () => chance)).toBeGreaterThanOrEqual(Math.max(asked, own))
      },
    ),
  )
  expect(afterHint(2000, shape('full'), 0, () => 0.5)).toBe(2100)
})
