import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { ExponentialBuckets, schemaOf } from './exponential.ts'

describe('exponential buckets', () => {
  it('put a value at or below the upper bound of its bucket', () => {
    const buckets = new ExponentialBuckets(0, 160)
    for (const value of [1, 2, 2.1, 4, 0.5]) buckets.add(value)
    // (0.25,0.5] (0.5,1] (1,2] (2,4]
    expect(buckets.run()).toEqual({ start: -1, counts: [1, 1, 1, 2] })
  })

  it('halve their resolution rather than grow beyond their size', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), { minLength: 1 }), (values) => {
        const buckets = new ExponentialBuckets(8, 20)
        for (const value of values) buckets.add(value)
        const { start, counts } = buckets.run()
        expect(counts.length).toBeLessThanOrEqual(20)
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length)
        if (buckets.schema > -4) {
          const low = 2 ** ((start - 1) / 2 ** buckets.schema)
          expect(Math.min(...values)).toBeGreaterThanOrEqual(low * 0.999999)
        }
      }),
    )
  })

  it('join as if every value had been added to one', () => {
    const value = fc.double({ min: 1e-3, max: 1e3, noNaN: true })
    fc.assert(
      fc.property(fc.array(value), fc.array(value), (left, right) => {
        const [a, b, all] = [
          new ExponentialBuckets(3, 160),
          new ExponentialBuckets(3, 160),
          new ExponentialBuckets(3, 160),
        ]
        for (const each of left) a.add(each)
        for (const each of right) b.add(each)
        for (const each of [...left, ...right]) all.add(each)
        a.merge(b.schema, b.run())
        const schema = Math.min(a.schema, all.schema)
        a.coarsen(schema)
        all.coarsen(schema)
        expect(a.run()).toEqual(all.run())
      }),
    )
  })

  it('take the schema client_golang takes for a growth factor', () => {
    expect([65536, 16, 4, 2, 1.5, 1.1, 1.01, 1.002].map(schemaOf)).toEqual([-4, -2, -1, 0, 1, 3, 7, 8])
  })
})
