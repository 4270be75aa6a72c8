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
})
