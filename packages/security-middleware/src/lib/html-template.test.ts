import { describe, expect, it } from 'vitest'

import { dangerouslySetHtml, html } from './html-template.ts'

const evil = `"'><script>x</script>`

describe('html', () => {
  it('encodes by where a value stands', () => {
    expect(String(html`<p>${evil}</p>`)).toBe('<p>&quot;&#39;&gt;&lt;script&gt;x&lt;/script&gt;</p>')
    expect(String(html`<p title="${evil}"></p>`)).not.toContain('<script')
    expect(String(html`<a href="${'javascript:x'}"></a>`)).toBe('<a href="about:invalid">')
    expect(String(html`<a href="/s?q=${'a&b=c'}"></a>`)).toBe('<a href="/s?q=a%26b%3Dc">')
    expect(String(html`<a href="${'/s?q=1'}&r=${'&'}"></a>`)).toBe('<a href="/s?q=1&r=%26">')
    expect(String(html`<i style="color:${'red;x:y'}"></i>`)).toBe('<i style="color:red\\3b x\\3a y">')
    expect(
      String(
        html`<script>
          const s = ${{ a: '</script>' }}
        </script>`,
      ),
    ).toBe(String.raw`<script>const s = {"a":"\u003c/script\u003e"}</script>`)
    expect(
      String(
        html`<script>
          say('${"'x"}')
        </script>`,
      ),
    ).toBe(String.raw`<script>say('\x27x')</script>`)
    expect(String(html`<b onclick="say('${"'x"}')"></b>`)).toBe(String.raw`<b onclick="say('\x27x')">`)
    expect(
      String(
        html`<style>
          a {
            color: ${'}'};
          }
        </style>`,
      ),
    ).toContain('\\7d ')
    expect(String(html`<title>${'<b>'}</title>`)).toBe('<title>&lt;b&gt;</title>')
    expect(
      String(
        html`<script src="x.js"></script>
          <p>${'<'}</p>`,
      ),
    ).toContain('<p>&lt;</p>')
  })

  it('leaves its own results and lists of them as they are; nothing for nothing', () => {
    const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`)
    expect(
      String(
        html`<ul>
          ${items}
        </ul>`,
      ),
    ).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>')
    expect(String(html`${null}${undefined}${false}${0}${''}`)).toBe('0')
    expect(String(html`${dangerouslySetHtml('<hr>')}`)).toBe('<hr>')
    expect(JSON.stringify({ part: html`<i></i>` })).toBe('{"part":"<i>"}')
    expect(String(html`<p title="${html`<i></i>`}"></p>`)).not.toContain('<i>')
  })

  it.each([
    ['a tag name', () => html`<${'b'}>`],
    ['a closing tag name', () => html`</${'b'}>`],
    ['an attribute name', () => html`<b ${'onclick'}="x"></b>`],
    ['an unquoted attribute', () => html`<b title=${'x'}></b>`],
    ['a comment', () => html`<!-- ${'x'} -->`],
    ['a handler', () => html`<b onclick="${'x'}"></b>`],
    [
      'a script comment',
      () =>
        html`<script>
          // ${'x'}
        </script>`,
    ],
    [
      'a script template',
      () =>
        html`<script>
          ;\`${'x'}\`
        </script>`,
    ],
    ['a document in an attribute', () => html`<iframe srcdoc="${'x'}"></iframe>`],
  ])('refuses %s, where no encoding is safe', (_, write) => {
    expect(write).toThrow(expect.objectContaining({ code: 'ERR_SHOP_SECURITY_ENCODER' }))
  })
})
