import { readdirSync, readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { ASSETS } from './assets.generated.ts'
import { ERROR_CODES } from './errors.ts'
import { assume, exportSql } from './export.ts'
import { generate } from './generate-assets.ts'
import { defineMapping } from './mapping.ts'

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')

test('the module holds the SQL of the files', () => {
  const { ASSETS: fresh } = {
    ASSETS: JSON.parse(
      `[${/= \[\n([\s\S]*)\]\n$/
        .exec(generate())![1]!
        .replaceAll(/\{ file:/g, '{ "file":')
        .replaceAll(/, text:/g, ', "text":')
        .replace(/,\s*$/, '')}]`,
    ) as typeof ASSETS,
  }
  expect(ASSETS).toEqual(fresh)
})

test('sql/ holds the assets for the default names, for people who apply by hand', () => {
  const files = exportSql(assume(defineMapping()))
  expect(readdirSync(new URL('../../sql/', import.meta.url)).sort()).toEqual(files.map(({ file }) => file))
  for (const { file, text } of files) expect(read(`../../sql/${file}`)).toBe(text)
})

test('no step says IF NOT EXISTS', () => {
  for (const { text } of ASSETS) expect(text.toLowerCase()).not.toMatch(/(create|add) (\w+ )*if not exists/)
})

test('the README lists exactly the codes there are', () => {
  const listed = new Set(read('../../README.md').match(/ERR_SHOP_PG_[A-Z_]+/g))
  expect([...listed].sort()).toEqual(Object.keys(ERROR_CODES).sort())
})
