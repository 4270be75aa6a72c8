import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Sieve } from './sieve.ts'

const forever = Number.MAX_SAFE_INTEGER

/** SIEVE as the paper has it: a list, newest first, and a hand that goes towards the newest. */
class Model {
  readonly list: { key: string; bytes: number; until: number; value: number; used: boolean }[] = []
  hand: string | undefined
  readonly maxEntries: number
  readonly maxBytes: number

  constructor(maxEntries: number, maxBytes: number) {
    this.maxEntries = maxEntries
    this.maxBytes = maxBytes
  }

  get bytes(): number {
    return this.list.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  delete(key: string): boolean {
    const at = this.list.findIndex((entry) => entry.key === key)
    if (at < 0) return false
    // the hand waits at the next newer one; past the newest it begins again at the oldest that is there then
    if (this.hand === key) this.hand = this.list[at - 1]?.key ?? 'past the newest'
    return this.list.splice(at, 1)[0]!.used
  }

  get(key: string, now: number): number | undefined {
    const entry = this.list.find((known) => known.key === key)
    if (entry === undefined) return undefined
    if (entry.until <= now) {
      this.delete(key)
      return undefined
    }
    entry.used = true
    return entry.value
  }

  set(key: string, value: number, bytes: number, until: number): void {
    const used = this.delete(key)
    if (bytes > this.maxBytes || this.maxEntries === 0) return
    while (this.list.length >= this.maxEntries || this.bytes + bytes > this.maxBytes) this.evict()
    this.list.unshift({ key, value, bytes, until, used })
    if (this.hand === 'past the newest') this.hand = key
  }

  evict(): void {
    let at = this.list.findIndex((entry) => entry.key === this.hand)
    if (at < 0) at = this.list.length - 1
    while (this.list[at]!.used) {
      this.list[at]!.used = false
      at = at === 0 ? this.list.length - 1 : at - 1
    }
    this.hand = this.list[at]!.key
    this.delete(this.hand)
  }
}

const key = fc.integer({ min: 0, max: 12 }).map((n) => `k${n}`)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant('get' as const), key }) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('set' as const),
      key,
      bytes: fc.integer({ min: 1, max: 12 }),
      life: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('delete' as const), key }) },
)

describe('the sieve', () => {
  test('does what the paper says, never exceeds a bound, and returns nothing expired, deleted or replaced', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 0, max: 40 }),
        fc.array(step, { maxLength: 150 }),
        (maxEntries, maxBytes, steps) => {
          let now = 0
          const sieve = new Sieve<number>(maxEntries, maxBytes, () => now)
          const model = new Model(maxEntries, maxBytes)
          for (const done of steps) {
            now++
            if (done.what === 'get') expect(sieve.get(done.key)?.value).toBe(model.get(done.key, now))
            else if (done.what === 'delete') {
              sieve.delete(done.key)
              model.delete(done.key)
            } else {
              sieve.set(done.key, now, done.bytes, now + done.life)
              model.set(done.key, now, done.bytes, now + done.life)
            }
            expect([sieve.size, sieve.bytes]).toEqual([model.list.length, model.bytes])
            expect(sieve.size).toBeLessThanOrEqual(maxEntries)
            expect(sieve.bytes).toBeLessThanOrEqual(maxBytes)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('keeps what is read while others pass through', () => {
    const sieve = new Sieve<number>(4, 100, Date.now)
    for (const name of ['a', 'b', 'c', 'd']) sieve.set(name, 1, 1, forever)
    for (let n = 0; n < 100; n++) {
      sieve.get('a')
      sieve.set(`passing ${n}`, 1, 1, forever)
    }
    expect(sieve.get('a')?.value).toBe(1)
  })

  test('is empty after clear, and fills again', () => {
    const sieve = new Sieve<number>(2, 100, Date.now)
    for (let n = 0; n < 5; n++) sieve.set(`a${n}`, n, 1, forever)
    sieve.clear()
    expect([sieve.size, sieve.bytes, sieve.get('a4')]).toEqual([0, 0, undefined])
    for (let n = 0; n < 5; n++) sieve.set(`b${n}`, n, 1, forever)
    expect([sieve.size, sieve.bytes, sieve.get('b4')?.value]).toEqual([2, 2, 4])
  })
})
