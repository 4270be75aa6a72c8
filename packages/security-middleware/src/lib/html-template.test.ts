import { describe, expect, it } from 'vitest'

// under another name, so that no formatter takes the templates for markup of its own to tidy
import { dangerouslySetHtml, html as write } from './html-template.ts'

const evil = `"'><script>x</script>`

describe('html', () => {
  it('encodes by where a value stands', () => {
    expect(String(write`<p>${evil}</p>`)).toBe('<p>&quot;&#39;&gt;&lt;script&gt;x&lt;/script&gt;</p>')
    expect(String(write`<p title="${evil}">`)).not.toContain('<script')
    expect(String(write`<a href="${'javascript:x'}">`)).toBe('<a href="about:invalid">')
    expect(String(write`<a href="/s?q=${'a&b=c'}">`)).toBe('<a href="/s?q=a%26b%3Dc">')
    expect(String(write`<a href="${'/s?q=1'}&r=${'&'}">`)).toBe('<a href="/s?q=1&r=%26">')
    expect(String(write`<i style="color:${'red;x:y'}">`)).toBe('<i style="color:red\\3b x\\3a y">')
    expect(String(write`<script>const s = ${{ a: '</script>' }}</script>`)).toBe(
      String.raw`<script>const s = {"a":"\u003c/script\u003e"}</script>`,
    )
    expect(String(write`<script>say('${"'x"}')</script>`)).toBe(String.raw`<script>say('\x27x')</script>`)
    expect(String(write`<b onclick="say('${"'x"}')">`)).toBe(String.raw`<b onclick="say('\x27x')">`)
    expect(String(write`<style>a { color: ${'}'} }</style>`)).toContain('\\7d ')
    expect(String(write`<title>${'<b>'}</title>`)).toBe('<title>&lt;b&gt;</title>')
    expect(String(write`<script src="x.js"></script><p>${'<'}</p>`)).toContain('<p>&lt;</p>')
  })

  it('leaves its own results and lists of them as they are; nothing for nothing', () => {
    const items = ['a', '<b>'].map((item) => write`<li>${item}</li>`)
    expect(String(write`<ul>${items}</ul>`)).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>')
    expect(String(write`${null}${undefined}${false}${0}${''}`)).toBe('0')
    expect(String(write`${dangerouslySetHtml('<hr>')}`)).toBe('<hr>')
    expect(JSON.stringify({ part: write`<i>` })).toBe('{"part":"<i>"}')
    expect(String(write`<p title="${write`<i>`}">`)).not.toContain('<i>')
  })

  it.each([
    ['a tag name', () => write`<${'b'}>`],
    ['a closing tag name', () => write`</${'b'}>`],
    ['an attribute name', () => write`<b ${'onclick'}="x">`],
    ['an unquoted attribute', () => write`<b title=${'x'}>`],
    ['a comment', () => write`<!-- ${'x'} -->`],
    ['a handler', () => write`<b onclick="${'x'}">`],
    ['a script comment', () => write`<script>// ${'x'}\n</script>`],
    ['a script template', () => write`<script>\`${'x'}\`</script>`],
    ['a document in an attribute', () => write`<iframe srcdoc="${'x'}">`],
  ])('refuses %s, where no encoding is safe', (_, template) => {
    expect(template).toThrow(expect.objectContaining({ code: 'ERR_SHOP_SECURITY_ENCODER' }))
  })
})
