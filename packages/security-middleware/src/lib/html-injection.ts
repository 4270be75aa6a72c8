import { Has, isLetter, isSpace, isWord, isDigit } from './chars.ts'
import type { Span } from './finding.ts'
import { eventHandlers, scriptSchemes, Tag, tags } from './html-words.ts'
import { scriptCode } from './script-code.ts'
import { lower, startsWithWord } from './word-table.ts'

/**
 * Looks for markup and script that a page would run: read as HTML text with the tokenizer of the HTML standard (and the laxities
 * of old engines), as the rest of a quoted or unquoted attribute value, as an address, and as script. Markup that only formats
 * (`<b>`, `<br />`, `<a href="https://…">`) is not an attack. One pass per reading.
 */
export function htmlInjection(text: string, bits: number): Span | undefined {
  spare = text.length * 2 + 16_384
  handler.from = handler.at = script.from = script.at = 0
  assigned.start = assigned.end = unquoted.start = unquoted.end = 0
  // four thousand million texts later the numbers begin again
  if (reading++ === 0xffffffff) {
    stood.fill(0)
    reading = 1
  }
  return (
    (bits & Has.less ? markup(text) : undefined) ??
    (bits & Has.equals ? attribute(text) : undefined) ??
    (bits & Has.colon ? address(text) : undefined) ??
    (bits & (Has.paren | Has.equals | Has.backtick | Has.bracket | Has.semicolon) ? scriptCode(text) : undefined) ??
    (bits & Has.brace && bits & Has.ampersand ? scriptEntity(text) : undefined)
  )
}

/**
 * What is left of this text for looking ahead. Tags that never close would otherwise be read to the end once each; when it is
 * used up, looking ahead stops short, so that time stays linear.
 */
let spare = 0

/** The next handler, and the next word "script", at or after `from`: looked for once, however many tags ask. */
const handler = { from: 0, at: 0, end: 0 }
const script = { from: 0, at: 0 }

const ahead = (length: number): number => Math.min(length, Math.max(spare, 24))

function markup(text: string): Span | undefined {
  const size = text.length
  for (let i = text.indexOf('<'); i >= 0 && i < size - 1; i = text.indexOf('<', i + 1)) {
    const rule = tagRule(text, i)
    if (rule) return { start: i, end: Math.min(size, i + 64), rule }
  }
  return undefined
}

function tagRule(text: string, at: number): string | undefined {
  let i = at + 1
  let unit = text.charCodeAt(i)
  if (unit === 33) return declaration(text, i + 1)
  if (unit === 63)
    return startsWithWord(text, 'xml', i + 1) ||
      startsWithWord(text, 'import', i + 1) ||
      startsWithWord(text, 'php', i + 1) ||
      hasHandler(text, i, 512)
      ? 'html-processing-instruction'
      : undefined
  if (unit === 37) return hasHandler(text, i, 256) ? 'html-handler' : undefined
  const closing = unit === 47
  if (closing) i++
  // old engines skip controls and odd spaces before the name; prose puts a space there too, so then only an active element counts
  const from = i
  while (
    i < text.length &&
    i - from < 32 &&
    (isSpace(text.charCodeAt(i)) || text.charCodeAt(i) < 32 || text.charCodeAt(i) === 47)
  )
    i++
  const skipped = i > from
  unit = text.charCodeAt(i)
  if (!isLetter(unit))
    return unit === 91 || unit === 96 || closing ? (hasHandler(text, i, 512) ? 'html-handler' : undefined) : undefined
  const start = i
  while (i < text.length && (isWord(text.charCodeAt(i)) || text.charCodeAt(i) === 58 || text.charCodeAt(i) === 45)) i++
  const name = afterPrefix(text, start, i)
  const kind = tags.lookup(text, name, i)
  const next = text.charCodeAt(i)
  if (kind === Tag.active) {
    if (!skipped || closing || next === 62 || isSpace(next) || next === 47) return 'html-active-element'
  }
  if (
    !skipped &&
    (startsWithWord(text, 'script', name) || startsWithWord(text, 'svg:', start) || startsWithWord(text, 'xsl:', start))
  ) {
    return 'html-active-element'
  }
  if (skipped && !closing && next !== 62 && !hasHandler(text, i, 512)) return undefined
  if (kind === Tag.frame && (closing || next === 62 || isSpace(next) || next === 47)) return 'html-document-element'
  if (
    closing &&
    (startsWithWord(text, 'style', name) ||
      startsWithWord(text, 'title', name) ||
      startsWithWord(text, 'textarea', name) ||
      startsWithWord(text, 'template', name))
  ) {
    return text.indexOf('<', i) >= 0 && !opened(text, at, name, i) ? 'html-raw-text-closed' : attributes(text, i)
  }
  if (kind === Tag.attributed && !closing && next !== 62 && assigns(text, i)) return 'html-active-element'
  if (startsWithWord(text, 'style', name) && i - name === 5 && next === 62)
    return styleRule(text, i, Math.min(text.length, i + 2048)) ?? undefined
  if (
    kind === Tag.animate &&
    assigns(text, i) &&
    (attributeNamed(text, i, 'attributename') || attributeNamed(text, i, 'to') || attributeNamed(text, i, 'xlink:href'))
  )
    return 'html-animated-attribute'
  return attributes(text, i)
}

/** Where the local part of `prefix:name` begins. */
function afterPrefix(text: string, start: number, end: number): number {
  for (let i = end - 1; i > start; i--) if (text.charCodeAt(i) === 58) return i + 1
  return start
}

/** Whether the raw-text element closed at `at` was opened before, in the same value. */
function opened(text: string, at: number, name: number, end: number): boolean {
  spare -= 4096
  if (spare < 0) return true
  const open = `<${text.slice(name, end).toLowerCase()}`
  return text
    .slice(Math.max(0, at - 4096), at)
    .toLowerCase()
    .includes(open)
}

function declaration(text: string, i: number): string | undefined {
  if (startsWithWord(text, 'entity', i) || startsWithWord(text, 'attlist', i)) return 'html-entity-declaration'
  if (startsWithWord(text, '--[if', i) || startsWithWord(text, '[if', i)) return 'html-conditional-comment'
  if (startsWithWord(text, '[cdata[', i)) return hasHandler(text, i, 1024) ? 'html-handler' : undefined
  if (startsWithWord(text, '--', i)) return undefined
  return hasHandler(text, i, 1024) ? 'html-handler' : undefined
}

/** A `name=` in the tag at `i`: prose in angle brackets has none. */
function assigns(text: string, i: number): boolean {
  const size = Math.min(text.length, i + ahead(256))
  for (let k = i; k < size; k++) {
    const unit = text.charCodeAt(k)
    if (unit === 61 || unit === 62) {
      spare -= k - i
      return unit === 61
    }
  }
  spare -= size - i
  return false
}

function attributeNamed(text: string, i: number, name: string): boolean {
  const size = Math.min(text.length, i + ahead(512))
  spare -= size - i
  for (let k = i; k < size; k++) {
    if (text.charCodeAt(k) === 62) return false
    if (startsWithWord(text, name, k) && !isWord(text.charCodeAt(k - 1))) {
      let next = k + name.length
      while (isSpace(text.charCodeAt(next)) && next - k < 64) next++
      if (text.charCodeAt(next) === 61) return true
    }
  }
  return false
}

/**
 * Reads a tag's attributes from `i` to its `>`: handlers, script addresses, styles that run. What follows depends on the place
 * alone, so a reading that comes to a place where an earlier one of this text stood has nothing new to see: tags that never close
 * are read once together, not once each.
 */
function attributes(text: string, from: number): string | undefined {
  const size = text.length
  if (stood.length < size) stood = new Uint32Array(size * 2)
  for (let i = from; i < size;) {
    const unit = text.charCodeAt(i)
    if (unit === 62 || stood[i] === reading) break
    stood[i] = reading
    if (!isLetter(unit) && unit !== 58 && unit < 128) {
      i++
      continue
    }
    if (i >= assigned.start && i < assigned.end) {
      // a tag that began inside a name: the value was judged under the whole of it, and is again while there is budget
      spare -= assigned.next - assigned.end
      if (spare < 0) break
    } else assignment(text, i)
    if (assigned.valueStart > 0) {
      const rule = attributeRule(text, i, assigned.end, assigned.valueStart, assigned.valueEnd)
      if (rule) return rule
    }
    i = assigned.next
  }
  return undefined
}

/** Places where a reading of attributes stood, by the number of the text: never cleared, only outdated. */
let stood = new Uint32Array(1_024)
let reading = 0

/** The attribute last read, and where the last value without quotes ends: those that begin inside it end there too. */
const assigned = { start: 0, end: 0, valueStart: 0, valueEnd: 0, next: 0 }
const unquoted = { start: 0, end: 0 }

function assignment(text: string, start: number): void {
  const size = text.length
  let i = start
  while (i < size && isAttributeNameUnit(text.charCodeAt(i))) i++
  assigned.start = start
  assigned.end = i
  assigned.valueStart = 0
  while (i < size && (isSpace(text.charCodeAt(i)) || text.charCodeAt(i) < 32)) i++
  if (text.charCodeAt(i) === 61) {
    i++
    while (i < size && (isSpace(text.charCodeAt(i)) || text.charCodeAt(i) < 32)) i++
    const quote = text.charCodeAt(i)
    if (quote === 34 || quote === 39 || quote === 96) {
      assigned.valueStart = ++i
      while (i < size && text.charCodeAt(i) !== quote) i++
      assigned.valueEnd = i++
    } else {
      assigned.valueStart = i
      if (i > unquoted.start && i < unquoted.end) i = unquoted.end
      else {
        unquoted.start = i
        while (i < size && !isSpace(text.charCodeAt(i)) && text.charCodeAt(i) !== 62) i++
        unquoted.end = i
      }
      assigned.valueEnd = i
    }
  }
  assigned.next = i
}

const isAttributeNameUnit = (unit: number): boolean =>
  !isSpace(unit) && unit !== 61 && unit !== 62 && unit !== 47 && unit !== 34 && unit !== 39

function attributeRule(
  text: string,
  start: number,
  end: number,
  valueStart: number,
  valueEnd: number,
): string | undefined {
  const first = lower(text.charCodeAt(start))
  if (first === 111 && lower(text.charCodeAt(start + 1)) === 110 && end - start > 3 && !isPlainOn(text, start, end))
    return 'html-handler'
  if (first === 115 && end - start === 6 && startsWithWord(text, 'srcdoc', start)) return 'html-embedded-document'
  if (first === 115 && end - start === 5 && startsWithWord(text, 'style', start))
    return styleRule(text, valueStart, valueEnd)
  if (first === 100 && (startsWithWord(text, 'datasrc', start) || startsWithWord(text, 'dataformatas', start)))
    return 'html-data-binding'
  if (first === 102 && startsWithWord(text, 'formaction', start)) return scheme(text, valueStart, valueEnd) ?? undefined
  if (
    first === 120 &&
    startsWithWord(text, 'xmlns', start) &&
    end - start > 5 &&
    !startsWithWord(text, 'http', valueStart)
  )
    return 'html-namespace'
  if (startsWithWord(text, '&{', valueStart)) return 'html-script-entity'
  return scheme(text, valueStart, valueEnd) ?? markupInValue(text, valueStart, valueEnd)
}

/** A tag with a handler inside a value, for engines that lose count of the quotes. */
function markupInValue(text: string, start: number, end: number): string | undefined {
  for (let i = start; i < end; i++)
    if (text.charCodeAt(i) === 60) return hasHandler(text, i, end - i) ? 'html-handler' : undefined
  return undefined
}

const isPlainOn = (text: string, start: number, end: number): boolean =>
  ['only', 'once', 'one', 'onto', 'ongoing', 'online', 'ontario'].some(
    (word) => end - start === word.length && startsWithWord(text, word, start),
  )

/** `javascript:` and kin at the start of an address, spaces and controls ignored as a browser ignores them. */
function scheme(text: string, start: number, end: number): string | undefined {
  let i = start
  let name = ''
  while (i < end && name.length < 16) {
    const unit = text.charCodeAt(i)
    if (unit === 58) break
    if (unit > 32 && unit !== 160 && unit !== 34 && unit !== 39 && unit !== 96) {
      if (!isWord(unit) && unit !== 45) return undefined
      if (unit < 128) name += String.fromCharCode(unit)
    }
    i++
  }
  if (text.charCodeAt(i) !== 58 || name === '') return undefined
  const kind = scriptSchemes.lookup(name, 0, name.length)
  if (kind === 1 || kind === 3) return 'html-script-address'
  return kind === 2 && isScriptData(text, i + 1) ? 'html-script-address' : undefined
}

/** A data: address whose type a browser renders or runs; images, fonts and sounds pass. */
function isScriptData(text: string, from: number): boolean {
  let i = from
  while (isSpace(text.charCodeAt(i)) && i - from < 16) i++
  if (startsWithWord(text, 'image/svg', i)) return true
  for (const type of ['image/', 'font/', 'audio/', 'video/'] as const) if (startsWithWord(text, type, i)) return false
  return (
    startsWithWord(text, 'text/', i) ||
    startsWithWord(text, 'application/', i) ||
    (text.charCodeAt(i) === 44 && !isSpace(text.charCodeAt(i + 1))) ||
    text.charCodeAt(i) === 59 ||
    startsWithWord(text, 'multipart/', i)
  )
}

/** CSS that runs or loads: `expression(`, bindings, script in `url(`, imports; comments and escapes are read through. */
function styleRule(text: string, start: number, end: number): string | undefined {
  const length = ahead(Math.min(end - start, 2048))
  spare -= length
  if (!mayRun(text, start, start + length)) return undefined
  const plain = cssPlain(text.slice(start, start + length))
  for (const sign of [
    'expression(',
    'javascript:',
    'vbscript:',
    '-moz-binding',
    'behavior:',
    'behaviour:',
    '@import',
    '</style',
    'onerror=',
    '<img',
    '<script',
  ] as const)
    if (plain.includes(sign)) return 'html-style-script'
  if (plain.includes('write(') || plain.includes('alert(')) return 'html-style-script'
  if (plain.includes('url(')) return 'html-style-load'
  if (/[[\]{}]/.test(plain)) return 'html-style-breakout'
  return undefined
}

/** Whether a style has any of the signs that each form of script in it needs; a plain `width=3` has none. */
function mayRun(text: string, start: number, end: number): boolean {
  let before = 0
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 128 && styleSigns[unit] === 1) return true
    if (unit === 61 && (before | 32) === 114) return true
    if (unit > 32) before = unit
  }
  return false
}

const styleSigns = new Uint8Array(128)
for (const sign of '(:@<[]{}\\/\'"-') styleSigns[sign.charCodeAt(0)] = 1

function cssPlain(style: string): string {
  let out = ''
  for (let i = 0; i < style.length; i++) {
    const unit = style.charCodeAt(i)
    if (unit === 47 && style.charCodeAt(i + 1) === 42) {
      const close = style.indexOf('*/', i + 2)
      if (close < 0) break
      i = close + 1
    } else if (unit === 92) {
      let end = i + 1
      while (end < style.length && end - i < 7 && isHex(style.charCodeAt(end))) end++
      if (end > i + 1) {
        const code = Number.parseInt(style.slice(i + 1, end), 16)
        out += code > 31 && code < 127 ? String.fromCharCode(code) : ''
        i = isSpace(style.charCodeAt(end)) ? end : end - 1
      }
    } else if (unit > 32 && unit !== 39 && unit !== 34) out += style[i]
  }
  return out.toLowerCase()
}

const isHex = (unit: number): boolean => isDigit(unit) || ((unit | 32) >= 97 && (unit | 32) <= 102)

/** The value stands in an attribute: a handler, or a style or address that runs, after a quote or a space. */
function attribute(text: string, from: number = 0): Span | undefined {
  for (let i = text.indexOf('=', from); i >= 0; i = text.indexOf('=', i + 1)) {
    let end = i
    while (end > from && i - end < 64 && (isSpace(text.charCodeAt(end - 1)) || text.charCodeAt(end - 1) < 32)) end--
    let start = end
    while (start > from && end - start < 32 && isLetter(text.charCodeAt(start - 1))) start--
    if (end - start < 4) continue
    if (start > from && isWord(text.charCodeAt(start - 1))) continue
    if (handlerAt(text, start, end, i + 1)) return { start, end: i + 1, rule: 'html-handler' }
    if (end - start === 5 && startsWithWord(text, 'style', start)) {
      const rule = styleRule(text, i + 1, Math.min(text.length, i + 512))
      if (rule === 'html-style-script') return { start, end: i + 1, rule }
    }
    if (end - start === 6 && startsWithWord(text, 'srcdoc', start))
      return { start, end: i + 1, rule: 'html-embedded-document' }
  }
  return undefined
}

function handlerAt(text: string, start: number, end: number, value: number): boolean {
  if (lower(text.charCodeAt(start)) !== 111 || lower(text.charCodeAt(start + 1)) !== 110) return false
  let i = value
  while (i < text.length && i - value < 32 && (isSpace(text.charCodeAt(i)) || text.charCodeAt(i) < 32)) i++
  if (i >= text.length) return false
  if (eventHandlers.lookup(text, start, end) !== 0) return text.charCodeAt(i) !== 61
  // not an event we know: the value decides
  for (let k = i; k < text.length && k - i < 64; k++) {
    const unit = text.charCodeAt(k)
    if (unit === 40 || unit === 96) return k > i && end - start > 4
    if (!isWord(unit) && unit !== 46 && unit !== 34 && unit !== 39 && unit !== 91) return false
  }
  return false
}

/** Whether a handler or the word "script" stands in the `length` characters from `from` on. Asked from the left to the right. */
function hasHandler(text: string, from: number, length: number): boolean {
  const end = from + length
  if (handler.at < from || from < handler.from) {
    const span = attribute(text, from)
    handler.from = from
    handler.at = span?.start ?? Infinity
    handler.end = span?.end ?? Infinity
  }
  if (handler.end <= end) return true
  if (script.at < from || from < script.from) {
    scriptWord.lastIndex = from
    script.from = from
    script.at = scriptWord.exec(text)?.index ?? Infinity
  }
  return script.at + 6 <= end
}

const scriptWord = /script/gi

/** A script address by itself: `javascript:alert(1)`, but not "JavaScript: The Good Parts". */
function address(text: string): Span | undefined {
  for (let i = text.indexOf(':'); i >= 0; i = text.indexOf(':', i + 1)) {
    let start = i
    let name = ''
    while (start > 0 && i - start < 48 && name.length < 12) {
      const unit = text.charCodeAt(start - 1)
      if (isLetter(unit)) name = String.fromCharCode(unit) + name
      else if (unit !== 9 && unit !== 10 && unit !== 13 && unit !== 0 && !(unit === 32 && name.length < 9)) break
      start--
    }
    const kind = name.length < 3 ? 0 : longestScheme(name)
    if (kind === 0) continue
    const next = text.charCodeAt(i + 1)
    if (kind === 1 && i + 1 < text.length) {
      const direct = !isSpace(next) || next !== 32
      const code = scriptish(text, i + 1, direct)
      if (code) return { start, end: i + 1, rule: 'html-script-address' }
    }
    if (kind === 2 && isScriptData(text, i + 1) && text.slice(i, i + 96).includes(','))
      return { start, end: i + 1, rule: 'html-script-address' }
    if (kind === 3 && next !== 32 && i + 1 < text.length) return { start, end: i + 1, rule: 'html-script-address' }
  }
  return undefined
}

function longestScheme(letters: string): number {
  const name = letters.toLowerCase()
  if (
    name.endsWith('javascript') ||
    name.endsWith('vbscript') ||
    name.endsWith('livescript') ||
    name === 'vbs' ||
    name === 'mocha'
  )
    return 1
  return name === 'data' ? 2 : name === 'mhtml' ? 3 : 0
}

/** Script follows: a call or an assignment with no space inside, a comment, an escape. Titles and prose have words and spaces. */
function scriptish(text: string, from: number, direct: boolean): boolean {
  let i = from
  while (i < text.length && i - from < 16 && (isSpace(text.charCodeAt(i)) || text.charCodeAt(i) < 32)) i++
  const size = Math.min(text.length, i + 96)
  const start = i
  for (; i < size; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 40 || unit === 96 || unit === 61 || unit === 91 || unit === 123 || unit === 59 || unit === 37)
      return direct || i > start
    if (unit === 47 && i === start) return true
    if (isSpace(unit)) return direct && i > start && text.slice(i, i + 4).includes('(')
  }
  return (
    direct && i > start && text.length - start < 96 && /^[\w$.]+$/.test(text.slice(start)) && text.includes('.', start)
  )
}

/** `&{…}`, the script entity of Netscape 4. */
function scriptEntity(text: string): Span | undefined {
  const at = text.indexOf('&{')
  return at >= 0 && text.indexOf('}', at) > at + 3 ? { start: at, end: at + 2, rule: 'html-script-entity' } : undefined
}
