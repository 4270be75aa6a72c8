import { expect, test } from 'vitest'

import { toMilliseconds } from './duration.ts'

test.each([
  [250, 250],
  ['500ms', 500],
  ['2s', 2000],
  ['1.5s', 1500],
  ['3m', 180_000],
  ['1h', 3_600_000],
])('%s is %d ms', (given, ms) => expect(toMilliseconds(given)).toBe(ms))

test.each(['', '5', '5 s', '-1s', 's', 'NaNms', '1d', Number.NaN, Infinity, null, undefined, {}])(
  '%s is no duration',
  (given) => {
    expect(toMilliseconds(given)).toBeUndefined()
  },
)
