import { execFileSync } from 'node:child_process'
import path from 'node:path'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { pathWithin } from './path-within.ts'
import { programArguments } from './program-arguments.ts'
import { sql } from './sql-sink.ts'

const refused = expect.objectContaining({ code: 'ERR_SHOP_SECURITY_SINK' })

describe('sql', () => {
  it('writes a statement whose values stayed what the template made of them', () => {
    expect(sql`select id from products order by ${'price'}`).toBe('select id from products order by price')
    expect(sql`select * from t where id = ${42} limit ${10}`).toBe('select * from t where id = 42 limit 10')
    expect(sql`select * from t where name = '${'Anna'}'`).toBe("select * from t where name = 'Anna'")
    expect(sql`select '${'a -- b; drop'}'`).toBe("select 'a -- b; drop'")
  })

  it.each([
    () => sql`select * from t where id = ${'1 or 1=1'}`,
    () => sql`select * from t where name = '${"' or ''='"}'`,
    () => sql`select * from t where name = '${"O'Brien"}'`,
    () => sql`select * from t where name = '${'a\\'}' and x = '${' or 1=1 -- '}'`,
    () => sql`select * from t order by ${'price; drop table t'}`,
    () => sql`select * from t order by ${'(select 1)'}`,
    () => sql`select * from t where id = ${'1/**/'}`,
    () => sql`select * from t where id = ${'1 -- '}`,
    () => sql`select * from t order by ${''}`,
    () => sql`select * from t order by ${'select'}`,
    () => sql`select * from t where name = '${'a\0'}'`,
  ])('refuses a value that changed the structure (%#)', (write) => {
    expect(write).toThrow(refused)
  })
})

describe('pathWithin', () => {
  it('joins inside its folder', () => {
    expect(pathWithin('/srv/invoices', '2026', '4711.pdf')).toBe(path.resolve('/srv/invoices/2026/4711.pdf'))
    expect(pathWithin('/srv/invoices', '..name..pdf')).toBe(path.resolve('/srv/invoices/..name..pdf'))
  })

  it.each(['../x', '..', 'a/../../x', 'a\\..\\..\\x', '/etc/passwd', '\\x', 'c:\\x', 'x\0.pdf', 'x:stream'])(
    'refuses %j',
    (part) => {
      expect(() => pathWithin('/srv/invoices', part)).toThrow(refused)
    },
  )

  it('never leaves, whatever the parts', () => {
    const pieces = fc
      .array(fc.constantFrom('..', '.', '/', '\\', 'a', ' ', '%2e', '\0', ':'), { maxLength: 10 })
      .map((list) => list.join(''))
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 3 }), (parts) => {
        try {
          expect(`${pathWithin('/srv/x', ...parts)}/`).toMatch(/^\/srv\/x\//)
        } catch (error) {
          expect(error).toEqual(refused)
        }
      }),
    )
  })
})

describe('programArguments', () => {
  it('hands data to a program as it is', () => {
    const values = ['a b', '$(id)', '; ls', '"quoted"', 'ü']
    const out = execFileSync(process.execPath, [
      '-e',
      'process.stdout.write(JSON.stringify(process.argv.slice(1)))',
      '--',
      ...programArguments(...values),
    ])
    expect(JSON.parse(String(out))).toEqual(values)
  })

  it.each(['-rf', '--exec=id', '@file', '', 'a\0', 'a\nb'])('refuses %j', (value) => {
    expect(() => programArguments(value)).toThrow(refused)
  })
})
