import fc from 'fast-check'
import { expect, test } from 'vitest'

import { retryBudget } from './budget.ts'

test('successes fund it, up to the cap', () => {
  const budget = retryBudget({ perSuccess: 0.5, cap: 2, initial: 0 })
  expect(budget.withdraw()).toBe(false)
  for (let i = 0; i < 10; i++) budget.deposit()
  expect(budget.tokens).toBe(2)
  expect([budget.withdraw(), budget.withdraw(), budget.withdraw()]).toEqual([true, true, false])
})

test('it never pays out more than was there and came in', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (successes) => {
      const budget = retryBudget()
      let paid = 0
      for (const success of successes) {
        if (success) budget.deposit()
        else if (budget.withdraw()) paid++
      }
      expect(paid).toBeLessThanOrEqual(10 + successes.filter(Boolean).length * 0.1 + 1e-9)
      expect(budget.tokens).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('a negative budget is refused when it is built', () => {
  expect(() => retryBudget({ cap: -1 })).toThrow(/budget\.cap must be a number from 0 .* not -1/)
  expect(() => retryBudget({ perSuccess: -0.1 })).toThrow('budget.perSuccess')
})
