import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, it } from 'vitest'

import { errorCodes, MetricsError } from './errors.ts'

const here = import.meta.dirname
const files = readdirSync(here).map((name) => [name, readFileSync(path.join(here, name), 'utf8')] as const)
const readme = readFileSync(path.join(here, '../../README.md'), 'utf8')

describe('the error codes', () => {
  it('are the same in the registry and the README', () => {
    const listed = new Set([...readme.matchAll(/`(ERR_SHOP_METRICS_\w+)`/g)].map(([, code]) => code!))
    expect([...listed].toSorted()).toEqual(Object.keys(errorCodes).toSorted())
  })

  it.each(Object.keys(errorCodes))('%s is thrown somewhere, and a test raises it', (code) => {
    const sources = files.filter(([name]) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'errors.ts')
    const tests = files.filter(([name]) => name.endsWith('.test.ts') && name !== 'errors.test.ts')
    expect(
      sources.some(([, text]) => text.includes(`'${code}'`)),
      'thrown',
    ).toBe(true)
    expect(
      tests.some(([, text]) => text.includes(code)),
      'raised',
    ).toBe(true)
  })

  it('carry where they are explained', () => {
    const error = new MetricsError('ERR_SHOP_METRICS_NAME', 'a message', { cause: 1 })
    expect(error).toMatchObject({ name: 'MetricsError', code: 'ERR_SHOP_METRICS_NAME', cause: 1 })
    expect(error.help).toContain('ERR_SHOP_METRICS_NAME')
  })
})

describe('the README', () => {
  it('names every metric this package writes, and no other of the shop', () => {
    const sources = files
      .filter(([name]) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map(([, text]) => text)
      .join('')
    const named = new Set(
      [...readme.matchAll(/`((?:http_server|db_client|nodejs|v8js|postgresql|shop)_[a-z0-9_]+)[`{]/g)].map(
        ([, name]) => name!,
      ),
    )
    const unknown = [...named].filter((name) => !sources.includes(name) && !/^nodejs_eventloop_delay_/.test(name))
    expect(unknown).toEqual([])
    const written = new Set(
      [...sources.matchAll(/'((?:http_server|db_client|v8js|postgresql|shop)_[a-z0-9_]+)'/g)].map(([, name]) => name!),
    )
    const missing = [...written].filter(
      (name) => !named.has(name) && name !== 'shop_metrics_' && !/_(name|type|state)$/.test(name),
    )
    expect(missing).toEqual([])
  })

  it('names every export', async () => {
    const entries = await Promise.all(
      ['index', 'cluster', 'cli'].map((name) => import(`../${name}.ts`) as Promise<object>),
    )
    const [, listed = ''] = readme.split('## All exports')
    const named = new Set([...listed.matchAll(/`(\w+)`/g)].map(([, name]) => name!))
    expect(entries.flatMap((entry) => Object.keys(entry)).filter((name) => !named.has(name))).toEqual([])
  })

  it('names every option of every function, in the row of that function', () => {
    const sources = files.filter(([name]) => !name.endsWith('.test.ts')).map(([, text]) => text)
    const taken = sources.flatMap((text) =>
      [...text.matchAll(/onlyKnown\('(\w+)\(\)', options, (?:\[([^\]]*)\]|OPTIONS)/g)].map(([, name, list]) => {
        const known = list ?? /const OPTIONS\b[^[]*\[([^\]]*)\]/.exec(text)![1]!
        return [name!, [...known.matchAll(/'(\w+)'/g)].map(([, option]) => option!)] as const
      }),
    )
    expect(taken.length).toBeGreaterThan(10)
    const lines = readme.split('\n')
    const missing = taken.flatMap(([name, options]) => {
      const row = lines.filter((line) => line.startsWith('|') && line.split('|')[1]!.includes(`${name}(`)).join('')
      return options
        .filter((option) => option !== 'register' && !row.includes(`\`${option}\``))
        .map((option) => [name, option])
    })
    // which has a table of its own
    expect(missing.filter(([name]) => name !== 'withTraces')).toEqual([])
  })
})
