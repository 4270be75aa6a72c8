import { describe, expect, it } from 'vitest'

import { markup, random } from '../../soak/markup.ts'
import { htmlAllowList } from './html-allow-list.ts'
import { htmlFastPath } from './html-fast-path.ts'
import { domPurifier } from './purifier.ts'

const review = htmlAllowList('allow', 'review')
const fast = htmlFastPath(review)

describe('htmlFastPath', () => {
  it.each([
    ['plain text, as it is', "AT&T, 5 > 3, O'Brien"],
    ['paragraphs', '<p>One</p><p>Two<br>lines</p>'],
    ['emphasis', 'Fits <b>very <i>well</i></b>'],
    ['lists', '<ul><li>a</li><li>b</li></ul>'],
    ['plain links', '<a href="https://shop.example/p?a=b#c">x</a>'],
  ])('answers for %s', (_, text) => {
    expect(fast(text)).toBe(text)
  })

  it('writes what a serialiser would', () => {
    expect(fast('<b>1 > 0 & \u00a0&quot;&#39;</b>')).toBe('<b>1 &gt; 0 &amp; &nbsp;"\'</b>')
  })

  it.each([
    '<script>x</script>',
    '<b onclick=x>y</b>',
    '<a href="javascript:x">y</a>',
    '<p>a<p>b',
    '<b><p>x</p></b>',
    '<ul>x</ul>',
    '<a><a></a></a>',
    '<img src=x>',
    '<!-- x -->',
    '<b>&copy</b>',
    '<b>\0</b>',
    '<b>\ud800</b>',
    '<B>x</B>',
    '<b>x',
    ' <b>x</b>',
  ])('leaves %j to the DOM', (text) => {
    expect(fast(text)).toBeUndefined()
  })

  it('gives the bytes of DOMPurify over jsdom', async () => {
    const purifier = await domPurifier(review)
    const next = random(20_261_124)
    let answered = 0
    for (let tried = 0; tried < 6_000; tried++) {
      const text = markup(next)
      const ours = fast(text)
      if (ours === undefined) continue
      answered++
      expect([text, ours]).toEqual([text, purifier.purify(text).html])
    }
    expect(answered).toBeGreaterThan(1_200)
    purifier.close()
  })
})
