// Random markup for the differential soak and its short form in the tests: mostly the plain subset, with everything that
// could make a parser and a fast path disagree strewn in.
const inline = [
  'b',
  'i',
  'em',
  'strong',
  'u',
  's',
  'code',
  'sub',
  'sup',
  'small',
  'mark',
  'span',
  'kbd',
  'del',
  'ins',
  'a',
]
const block = ['p', 'blockquote', 'ul', 'ol', 'li', 'h1', 'h2', 'h3', 'h4', 'div', 'pre', 'table', 'tr', 'td']
const text = [
  'Fits well',
  'a',
  ' ',
  '\n',
  '  \n ',
  '\t',
  'é',
  'ü ',
  '日本',
  '😀',
  '\u00a0',
  '&amp;',
  '&lt;',
  '&gt;',
  '&quot;',
  '&#39;',
  '&nbsp;',
  '& ',
  '&',
  '&copy',
  '&copy;',
  '&#0;',
  '&#x41;',
  '>',
  '<',
  '"',
  "'",
  '`',
  '=',
  '\0',
  '\r',
  '\r\n',
  '\f',
  '\u000b',
  '\u0001',
  '\ufeff',
  '\ud800',
  '\udc00',
  '\u2028',
  '\uffff',
  '{{x}}',
  '${x}',
  '<%',
  ']]>',
  '-->',
  '&lt;b&gt;',
  '&amp;lt;',
  '5 > 3',
  '1 < 2',
  'AT&T',
  'R&amp;D',
  "it's",
]
const href = [
  'https://shop.example/a',
  'http://a.b/c?d=e#f',
  '/p/1',
  '//x.y',
  'javascript:alert(1)',
  'https://x/?a=1&b=2',
  'https://x/?a=1&amp;b=2',
  '#top',
  'mailto:a@b.c',
  'ftp://x',
  'HTTPS://X',
  'https://x/"',
  'https://x/<',
  'https://x/ y',
  'https://ü.de',
  '',
  'data:text/html,x',
  'https://x/%20;[]',
  'tel:123',
  'https://x/%3Cscript%3E',
  'https://javascript:x',
  '/javascript:x',
  '/\\evil',
  'https://x/--!>',
  'https://x/]]',
]
const odd = [
  '<br>',
  '<br/>',
  '<br />',
  '</br>',
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  '<!-- c -->',
  '<!--',
  '<?x?>',
  '<![CDATA[x]]>',
  '</p>',
  '</b>',
  '</div>',
  '<B>',
  '</B>',
  '<b >',
  '<b\n>',
  '<b/>',
  '<svg>',
  '<math>',
  '<style>x{}</style>',
  '<textarea>',
  '<title>',
  '<p class="x">',
  '<a>',
  '<a href>',
  '<a href=x>',
  '<a title="t" href="/x">',
  '<a href="/x" title="t">',
  '<font>',
  '<form>',
  '<body>',
  '<html>',
  '<head>',
  '<template>',
  '<hr>',
  '<select>',
  '<option>',
  '<nobr>',
  '<button>',
  '<xmp>',
  '<b',
  '</',
  '<',
  '<1>',
  '<b<i>',
  '<li>',
  '</li>',
  '<frameset>',
]

/** A generator of doubles in [0, 1): mulberry32. */
export function random(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** One fragment. */
export function markup(next: () => number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  const noise = next() < 0.5 ? 0 : next() * 0.2
  const safeText = (): string => (next() < 0.8 ? pick(text.slice(0, 17)) : pick(text))
  let out = ''
  const open: string[] = []
  const steps = 1 + Math.floor(next() * 14)
  for (let k = 0; k < steps; k++) {
    const roll = next()
    if (roll < noise) out += pick(odd)
    else if (roll < 0.45) out += safeText()
    else if (roll < 0.7 && open.length > 0) out += `</${open.pop()!}>`
    else if (roll < 0.74) out += '<br>'
    else {
      const name = next() < 0.55 ? pick(inline) : pick(block)
      out += name === 'a' ? `<a href="${next() < 0.7 ? pick(href.slice(0, 3)) : pick(href)}">` : `<${name}>`
      open.push(name)
    }
  }
  if (next() > 0.1) while (open.length > 0) out += `</${open.pop()!}>`
  return out
}
