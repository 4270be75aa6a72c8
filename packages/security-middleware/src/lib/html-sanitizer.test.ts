import { readFileSync } from 'node:fs'
import path from 'node:path'

import { corpus } from '@shop/testkit'
import { Window } from 'happy-dom'
import { JSDOM } from 'jsdom'
import { describe, expect, it } from 'vitest'

import type { SecurityError } from './errors.ts'
import { htmlSanitizer } from './html-sanitizer.ts'

const clean = async (text: string, options: Parameters<typeof htmlSanitizer>[0] = {}): Promise<string> => {
  using sanitizer = htmlSanitizer(options)
  return (await sanitizer.sanitize(text)).html
}
const { document } = new JSDOM('').window
const parsed = (html: string): Element => {
  const element = document.createElement('div')
  element.innerHTML = html
  return element
}
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run()
  } catch (error) {
    return (error as SecurityError).code
  }
  return 'nothing thrown'
}

describe('htmlSanitizer', () => {
  it('keeps what the list allows and takes the rest, counting it', async () => {
    using sanitizer = htmlSanitizer()
    expect(await sanitizer.sanitize('<p>Fits <b>well</b><script>steal()</script></p>')).toEqual({
      html: '<p>Fits <b>well</b></p>',
      removed: 1,
    })
    expect(await sanitizer.sanitize('<b onclick="x()" class="y">a</b>')).toEqual({ html: '<b>a</b>', removed: 2 })
    expect(await sanitizer.sanitize('<h1>a</h1>')).toEqual({ html: 'a', removed: 1 })
    expect(await sanitizer.sanitize('<a href="javascript:x()">a</a>')).toEqual({ html: '<a>a</a>', removed: 1 })
  })

  it('answers at once where no DOM is needed', () => {
    using sanitizer = htmlSanitizer()
    expect(sanitizer.sanitize('AT&T <b>ok</b>')).toBeInstanceOf(Promise)
    expect(sanitizer.sanitize('A & B <b>ok</b>')).toEqual({ html: 'A &amp; B <b>ok</b>', removed: 0 })
    expect(sanitizer.sanitize("AT&T isn't markup")).toEqual({ html: "AT&T isn't markup", removed: 0 })
  })

  it('takes a list of its own, and refuses one that could run', async () => {
    expect(await clean('<mark>a</mark><b>b</b>', { allow: { tags: ['mark'] } })).toBe('<mark>a</mark>b')
    for (const allow of [
      { tags: ['script'] },
      { tags: ['svg'] },
      { tags: ['b'], attributes: ['onclick'] },
      { tags: ['b'], attributes: ['style'] },
      { tags: ['B'] },
      'everything' as never,
    ]) {
      expect(await codeOf(() => htmlSanitizer({ allow }))).toBe('ERR_SHOP_SECURITY_OPTION')
    }
    expect(await codeOf(() => htmlSanitizer({ allowed: 'review' } as never))).toBe('ERR_SHOP_SECURITY_UNKNOWN_OPTION')
  })

  it('takes a jsdom of yours, and no other DOM: happy-dom parses differently', async () => {
    expect(await clean('<i>a</i><x>b</x>', { dom: new JSDOM('') })).toBe('<i>a</i>b')
    expect(await codeOf(() => clean('<x>', { dom: new Window() }))).toBe('ERR_SHOP_SECURITY_DOM')
  })

  it('refuses what would take a parser too long, with a code and never a RangeError', async () => {
    const sanitizer = htmlSanitizer({ maxLength: 4_194_304 })
    const refused = (text: string): Promise<string> => codeOf(() => sanitizer.sanitize(text))
    expect(await refused('<div>'.repeat(2_000_000))).toBe('ERR_SHOP_SECURITY_MARKUP')
    expect(await refused('<div>'.repeat(100_000))).toBe('ERR_SHOP_SECURITY_MARKUP')
    expect(
      await refused(Array.from({ length: 2_000 }, (_, i) => `<b class=${i}>`).join('') + '<p>'.repeat(2_000)),
    ).toBe('ERR_SHOP_SECURITY_MARKUP')
    expect(await codeOf(() => htmlSanitizer({ maxLength: 10 }).sanitize('<b>longer than ten</b>'))).toBe(
      'ERR_SHOP_SECURITY_MARKUP',
    )
    expect(await refused('<div>'.repeat(4_000))).toBe('ERR_SHOP_SECURITY_MARKUP')
    expect((await sanitizer.sanitize('<div>'.repeat(400))).html).toBe('')
    expect((await sanitizer.sanitize('<b><i><u><div>'.repeat(100) + 'x')).html).toContain('x')
  })

  it('answers for every byte, lone surrogates and mixed encodings', async () => {
    using sanitizer = htmlSanitizer()
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')
    for (const text of [
      bytes,
      `<b>${bytes}</b>`,
      '<b>\ud800\udc00\udc00</b>',
      '<b>%3Cscript%3E&#x3c;script&#62;</b>',
    ]) {
      expect((await sanitizer.sanitize(text)).html).not.toMatch(text === bytes ? /\u0100/ : /<script/)
    }
  })

  it('lets other work run while it sanitises many, and stops when told', async () => {
    using sanitizer = htmlSanitizer()
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const many = Array.from({ length: 200 }, (_, i) => `<p>${i}<x></p>`)
    expect((await sanitizer.sanitizeAll(many))[199]).toEqual({ html: '<p>199</p>', removed: 1 })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(5)
    await expect(sanitizer.sanitizeAll(many, { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  })

  it('loads its DOM ahead of time', async () => {
    const sanitizer = htmlSanitizer()
    await sanitizer.ready()
    sanitizer[Symbol.dispose]()
  })

  it("makes DOMPurify's own fixtures harmless", async () => {
    const fixtures = JSON.parse(readFileSync(path.join(corpus('html'), 'dompurify-fixtures.json'), 'utf8')) as {
      title: string
      payload: string
    }[]
    expect(fixtures.length).toBe(223)
    using sanitizer = htmlSanitizer({ allow: 'article' })
    for (const { payload } of fixtures) {
      const { html } = await sanitizer.sanitize(payload)
      // what a browser makes of it must be made of allowed parts only
      for (const element of parsed(html).querySelectorAll('*')) {
        expect(['SCRIPT', 'STYLE', 'SVG', 'IFRAME', 'OBJECT', 'FORM', 'TEMPLATE']).not.toContain(element.nodeName)
        for (const { name, value } of element.attributes) {
          expect(name).not.toMatch(/^on|^style$/)
          if (name === 'href' || name === 'src')
            expect(value.replaceAll(/\s/g, '')).not.toMatch(/^(?:javascript|vbscript):/i)
        }
      }
      expect((await sanitizer.sanitize(html)).html).toBe(html)
    }
  })

  it('keeps what Markdown becomes: at least 612 of the safe examples of CommonMark', async () => {
    const spec = readFileSync(path.join(corpus('html'), 'commonmark-spec.txt'), 'utf8')
    const examples = [...spec.matchAll(/^`{32} example\n[\s\S]*?\n\.\n([\s\S]*?)^`{32}$/gm)].map((match) =>
      match[1]!.replaceAll('→', '\t'),
    )
    expect(examples.length).toBeGreaterThanOrEqual(652)
    using sanitizer = htmlSanitizer({ allow: 'article' })
    let kept = 0
    for (const html of examples) {
      if (parsed((await sanitizer.sanitize(html)).html).innerHTML === parsed(html).innerHTML) kept++
    }
    expect(kept).toBeGreaterThanOrEqual(612)
  })
})
