import type { HtmlAllowList } from './html-allow-list.ts'

/**
 * Elements whose parsing has no surprises while they are properly nested: no implied end tags, no foster parents, no adoption
 * agency. A block may hold the blocks listed, and text and inline elements where `inline` says so.
 */
const blocks: Readonly<Record<string, { readonly inline: boolean; readonly holds: readonly string[] }>> = {
  p: { inline: true, holds: [] },
  blockquote: { inline: true, holds: ['p', 'ul', 'ol', 'blockquote'] },
  ul: { inline: false, holds: ['li'] },
  ol: { inline: false, holds: ['li'] },
  li: { inline: true, holds: ['p', 'ul', 'ol', 'blockquote'] },
  h1: { inline: true, holds: [] },
  h2: { inline: true, holds: [] },
  h3: { inline: true, holds: [] },
  h4: { inline: true, holds: [] },
}
const top = ['p', 'blockquote', 'ul', 'ol', 'h1', 'h2', 'h3', 'h4']
const inlines = new Set([
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
])

/** What one character of text needs: 0 nothing, 1 its own rule, 2 the slow path. */
const text = new Uint8Array(128)
text[0x00] = 2
text[0x0c] = 2
text[0x0d] = 2
text[0x26] = 1
text[0x3c] = 1
text[0x3e] = 1

const deepest = 32

/**
 * Sanitises the common, harmless subset of HTML without a DOM, or gives undefined for what it is not sure of. What it gives is,
 * to the byte, what DOMPurify over jsdom gives for the same list; soak/sanitize.soak.ts holds the two side by side.
 * One pass, linear.
 */
export function htmlFastPath(list: Required<HtmlAllowList>): (markup: string) => string | undefined {
  const allowed = new Set(list.tags)
  const known = (name: string): boolean => allowed.has(name)
  const attributes = new Set(list.attributes)
  const names: string[] = []

  return function fastPath(markup) {
    // DOMPurify gives a text without any tag back as it is
    if (!markup.includes('<')) return markup
    let out = ''
    let from = 0
    names.length = 0
    let i = 0
    const size = markup.length
    let started = false
    while (i < size) {
      const unit = markup.charCodeAt(i)
      if (unit > 127) {
        if (unit === 0xa0) {
          out += `${markup.slice(from, i)}&nbsp;`
          from = i + 1
        } else if ((unit >= 0xd800 && unit <= 0xdfff) || unit === 0xfeff || unit === 0xfffe || unit === 0xffff) {
          if (!isPair(markup, i)) return undefined
          i++
        }
        if (!mayHoldText(names)) return undefined
        started = true
        i++
        continue
      }
      const kind = text[unit]!
      if (kind === 0) {
        const blank = unit === 32 || unit === 10 || unit === 9
        // DOMPurify treats white space before the first tag apart; between blocks a parser has its own ideas of it
        if (!started && blank) return undefined
        if (!blank && !mayHoldText(names)) return undefined
        started = true
        i++
        continue
      }
      if (kind === 2) return undefined
      if (unit === 0x3e) {
        if (!mayHoldText(names)) return undefined
        out += `${markup.slice(from, i)}&gt;`
        from = ++i
        started = true
        continue
      }
      if (unit === 0x26) {
        if (!mayHoldText(names)) return undefined
        const [end, written] = reference(markup, i)
        if (end === 0) return undefined
        out += markup.slice(from, i) + written
        i = end
        from = end
        started = true
        continue
      }
      const end = tag(markup, i, known, attributes, names)
      if (end === 0) return undefined
      started = true
      // a rewritten address cannot happen here: the tag is already as a serialiser writes it
      i = end
    }
    if (names.length > 0) return undefined
    return out + markup.slice(from)
  }
}

function mayHoldText(names: readonly string[]): boolean {
  const parent = names.at(-1)
  return parent === undefined || parent === 'a' || inlines.has(parent) || blocks[parent]!.inline
}

/** The five references whose serialised form is certain. */
function reference(markup: string, i: number): readonly [end: number, written: string] {
  if (markup.startsWith('&amp;', i)) return [i + 5, '&amp;']
  if (markup.startsWith('&lt;', i)) return [i + 4, '&lt;']
  if (markup.startsWith('&gt;', i)) return [i + 4, '&gt;']
  if (markup.startsWith('&quot;', i)) return [i + 6, '"']
  if (markup.startsWith('&#39;', i)) return [i + 5, "'"]
  if (markup.startsWith('&nbsp;', i)) return [i + 6, '&nbsp;']
  const next = markup.charCodeAt(i + 1)
  return next === 32 || next === 10 ? [i + 1, '&amp;'] : [0, '']
}

/** Reads the tag at `i` if it is one of the plain forms, keeps the stack of open elements, and gives its end, or 0. */
function tag(
  markup: string,
  i: number,
  known: (name: string) => boolean,
  attributes: ReadonlySet<string>,
  names: string[],
): number {
  const closing = markup.charCodeAt(i + 1) === 0x2f
  const start = closing ? i + 2 : i + 1
  let end = start
  while (end < markup.length && end - start < 11 && isNameUnit(markup.charCodeAt(end))) end++
  if (end === start || markup.charCodeAt(start) < 97) return 0
  const name = markup.slice(start, end)
  if (!known(name)) return 0
  if (closing) {
    if (markup.charCodeAt(end) !== 0x3e || names.at(-1) !== name) return 0
    names.pop()
    return end + 1
  }
  const parent = names.at(-1)
  if (name === 'br') return markup.charCodeAt(end) === 0x3e && mayHoldText(names) ? end + 1 : 0
  if (names.length >= deepest) return 0
  if (name === 'a') {
    if (!mayHoldText(names) || names.includes('a')) return 0
    const after = link(markup, end, attributes)
    if (after === 0) return 0
    names.push(name)
    return after
  }
  if (markup.charCodeAt(end) !== 0x3e) return 0
  if (inlines.has(name)) {
    // the parser counts formatting elements of one name; nesting one in itself is left to it
    if (!mayHoldText(names) || names.includes(name)) return 0
  } else if (Object.hasOwn(blocks, name)) {
    if (
      parent === undefined
        ? !top.includes(name)
        : !Object.hasOwn(blocks, parent) || !blocks[parent]!.holds.includes(name)
    )
      return 0
  } else return 0
  names.push(name)
  return end + 1
}

/** ` href="…"` with an address of plain characters, and nothing else; gives the tag's end, or 0. */
function link(markup: string, end: number, attributes: ReadonlySet<string>): number {
  if (markup.charCodeAt(end) === 0x3e) return end + 1
  if (!attributes.has('href') || !markup.startsWith(' href="', end)) return 0
  let i = end + 7
  const relative = markup.charCodeAt(i) === 0x2f
  if (!relative && !markup.startsWith('https://', i) && !markup.startsWith('http://', i)) return 0
  while (i < markup.length && isAddressUnit(markup.charCodeAt(i))) i++
  return markup.charCodeAt(i) === 0x22 && markup.charCodeAt(i + 1) === 0x3e ? i + 2 : 0
}

const isNameUnit = (unit: number): boolean => (unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57)

/** Letters, digits and `- . _ ~ : / ? # @ ! $ + , ; = %`: nothing a serialiser escapes. */
const isAddressUnit = (unit: number): boolean =>
  (unit >= 97 && unit <= 122) ||
  (unit >= 64 && unit <= 90) ||
  (unit >= 43 && unit <= 59) ||
  unit === 61 ||
  unit === 63 ||
  unit === 95 ||
  unit === 126 ||
  unit === 33 ||
  unit === 35 ||
  unit === 36 ||
  unit === 37

function isPair(markup: string, i: number): boolean {
  const high = markup.charCodeAt(i)
  const low = markup.charCodeAt(i + 1)
  return high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff
}
