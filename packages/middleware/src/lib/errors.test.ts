import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { ERROR_CODES } from './errors.ts'

test('the README lists exactly the codes there are', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const listed = new Set(readme.match(/ERR_SHOP_MIDDLEWARE_\w+/g))
  expect([...listed].sort()).toEqual(Object.keys(ERROR_CODES).sort())
})
