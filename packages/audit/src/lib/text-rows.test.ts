import fc from 'fast-check'
import { expect, it } from 'vitest'

import { cutRows } from './text-rows.ts'

it('gives back every row, whatever its characters: borders are counted, not searched for', () => {
  const cell = fc.string({ unit: 'grapheme' }).map((text) => `${text};,\u001f`)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), cell, cell)), (rows) => {
      const points = (text: string): number => [...text].length
      const frames = rows.map(([n, a, b]) => `${n},${points(a)},${points(b)};`).join('')
      const found: [number, string, string][] = []
      cutRows(rows.map(([, a, b]) => a + b).join(''), frames, (n, a, b) => found.push([n, a, b]))
      expect(found).toEqual(rows)
    }),
  )
})
