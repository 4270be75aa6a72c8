import { readFileSync } from 'node:fs'
import path from 'node:path'

import type { RequestView, Verdict } from '@shop/middleware'
import { corpus } from '@shop/testkit'
import { view } from '@shop/testkit/view'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { type Sanitized, sanitized } from './events.ts'
import { sanitizeInput, type SanitizeInputOptions } from './sanitize-input.ts'

async function run(
  options: SanitizeInputOptions,
  parsed: unknown,
): Promise<{ body: unknown; verdict: Verdict | undefined; told: Sanitized[] }> {
  const told: Sanitized[] = []
  const keep = (event: unknown): void => void told.push(event as Sanitized)
  sanitized.subscribe(keep)
  using policy = sanitizeInput(options)
  const request: RequestView = view({ method: 'POST', parsed })
  const verdict = await policy.inspect!(request)
  sanitized.unsubscribe(keep)
  return { body: request.body, verdict, told }
}
const hostile = '<p>ok<script>x</script></p>'

describe('sanitizeInput', () => {
  it('sanitises declared HTML and leaves all else as sent', async () => {
    const { body, told } = await run(
      { fields: { 'review.body': 'html', 'photos[].caption': 'html' } },
      { name: 'AT&T', title: hostile, review: { body: hostile }, photos: [{ caption: hostile, file: '<x>' }] },
    )
    expect(body).toEqual({
      name: 'AT&T',
      title: hostile,
      review: { body: '<p>ok</p>' },
      photos: [{ caption: '<p>ok</p>', file: '<x>' }],
    })
    expect(told).toEqual([{ fields: ['review.body', 'photos[].caption'], removed: 2 }])
  })

  it('reads the fields off a JSON Schema', async () => {
    const schema = z.toJSONSchema(
      z.object({ text: z.string(), body: z.string().meta({ contentMediaType: 'text/html' }) }),
    ) as NonNullable<SanitizeInputOptions['schema']>
    expect((await run({ schema }, { text: hostile, body: hostile })).body).toEqual({ text: hostile, body: '<p>ok</p>' })
  })

  it('treats every string as HTML for those who want it, and still leaves what has no tag', async () => {
    const { body, told } = await run(
      { mode: 'every-string' },
      { a: 'AT&T', b: ['<b>x</b><img src=x onerror=y>'], c: { d: '1 < 2' } },
    )
    expect(body).toEqual({ a: 'AT&T', b: ['<b>x</b>'], c: { d: '1 &lt; 2' } })
    expect(told).toEqual([{ fields: ['b[]'], removed: 1 }])
  })

  it('is synchronous where no DOM is needed', () => {
    using policy = sanitizeInput({ fields: { body: 'html' } })
    expect(policy.inspect!(view({ parsed: { body: '<p>fine</p>' } }))).toBeUndefined()
    expect(policy.inspect!(view({ parsed: { other: hostile } }))).toBeUndefined()
    expect(policy.inspect!(view({}))).toBeUndefined()
  })

  it('refuses markup beyond the limits', async () => {
    for (const body of ['<div>'.repeat(100_000), '<div>'.repeat(4_000)]) {
      expect(
        (await run({ fields: { body: 'html' }, html: { maxLength: 1_000_000 } }, { body })).verdict?.deny,
      ).toMatchObject({ status: 422, code: 'markup-too-complex' })
    }
    expect(
      (await run({ fields: { body: 'html', a: 'html' } }, { a: hostile, body: `<b>${'x'.repeat(70_000)}` })).verdict
        ?.deny?.status,
    ).toBe(422)
  })

  it('carries every naughty string through text fields unchanged', async () => {
    const strings = JSON.parse(readFileSync(path.join(corpus('attacks'), 'naughty-strings.json'), 'utf8')) as string[]
    const { body } = await run({ fields: { body: 'html' } }, { strings: [...strings], body: 'x' })
    expect((body as { strings: string[] }).strings).toEqual(strings)
  })

  it.each([
    [{ field: {} }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
    [{ mode: 'all' }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ fields: {}, schema: {} }, 'ERR_SHOP_SECURITY_OPTION'],
    [{ html: { allow: 'all' } }, 'ERR_SHOP_SECURITY_OPTION'],
  ])('refuses %j when it is built', (options, code) => {
    expect(() => sanitizeInput(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
