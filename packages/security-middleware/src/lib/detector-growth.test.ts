import { describe, expect, it } from 'vitest'

import { families } from '../../soak/adversarial.ts'
import { detect } from './detector.ts'

/** CPU milliseconds of one call: the least of several. */
function cost(text: string, tries: number): number {
  let least = Infinity
  for (let i = 0; i < tries; i++) {
    const start = process.cpuUsage()
    detect(text)
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

describe('the detector under hostile texts', () => {
  it('has at least thirty families of them', () => {
    expect(Object.keys(families).length).toBeGreaterThanOrEqual(30)
  })

  // far above the 10 ms and the 2.2x that the bench reports, so that a busy machine fails nothing that is linear
  it.each(Object.entries(families))(
    'reads 64 KB of %s in bounded time, and twice as much in about twice the time',
    (_, family) => {
      const text = family(65_536)
      detect(text)
      const once = cost(text, 3)
      expect(once).toBeLessThan(100)
      expect(cost(family(131_072), 3)).toBeLessThan(once * 4 + 25)
    },
  )
})
