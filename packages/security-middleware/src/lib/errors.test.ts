import { readdirSync, readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { errorCodes, SecurityError } from './errors.ts'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const codesIn = (text: string): string[] => [...new Set(text.match(/ERR_SHOP_SECURITY_[A-Z_]+/g))].sort()
const files = readdirSync(new URL('.', import.meta.url)).filter(
  (name) => name.endsWith('.ts') && !name.startsWith('errors.'),
)

test('the README lists exactly the codes there are', () => {
  expect(codesIn(read('../../README.md'))).toEqual(Object.keys(errorCodes).sort())
})

test('every code is thrown somewhere, and raised in a test', () => {
  const sources = files
    .filter((name) => !name.includes('.test'))
    .map((name) => read(name).replace(/@throws[^\n]*/g, ''))
    .join('')
  const tests = files
    .filter((name) => name.includes('.test'))
    .map(read)
    .join('')
  const missing = Object.keys(errorCodes).filter((code) => !sources.includes(code) || !tests.includes(code))
  expect(missing).toEqual([])
})

test('an error has its code, its help and its cause', () => {
  const error = new SecurityError('ERR_SHOP_SECURITY_OPTION', 'x is 1, and must be 2.', { cause: 'why' })
  expect(error).toMatchObject({
    name: 'SecurityError',
    code: 'ERR_SHOP_SECURITY_OPTION',
    message: 'x is 1, and must be 2. [ERR_SHOP_SECURITY_OPTION]',
    cause: 'why',
  })
  expect(error.help).toContain('README.md#err_shop_security_option')
})
