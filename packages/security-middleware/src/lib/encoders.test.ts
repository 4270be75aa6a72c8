import fc from 'fast-check'
import { JSDOM } from 'jsdom'
import { describe, expect, it } from 'vitest'

import {
  encodeAttribute,
  encodeCss,
  encodeHref,
  encodeHtml,
  encodeScriptJson,
  encodeScriptString,
  encodeUrl,
} from './encoders.ts'

const { document } = new JSDOM('').window
const parse = (html: string): Element => {
  const holder = document.createElement('div')
  holder.innerHTML = html
  return holder
}
/** What survives a parser unchanged: no NUL, no CR (HTML drops and rewrites them), no lone surrogates. */
const texts = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .map((text) => text.replaceAll(/[\0\r]/g, '').toWellFormed())
const hostile = fc
  .array(
    fc.constantFrom(
      '"',
      "'",
      '<',
      '>',
      '&',
      '`',
      '</script',
      '<!--',
      '\u2028',
      ' onload=x',
      '\\',
      '${',
      'javascript:',
      '\n',
      'a',
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))
const any = fc.oneof(texts, hostile)

describe('encoders', () => {
  it('encodeHtml: what a page shows is what was given, and no element appears', () => {
    fc.assert(
      fc.property(any, (text) => {
        const element = parse(encodeHtml(text))
        expect(element.textContent).toBe(text)
        expect(element.children.length).toBe(0)
      }),
    )
  })

  it('encodeAttribute: the value is what was given, quoted or not', () => {
    fc.assert(
      fc.property(any, (text) => {
        expect(parse(`<i title="${encodeAttribute(text)}">x</i>`).firstElementChild!.getAttribute('title')).toBe(text)
        const bare = parse(`<i title=${encodeAttribute(text)}>x</i>`).firstElementChild!
        if (text !== '') expect(bare.getAttribute('title')).toBe(text)
        expect(bare.attributes.length).toBe(1)
      }),
    )
  })

  it('encodeScriptString: evaluates to what was given, and closes nothing', () => {
    fc.assert(
      fc.property(any, (text) => {
        for (const quote of ["'", '"', '`']) {
          const source = quote + encodeScriptString(text) + quote
          expect(source).not.toMatch(/<\/script|<!--/i)
          // oxlint-disable-next-line typescript/no-implied-eval -- a script is what the encoder writes into
          expect(new Function(`return ${source}`)()).toBe(text)
        }
      }),
    )
  })

  it('encodeScriptJson: parses back, and holds no sign of markup', () => {
    fc.assert(
      fc.property(fc.jsonValue(), any, (value, text) => {
        const json = encodeScriptJson({ value, text })
        expect(json).not.toMatch(/[<>&\u2028\u2029]/)
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ value, text })))
      }),
    )
    expect(() => encodeScriptJson(undefined)).toThrow(TypeError)
  })

  it('encodeUrl: one component, whatever it holds', () => {
    fc.assert(
      fc.property(any, (text) => {
        const encoded = encodeUrl(text)
        expect(encoded).toMatch(/^[\w.~%-]*$/)
        expect(decodeURIComponent(encoded)).toBe(text)
      }),
    )
    expect(encodeUrl('\ud800')).toBe('%EF%BF%BD')
  })

  it('encodeHref: keeps the schemes of links, in whatever dress others come', () => {
    for (const good of [
      'https://a.example/?b=c&d=e',
      '/p/1',
      '#top',
      'mailto:a@b.example',
      'tel:+49',
      '?q=a:b',
      'a/b:c',
    ])
      expect(encodeHref(good)).toBe(encodeHtml(good))
    for (const bad of [
      'javascript:x()',
      ' JaVaScRiPt:x',
      'java\nscript:x',
      '\u0001javascript:x',
      'data:text/html,x',
      'vbscript:x',
      'blob:x',
      'jav\tascript&colon;:x',
    ])
      expect(encodeHref(bad)).toBe('about:invalid')
  })

  it('encodeCss: stays one value', () => {
    fc.assert(
      fc.property(any, (text) => {
        expect(encodeCss(text)).toMatch(/^(?:[a-zA-Z0-9]|\\[0-9a-f]{1,6} )*$/)
      }),
    )
    expect(encodeCss('a;b}')).toBe('a\\3b b\\7d ')
  })
})
