import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { expect, it } from 'vitest'

import { sqlFiles } from './sql.ts'

const folder = path.resolve(import.meta.dirname, '../../sql')

it('the module carries the files of sql/ as they are; if not, run node sql/generate.mjs', () => {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  expect(sqlFiles.map((file) => file.name)).toEqual(names)
  for (const { name, text } of sqlFiles) expect(text).toBe(readFileSync(path.join(folder, name), 'utf8'))
})
