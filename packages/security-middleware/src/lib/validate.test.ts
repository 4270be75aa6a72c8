import { brotliCompressSync, gzipSync } from 'node:zlib'

import { view, type ViewInit } from '@shop/testkit/view'
import type { Denial } from '@shop/middleware'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

import type { StandardSchema } from './standard-schema.ts'
import { valid, validate, type Validation } from './validate.ts'

const order = z.object({ sku: z.string(), quantity: z.int().min(1) })
const anything: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }

const post = (body: string | Uint8Array, headers: Record<string, string> = {}, url = '/orders'): ViewInit => ({
  method: 'POST',
  url,
  body,
  headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers },
})
const form = (body: string): ViewInit => post(body, { 'content-type': 'application/x-www-form-urlencoded' })

async function refusal(policy: Validation<unknown>, init: ViewInit): Promise<Denial | undefined> {
  return (await policy.evaluate!(view(init)))?.deny
}
async function code(policy: Validation<unknown>, init: ViewInit): Promise<string> {
  return (await refusal(policy, init))?.code ?? 'passed'
}
async function result<R>(policy: Validation<R>, init: ViewInit): Promise<R> {
  const request = view(init)
  expect(await policy.evaluate!(request)).toBeUndefined()
  return valid(request, policy)
}

describe('validate()', () => {
  test('gives what the schemas give, typed', async () => {
    const policy = validate({
      route: 'POST /shops/:shop/orders',
      params: z.object({ shop: z.string() }),
      query: z.object({ dry: z.stringbool().default(false) }),
      headers: z.object({ 'x-client': z.string().optional() }),
      body: order,
    })
    const { body, query, params, headers } = await result(
      policy,
      post('{"sku":"A","quantity":2}', { 'x-client': 'app' }, '/shops/z%C3%BCrich/orders?dry=true'),
    )
    const quantity: number = body.quantity
    expect([quantity, query.dry, params.shop, headers['x-client']]).toEqual([2, true, 'zürich', 'app'])
  })

  test('takes any Standard Schema, one that waits too', async () => {
    const slow: StandardSchema<string> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => (value === 'no' ? { issues: [{ message: 'not that' }] } : { value: 'checked' }),
      },
    }
    expect((await result(validate({ body: slow }), post('"yes"'))).body).toBe('checked')
    expect(await code(validate({ body: slow }), post('"no"'))).toBe('validation')
  })

  test('waits for nothing when there is no body', () => {
    expect(validate({ query: z.object({ q: z.string() }) }).evaluate!(view({ url: '/?q=a' }))).toBeUndefined()
  })

  test('answers 422 with a JSON Pointer an issue, and without what the client sent', async () => {
    const policy = validate({ body: z.object({ items: z.array(z.object({ 'a/b~c': z.int() })) }) })
    const denial = (await refusal(policy, post('{"items":[{"a/b~c":1},{"a/b~c":"4242 4242"}]}')))!
    expect(denial).toMatchObject({
      status: 422,
      code: 'validation',
      members: {
        errors: [{ path: '/items/1/a~1b~0c', in: 'body', message: expect.stringContaining('expected') as string }],
      },
    })
    expect(JSON.stringify(denial)).not.toContain('4242')
  })

  test('lists twenty issues and counts the rest', async () => {
    const denial = (await refusal(validate({ body: z.array(z.int()) }), post(JSON.stringify(Array(50).fill('x')))))!
    expect(denial.detail).toBe('50 issues in the body.')
    expect(denial.members!['errors']).toHaveLength(20)
  })

  test('is only about its route', async () => {
    const policy = validate({ route: 'POST /orders', body: order })
    expect(await code(policy, { ...post('{}'), method: 'PUT' })).toBe('passed')
    expect(await code(policy, post('{}', {}, '/other'))).toBe('passed')
    expect(await code(policy, post('{}'))).toBe('validation')
  })

  test('valid() throws where nothing was validated, and gives the last without a policy', async () => {
    const first = validate({ query: z.object({ a: z.string() }) })
    const request = view({ url: '/?a=1' })
    expect(() => valid(request, first)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_SECURITY_NOT_VALIDATED' }))
    expect(() => valid(request)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_SECURITY_NOT_VALIDATED' }))
    await first.evaluate!(request)
    expect(valid(request).query).toEqual({ a: '1' })
    expect(() => valid(request, validate())).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_SECURITY_NOT_VALIDATED' }),
    )
  })
})

describe('validate(): before anything is parsed', () => {
  const policy = validate({ body: anything, limits: { bytes: 2000, depth: 5, keys: 10, elements: 20 } })

  test.each([
    ['nested deeper', '['.repeat(6) + ']'.repeat(6), 'too-deep'],
    ['a depth bomb', '['.repeat(1999), 'too-deep'],
    ['objects nested deeper', '{"a":'.repeat(6) + '1' + '}'.repeat(6), 'too-deep'],
    ['more members', JSON.stringify(Object.fromEntries(Array.from({ length: 11 }, (_, i) => [i, i]))), 'too-many-keys'],
    ['more elements', JSON.stringify(Array(21).fill(0)), 'too-many-elements'],
    ['a member named __proto__', '{"__proto__":{"admin":true}}', 'forbidden-key'],
    ['one written with escapes', String.raw`{"a":{"__pr\u006fto__":1}}`, 'forbidden-key'],
    ['a member named constructor', '[{"constructor":{"prototype":{}}}]', 'forbidden-key'],
    ['a member twice', '{"role":"user","role":"admin"}', 'duplicate-key'],
    ['a member twice, once with escapes', String.raw`{"role":"user","r\u006fle":"admin"}`, 'duplicate-key'],
    ['a lone surrogate', String.raw`{"name":"\ud800"}`, 'lone-surrogate'],
    ['a lone surrogate as a name', String.raw`{"\udc00":1}`, 'lone-surrogate'],
    ['no JSON', '{"a":1', 'malformed'],
    ['a byte order mark', '\ufeff{}', 'malformed'],
    ['two values', '{}{}', 'malformed'],
  ])('refuses %s', async (_, body, expected) => {
    expect(await code(policy, post(body))).toBe(expected)
  })

  test('what stands in strings is not counted', async () => {
    expect((await result(policy, post(JSON.stringify({ a: `${'[{:,'.repeat(100)}\\"` })))).body).toEqual({
      a: `${'[{:,'.repeat(100)}\\"`,
    })
  })

  test('refuses broken UTF-8', async () => {
    expect(await code(policy, post(Buffer.from([0x22, 0xc3, 0x28, 0x22])))).toBe('encoding')
    expect(await code(policy, post(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])))).toBe('encoding')
  })

  test('refuses other types, charsets and encodings', async () => {
    for (const type of [
      'text/plain',
      'application/jsonp',
      'multipart/form-data',
      '',
      'application/json; charset=utf-16',
      'application/json;charset=latin1',
    ]) {
      expect(await code(policy, post('{}', { 'content-type': type }))).toBe('content-type')
    }
    for (const type of ['application/json; charset=UTF-8', 'application/merge-patch+json', 'APPLICATION/JSON']) {
      expect(await code(policy, post('{}', { 'content-type': type }))).toBe('passed')
    }
    expect(await code(policy, post(gzipSync('{}'), { 'content-encoding': 'gzip' }))).toBe('content-encoding')
  })

  test('undoes the encodings it is told to, within the limit', async () => {
    const inflating = validate({ body: anything, encodings: ['gzip', 'br'], limits: { bytes: 2000 } })
    expect((await result(inflating, post(gzipSync('{"a":1}'), { 'content-encoding': 'gzip' }))).body).toEqual({ a: 1 })
    expect((await result(inflating, post(brotliCompressSync('[1]'), { 'content-encoding': 'br' }))).body).toEqual([1])
    const bomb = gzipSync(Buffer.alloc(1_000_000, '0'))
    expect(bomb.byteLength).toBeLessThan(2000)
    expect(await code(inflating, post(bomb, { 'content-encoding': 'gzip' }))).toBe('body-too-large')
    expect(await code(inflating, post('not gzip', { 'content-encoding': 'gzip' }))).toBe('malformed')
    expect(await code(inflating, post('{}', { 'content-encoding': 'gzip, gzip' }))).toBe('content-encoding')
  })

  test('a longer body is the kernel’s to refuse with 413', async () => {
    await expect(policy.evaluate!(view(post('x'.repeat(2001))))).rejects.toHaveProperty(
      'code',
      'ERR_SHOP_MIDDLEWARE_BODY_TOO_LARGE',
    )
  })

  test('without a body schema JSON is held to the limits, and other bodies pass', async () => {
    const guard = validate({ limits: { depth: 2 } })
    expect(await code(guard, post('[[[]]]'))).toBe('too-deep')
    expect(await code(guard, post('{"__proto__":1}'))).toBe('forbidden-key')
    expect(await code(guard, post('anything', { 'content-type': 'image/png' }))).toBe('passed')
    expect(await code(guard, post(''))).toBe('passed')
  })

  test('a body without a length, as HTTP/2 may send it, is a body', async () => {
    const request = { method: 'POST', body: '[[[[[[', headers: { 'content-type': 'application/json' } }
    expect(await code(policy, request)).toBe('too-deep')
    expect(await code(validate({ limits: { depth: 2 } }), request)).toBe('too-deep')
    expect(
      await code(policy, {
        method: 'POST',
        headers: { 'transfer-encoding': 'chunked', 'content-type': 'application/json' },
        body: '[1',
      }),
    ).toBe('malformed')
  })

  test('duplicate members pass where they may', async () => {
    expect((await result(validate({ body: anything, duplicateKeys: 'last' }), post('{"a":1,"a":2}'))).body).toEqual({
      a: 2,
    })
  })

  test('any JSON that a client writes honestly comes through as it was', async () => {
    const wide = validate({ body: anything, limits: { depth: 100, keys: 10_000, elements: 10_000 } })
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 6 }), async (value) => {
        const text = JSON.stringify(value)
        fc.pre(!/"(?:__proto__|constructor|prototype)":/.test(text))
        expect((await result(wide, post(text))).body).toEqual(JSON.parse(text))
      }),
    )
  })

  test('any bytes are answered, and no prototype is touched', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
          fc.json({ noUnicodeString: false } as never).map((text) => Buffer.from(text)),
        ),
        async (body) => {
          const denial = await refusal(policy, post(body))
          expect(denial?.status ?? 400).toBeOneOf([400, 413, 415])
          expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('validate(): queries and forms', () => {
  const policy = validate({ query: anything, body: anything, lists: ['tag'], limits: { keys: 50, elements: 3 } })
  const query = async (text: string) =>
    code(validate({ query: anything, lists: ['tag'], limits: { keys: 50, elements: 3 } }), { url: `/?${text}` })

  test('decodes names and values, flat', async () => {
    const { query: values } = await result(validate({ query: anything }), {
      url: '/?q=caf%C3%A9+au+lait&a%5Bb%5D=1&empty=&bare',
    })
    expect(values).toEqual({ q: 'café au lait', 'a[b]': '1', empty: '', bare: '' })
  })

  test.each([
    ['more pairs', 'a&'.repeat(60), 'too-many-keys'],
    ['broken percent encoding', 'a=%zz', 'encoding'],
    ['broken UTF-8', 'a=%C3%28', 'encoding'],
    ['an encoded surrogate', 'a=%ED%A0%80', 'encoding'],
    ['a name twice', 'role=user&role=admin', 'repeated-parameter'],
    ['a name twice, once encoded', 'role=user&r%6fle=admin', 'repeated-parameter'],
    ['__proto__', '__proto__=1', 'forbidden-key'],
    ['__proto__ in brackets', 'a[__proto__][b]=1', 'forbidden-key'],
    ['constructor in dots, encoded', 'a.c%6fnstructor.prototype=1', 'forbidden-key'],
    ['a list that is too long', 'tag=1&tag=2&tag=3&tag=4', 'too-many-elements'],
  ])('refuses %s', async (_, text, expected) => {
    expect(await query(text)).toBe(expected)
    expect(await code(policy, form(text))).toBe(expected)
  })

  test('a list is a list, of one too', async () => {
    expect((await result(validate({ query: anything, lists: ['tag'] }), { url: '/?tag=a' })).query).toEqual({
      tag: ['a'],
    })
    expect((await result(policy, form('tag=a&tag=b&x=1'))).body).toEqual({ tag: ['a', 'b'], x: '1' })
  })

  test.each([
    ['first', { a: '1' }],
    ['last', { a: '2' }],
    ['list', { a: ['1', '2'] }],
  ] as const)('keeps the %s', async (repeated, expected) => {
    expect((await result(validate({ query: anything, repeated }), { url: '/?a=1&a=2' })).query).toEqual(expected)
  })

  test('agrees with URLSearchParams on everything that is well formed', async () => {
    const word = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => text.isWellFormed() && !/__proto__|constructor|prototype/.test(text))
    const wide = validate({ query: anything })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(word, word), { selector: ([name]) => name, maxLength: 20 }),
        async (pairs) => {
          const { query: values } = await result(wide, { url: `/?${new URLSearchParams(pairs).toString()}` })
          expect(values).toEqual(Object.fromEntries(pairs))
        },
      ),
    )
  })

  test('any query is answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary-ascii' }), async (text) => {
        expect(await query(text)).toBeTypeOf('string')
        expect(({} as Record<string, unknown>)['x']).toBeUndefined()
      }),
    )
  })
})

test('a path parameter with broken percent encoding is refused', async () => {
  const policy = validate({ route: '/orders/:id', params: anything })
  expect(await code(policy, { url: '/orders/%zz' })).toBe('encoding')
})

test.each([
  [{ schema: order }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  [{ body: { type: 'object' } }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ params: order }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ route: 'POST orders' }, 'ERR_SHOP_SECURITY_PATTERN'],
  [{ limits: { depth: 0 } }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ limits: { size: 1 } }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  [{ accepts: ['xml'] }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ repeated: 'all' }, 'ERR_SHOP_SECURITY_OPTION'],
  [{ encodings: ['zstd'] }, 'ERR_SHOP_SECURITY_OPTION'],
])('validate(%j) is refused when built', (options, expected) => {
  expect(() => validate(options as never)).toThrow(expect.objectContaining({ code: expected }))
})
