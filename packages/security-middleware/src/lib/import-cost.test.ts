import { execFileSync } from 'node:child_process'

import { expect, test } from 'vitest'

/** The packages that a fresh process has loaded after importing an entry. */
function loadedBy(entry: string): string[] {
  const url = new URL(`../${entry}.ts`, import.meta.url).href
  const script = `
    const { registerHooks } = require('node:module')
    const seen = new Set()
    registerHooks({ load(url, context, next) {
      const name = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(url)?.[1]
      if (name) seen.add(name)
      return next(url, context)
    } })
    import(${JSON.stringify(url)}).then(() => console.log(JSON.stringify([...seen])))`
  return JSON.parse(
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', '-e', script], { encoding: 'utf8' }),
  ) as string[]
}

test.each([
  ['index', ['helmet']],
  ['validate', []],
  ['commerce', ['zod']],
  ['postgres', []],
  ['redis', []],
])('importing %s loads %j and nothing else', (entry, packages) => {
  expect(loadedBy(entry)).toEqual(packages)
})
