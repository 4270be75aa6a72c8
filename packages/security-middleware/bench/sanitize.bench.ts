// What sanitising a review costs: the fast path, the DOM behind it, and the peers.
import { createRequire } from 'node:module'

import { benchTable, interleave } from '@shop/testkit/bench'
import createDOMPurify from 'dompurify'
import { JSDOM } from 'jsdom'
import xss from 'xss'

import { encodeHtml } from '../src/encode.ts'
import { htmlSanitizer } from '../src/sanitize.ts'

// it ships no types of its own
const sanitizeHtml = createRequire(import.meta.url)('sanitize-html') as (html: string) => string

const plain = 'I bought this for my daughter & she loves it. 5 > 4 stars!'
const marked =
  '<p>Fits <b>very well</b>, see <a href="https://shop.example/p/1">this</a>.</p><ul><li>warm</li><li>light &amp; soft</li></ul>'
const hostile = '<p>Fits <b onclick="x()">well</b><script>steal()</script><img src=x onerror=y()></p>'

const sanitizer = htmlSanitizer()
await sanitizer.ready()
const purify = createDOMPurify(new JSDOM('').window)
const config = { ALLOWED_TAGS: ['a', 'b', 'em', 'i', 'li', 'ol', 'p', 'strong', 'ul'], ALLOWED_ATTR: ['href'] }

const costs = await interleave(
  {
    plain: () => sanitizer.sanitize(plain),
    marked: () => sanitizer.sanitize(marked),
    hostile: () => sanitizer.sanitize(hostile),
    purifyMarked: () => purify.sanitize(marked, config),
    purifyHostile: () => purify.sanitize(hostile, config),
    sanitizeHtml: () => sanitizeHtml(marked),
    xss: () => xss(marked),
    encode: () => encodeHtml(marked),
  },
  { calls: 400, repeats: 9 },
)
benchTable([
  { name: 'a plain text', ours: costs.plain.us, unit: 'us', goal: '<= 10' },
  { name: 'a review with allowed markup', ours: costs.marked.us, unit: 'us', goal: '<= 10' },
  {
    name: 'the same vs DOMPurify + jsdom',
    ours: costs.marked.us,
    peer: costs.purifyMarked.us,
    unit: 'us',
    goal: '<= 0.1',
  },
  { name: 'the same vs sanitize-html', ours: costs.marked.us, peer: costs.sanitizeHtml.us, unit: 'us', goal: '<= 1' },
  { name: 'the same vs xss', ours: costs.marked.us, peer: costs.xss.us, unit: 'us', goal: '<= 1' },
  {
    name: 'a hostile review vs DOMPurify + jsdom',
    ours: costs.hostile.us,
    peer: costs.purifyHostile.us,
    unit: 'us',
    goal: '<= 1.2',
  },
  { name: 'encodeHtml', ours: costs.encode.us, unit: 'us' },
])
sanitizer[Symbol.dispose]()
