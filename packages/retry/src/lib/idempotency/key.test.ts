import fc from 'fast-check'
import { expect, test } from 'vitest'

import { canonical, digest } from './canonical.ts'
import { parseKey } from './key.ts'

test.each([
  ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
  ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
  [' "a \\"b\\" c" ', 'a "b" c'],
  ['""', undefined],
  ['', undefined],
  ['"open', undefined],
  ['two words', undefined],
  ['a, b', undefined],
  ['"a"; q=1', undefined],
  ['x'.repeat(256), undefined],
  ['"\u00e9"', undefined],
])('%j is the key %j', (field, key) => expect(parseKey(field)).toBe(key))

test('the order of members does not change what is canonical, their values do', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (members) => {
      const reversed = Object.fromEntries(Object.entries(members).reverse())
      expect(canonical(reversed)).toBe(canonical(members))
      expect(JSON.parse(canonical(members))).toEqual(JSON.parse(JSON.stringify(members)))
    }),
  )
  expect(canonical({ a: 1 })).not.toBe(canonical({ a: '1' }))
  expect(canonical({ at: new Date(0), skipped: undefined })).toBe('{"at":"1970-01-01T00:00:00.000Z"}')
})

test('no two lists of parts have one digest', () => {
  expect(digest('ab', 'c')).not.toBe(digest('a', 'bc'))
  expect(digest('', 'a')).not.toBe(digest('a', ''))
})
