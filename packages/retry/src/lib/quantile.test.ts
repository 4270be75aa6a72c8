import { expect, test } from 'vitest'

import { Quantile } from './quantile.ts'
import { VirtualRuntime } from './simulate/virtual.ts'

test.each([0.5, 0.9, 0.95, 0.99])(
  'rests where %d of the values are below, and follows them when they move',
  (share) => {
    const chance = new VirtualRuntime(7)
    const quantile = new Quantile(share)
    const above = (mean: number): number => {
      let over = 0
      for (let i = 0; i < 30_000; i++) {
        const value = chance.exponential(mean)
        if (i >= 10_000 && value > (quantile.value ?? Infinity)) over++
        quantile.add(value)
      }
      return over / 20_000
    }
    expect(above(10)).toBeCloseTo(1 - share, 2)
    expect(above(300)).toBeCloseTo(1 - share, 2)
  },
)
