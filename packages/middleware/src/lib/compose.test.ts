import { expect, test } from 'vitest'

import { compose } from './compose.ts'
import type { Policy } from './policy.ts'

const code = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
  return 'nothing thrown'
}

test('joins policies and lists of policies into one frozen list', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name): Policy => ({ name })) as [Policy, Policy, Policy]
  const list = compose(a, compose(b, c))
  expect(list).toEqual([a, b, c])
  expect(Object.isFrozen(list)).toBe(true)
})

test.each([
  [undefined, 'expected a policy, received undefined'],
  [() => ({ name: 'x' }), 'is the call missing'],
  [{}, 'expected a name'],
  [{ name: 'x', evalute: () => undefined }, 'unknown member "evalute"'],
  [{ name: 'x', evaluate: true }, 'evaluate must be a function'],
  [{ name: 'x', transform: { limit: 0, body: () => undefined } }, 'transform must be'],
  [{ name: 'x', onError: 'open' }, "onError must be 'deny' or 'pass'"],
  [{ name: 'x', bodyLimit: 1.5 }, 'bodyLimit must be'],
])('refuses %o', (value, message) => {
  const said = code(() => compose(value as Policy))
  expect(said).toContain('ERR_SHOP_MIDDLEWARE_POLICY: policy 0')
  expect(said).toContain(message)
})

test('refuses two policies of one name', () => {
  expect(code(() => compose({ name: 'csrf' }, { name: 'csrf' }))).toBe(
    'ERR_SHOP_MIDDLEWARE_DUPLICATE: two policies are named "csrf"',
  )
})
