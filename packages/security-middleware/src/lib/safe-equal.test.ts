import fc from 'fast-check'
import { dudect } from '@shop/testkit/dudect'
import { describe, expect, test } from 'vitest'

import { safeEqual } from './safe-equal.ts'

describe('safeEqual()', () => {
  test('is equality of any two texts and byte strings', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.uint8Array())
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(safeEqual(a, a)).toBe(true)
        const same =
          typeof a === 'string' && typeof b === 'string'
            ? a === b
            : typeof a === typeof b && Buffer.compare(a as Uint8Array, b as Uint8Array) === 0
        if (typeof a === typeof b) expect(safeEqual(a, b)).toBe(same)
      }),
    )
  })

  test('takes a text and its UTF-8 for equal', () => {
    expect(safeEqual('zürich', Buffer.from('zürich'))).toBe(true)
  })

  test('tells lone surrogates apart, which UTF-8 does not', () => {
    expect(safeEqual('\ud800', '\ud801')).toBe(false)
    expect(safeEqual('\ud800', '\ufffd')).toBe(false)
    expect(safeEqual('\ud800', '\ud800')).toBe(true)
  })

  test('nothing equals nothing', () => {
    expect([
      safeEqual(undefined, undefined),
      safeEqual(null, null),
      safeEqual(undefined, ''),
      safeEqual('', null),
      safeEqual('', ''),
    ]).toEqual([false, false, false, false, true])
  })

  const secret = 'k'.repeat(1024)
  const guesses = [`${'k'.repeat(1023)}x`, `x${'k'.repeat(1023)}`] as const

  test('its time does not tell how much of a guess is right (dudect, short form)', async () => {
    // the least of three runs: a busy machine adds differences, and takes none away that are there every time
    let least = Infinity
    for (let run = 0; run < 3 && least >= 4.5; run++)
      least = Math.min(least, (await dudect(8000, (input) => safeEqual(secret, guesses[input]))).t)
    expect(least).toBeLessThan(4.5)
  })

  test('the same test catches a comparison that stops at the first difference', async () => {
    const { t } = await dudect(8000, (input) => leaky(secret, guesses[input]))
    expect(t).toBeGreaterThan(4.5)
  })
})

function leaky(a: string, b: string): boolean {
  for (let i = 0; i < a.length; i++) if (a.charCodeAt(i) !== b.charCodeAt(i)) return false
  return a.length === b.length
}
