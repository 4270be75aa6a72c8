import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { isRetryError, RETRY_ERRORS, RetryConfigError, RetryError, stackless } from './errors.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

test('the README lists exactly the codes there are, each with its anchor', () => {
  expect([...new Set(readme.match(/ERR_SHOP_RETRY_[A-Z_]+/g))].sort()).toEqual(Object.keys(RETRY_ERRORS).sort())
  for (const code of Object.keys(RETRY_ERRORS)) expect(readme).toContain(`id="${code.toLowerCase()}"`)
})

test('the README names every option there is', () => {
  const shapes = readFileSync(new URL('retry.ts', import.meta.url), 'utf8').match(/^ {6}(\w+): \w/gm)!
  for (const line of shapes) expect(readme).toContain(`\`${line.trim().split(':')[0]}\``)
})

test('every code is raised in a test', async () => {
  const { glob } = await import('node:fs/promises')
  let tests = ''
  for await (const file of glob('**/*.test.ts', { cwd: new URL('.', import.meta.url).pathname })) {
    if (file !== 'errors.test.ts') tests += readFileSync(new URL(file, import.meta.url), 'utf8')
  }
  for (const code of Object.keys(RETRY_ERRORS)) expect(tests).toContain(code)
})

test('a code tells errors apart, and links to its help', () => {
  const error = new RetryError('ERR_SHOP_RETRY_OPEN', 'x', { cause: 1, retryAfter: 5 })
  expect(error).toMatchObject({
    name: 'RetryError',
    cause: 1,
    retryAfter: 5,
    help: 'packages/retry/README.md#err_shop_retry_open',
  })
  expect(isRetryError(error)).toBe(true)
  expect(isRetryError(error, 'ERR_SHOP_RETRY_LIMIT')).toBe(false)
  expect(isRetryError(new Error('x'))).toBe(false)
  expect(new RetryConfigError('ERR_SHOP_RETRY_OPTION', 'a.b', 'x')).toMatchObject({
    name: 'RetryConfigError',
    option: 'a.b',
  })
  expect('cause' in stackless('ERR_SHOP_RETRY_OPEN', 'x')).toBe(false)
})
