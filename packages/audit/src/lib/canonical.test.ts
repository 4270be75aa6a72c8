import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { corpus } from '@shop/testkit'

import { canonicalize } from './canonical.ts'

describe('RFC 8785 canonical JSON', () => {
  it('writes every published pair byte for byte', () => {
    const folder = corpus('audit/jcs')
    const names = readdirSync(path.join(folder, 'input'))
    expect(names.length).toBeGreaterThanOrEqual(6)
    for (const name of names) {
      const input: unknown = JSON.parse(readFileSync(path.join(folder, 'input', name), 'utf8'))
      const bytes = readFileSync(path.join(folder, 'outhex', name.replace('.json', '.txt')), 'utf8').replace(/\s+/g, '')
      expect(Buffer.from(canonicalize(input)).toString('hex'), name).toBe(bytes)
    }
  })

  it('has one form for one value, whatever the order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const wellFormed = JSON.parse(JSON.stringify(value).toWellFormed(), (_, v: unknown) =>
          typeof v === 'string' ? v.toWellFormed() : v,
        ) as unknown
        if (/\\ud[89a-f]/i.test(JSON.stringify(wellFormed))) return
        const once = canonicalize(wellFormed)
        expect(canonicalize(reversed(JSON.parse(once)))).toBe(once)
        expect(JSON.parse(once)).toEqual(JSON.parse(JSON.stringify(wellFormed)))
      }),
    )
  })

  it('leaves absent members out', () => {
    expect(canonicalize({ b: 1, a: undefined })).toBe('{"b":1}')
  })

  it.each([
    ['a lone surrogate', { a: ['\ud800'] }, '/a/0'],
    ['infinity', { a: { b: Infinity } }, '/a/b'],
    ['a bigint', [1n], '/0'],
    ['a date', { at: new Date(0) }, '/at'],
    ['a hole', [undefined], '/0'],
    ['a function', { f: () => 1 }, '/f'],
  ])('refuses %s with its path', (_, value, at) => {
    expect(() => canonicalize(value)).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_AUDIT_NOT_JSON', message: expect.stringContaining(at) }),
    )
  })

  it('refuses a cycle instead of overflowing the stack', () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    expect(() => canonicalize(loop)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_AUDIT_NOT_JSON' }))
  })
})

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([k, v]) => [k, reversed(v)]),
  )
}
