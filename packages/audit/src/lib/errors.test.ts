import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { expect, it } from 'vitest'

import { AuditError, errorCodes } from './errors.ts'

const root = path.resolve(import.meta.dirname, '../..')
const codes = Object.keys(errorCodes).sort()

it('the README lists the codes there are, and no others', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
  const listed = [...readme.matchAll(/^\| `(ERR_SHOP_AUDIT_\w+)` \| (.+) \|$/gm)]
  expect(listed.map((row) => row[1]!).sort()).toEqual(codes)
  for (const [, code, text] of listed) expect(text).toBe(errorCodes[code as keyof typeof errorCodes])
})

it('every code is raised in a test', () => {
  const tests = globSync('src/**/*.test.ts', { cwd: root })
    .filter((file) => !file.endsWith('errors.test.ts'))
    .map((file) => readFileSync(path.join(root, file), 'utf8'))
    .join('')
  expect(codes.filter((code) => !tests.includes(code))).toEqual([])
})

it('an error says where it is explained', () => {
  expect(new AuditError('ERR_SHOP_AUDIT_CLOSED', 'closed').help).toMatch(/#err_shop_audit_closed$/)
})
