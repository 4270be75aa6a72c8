import fc from 'fast-check'
import { expect, test } from 'vitest'

import { CountWindow, TimeWindow } from './window.ts'

const call = fc.tuple(fc.boolean(), fc.boolean(), fc.nat(400))

test('a count window is the last n calls', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.array(call, { maxLength: 200 }), (size, calls) => {
      const window = new CountWindow(size)
      for (const [failed, slow] of calls) window.add(failed, slow)
      const last = calls.slice(-size)
      expect(window.total).toBe(last.length)
      expect(window.failed).toBe(last.filter(([failed]) => failed).length)
      expect(window.slow).toBe(last.filter(([, slow]) => slow).length)
    }),
  )
})

test('a time window is the calls of its buckets, and forgets bucket by bucket', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
      const window = new TimeWindow(1600)
      let now = 0
      const at: [number, boolean, boolean][] = []
      for (const [failed, slow, gap] of calls) {
        now += gap
        window.add(failed, slow, now)
        at.push([Math.floor(now / 100), failed, slow])
      }
      const alive = at.filter(([bucket]) => bucket > Math.floor(now / 100) - 16)
      expect(window.total).toBe(alive.length)
      expect(window.failed).toBe(alive.filter(([, failed]) => failed).length)
      expect(window.slow).toBe(alive.filter(([, , slow]) => slow).length)
    }),
  )
})
