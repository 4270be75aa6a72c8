import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { errorCodes } from './errors.ts'

test('the README lists the codes there are, and no others', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const listed = new Set(readme.match(/ERR_SHOP___CODE___\w+/g))
  expect([...listed].toSorted()).toEqual(Object.keys(errorCodes).toSorted())
})
