import { isDigit, isLetter } from './chars.ts'

const named: ReadonlyMap<string, string> = new Map(
  Object.entries({
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    amp: '&',
    nbsp: ' ',
    tab: '\t',
    newline: '\n',
    colon: ':',
    semi: ';',
    lpar: '(',
    rpar: ')',
    lsqb: '[',
    rsqb: ']',
    lbrack: '[',
    rbrack: ']',
    lcub: '{',
    rcub: '}',
    lbrace: '{',
    rbrace: '}',
    sol: '/',
    bsol: '\\',
    equals: '=',
    num: '#',
    excl: '!',
    dollar: '$',
    percnt: '%',
    ast: '*',
    plus: '+',
    comma: ',',
    period: '.',
    quest: '?',
    commat: '@',
    grave: '`',
    diacriticalgrave: '`',
    vert: '|',
    verbar: '|',
    verticalline: '|',
    hat: '^',
    lowbar: '_',
    hyphen: '-',
    dash: '-',
    midast: '*',
  }),
)

/**
 * One layer of decoding, all the usual encodings at once: percent (`%27`, `%u0027`, overlong UTF-8), HTML character references
 * (numeric with any number of zeros, and the named ones of ASCII), script escapes (`\x27`, `\u0027`, `\u{27}`, `\47`), UTF-7
 * (`+ADw-`), and full-width forms. NUL is dropped. Returns the same string when there was nothing to decode. One pass, linear.
 */
export function decodeLayer(text: string): string {
  let out = ''
  let from = 0
  let i = 0
  while (i < text.length) {
    const unit = text.charCodeAt(i)
    let end = i
    if (unit === 37) end = percent(text, i)
    else if (unit === 38) end = reference(text, i)
    else if (unit === 92) end = escape(text, i)
    else if (unit === 43) end = utf7(text, i)
    else if (unit === 0) end = piece(i + 1, '')
    else if (unit >= 0xff01 && unit <= 0xff5e) end = piece(i + 1, String.fromCharCode(unit - 0xfee0))
    else if (unit === 0x2bc) end = piece(i + 1, "'")
    if (end > i) {
      out += text.slice(from, i) + plain
      i = end
      from = end
    } else i++
  }
  return from === 0 ? text : out + text.slice(from)
}

/** What a form parser makes of `+`. */
export const plusToSpace = (text: string): string => text.replaceAll('+', ' ')

/** What the piece just decoded says. Each decoder below gives the piece's end, or `i` when there is none at `i`. */
let plain = ''

function piece(end: number, says: string): number {
  plain = says
  return end
}

function percent(text: string, i: number): number {
  if ((text.charCodeAt(i + 1) | 32) === 117) {
    const value = hex(text, i + 2, 4)
    return value < 0 ? i : piece(i + 6, fold(value))
  }
  const first = hex(text, i + 1, 2)
  if (first < 0) return i
  if (first < 0xc0) return piece(i + 3, first === 0 ? '' : String.fromCharCode(first))
  const more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf8 ? 3 : 0
  let value = first & (0x3f >> more)
  let at = i + 3
  for (let k = 0; k < more; k++) {
    const next = text.charCodeAt(at) === 37 ? hex(text, at + 1, 2) : -1
    if (next < 0x80 || next > 0xbf) return piece(i + 3, String.fromCharCode(first))
    value = (value << 6) | (next & 0x3f)
    at += 3
  }
  return piece(at, fold(value))
}

function reference(text: string, i: number): number {
  if (text.charCodeAt(i + 1) === 35) {
    const isHex = (text.charCodeAt(i + 2) | 32) === 120
    const start = isHex ? i + 3 : i + 2
    let end = start
    let value = 0
    while (end < text.length) {
      const digit = digitOf(text.charCodeAt(end))
      if (digit < 0 || (!isHex && digit > 9)) break
      value = Math.min(value * (isHex ? 16 : 10) + digit, 0x110000)
      end++
    }
    if (end === start) return i
    return piece(text.charCodeAt(end) === 59 ? end + 1 : end, fold(value))
  }
  let end = i + 1
  while (end < text.length && end - i < 18 && isLetter(text.charCodeAt(end))) end++
  if (end - i < 3) return i
  const name = text.slice(i + 1, end).toLowerCase()
  if (text.charCodeAt(end) === 59) {
    const known = named.get(name)
    return known === undefined ? i : piece(end + 1, known)
  }
  // the four references a browser accepts without their semicolon
  for (const short of ['lt', 'gt', 'quot'] as const) if (name === short) return piece(end, named.get(short)!)
  return i
}

function escape(text: string, i: number): number {
  const next = text.charCodeAt(i + 1)
  if ((next | 32) === 117) {
    if (text.charCodeAt(i + 2) === 123) {
      let end = i + 3
      let value = 0
      while (end < text.length && digitOf(text.charCodeAt(end)) >= 0)
        value = Math.min(value * 16 + digitOf(text.charCodeAt(end++)), 0x110000)
      return text.charCodeAt(end) === 125 && end > i + 3 ? piece(end + 1, fold(value)) : i
    }
    const value = hex(text, i + 2, 4)
    return value < 0 ? i : piece(i + 6, fold(value))
  }
  if ((next | 32) === 120) {
    const value = hex(text, i + 2, 2)
    return value < 0 ? i : piece(i + 4, fold(value))
  }
  if (next >= 48 && next <= 51 && isDigit(text.charCodeAt(i + 2)) && isDigit(text.charCodeAt(i + 3))) {
    const value = (next - 48) * 64 + (text.charCodeAt(i + 2) - 48) * 8 + text.charCodeAt(i + 3) - 48
    return value >= 32 && value < 127 ? piece(i + 4, String.fromCharCode(value)) : i
  }
  return i
}

/** RFC 2152, ASCII only: every ASCII character encodes as `+A` and two or more further base64 letters. */
function utf7(text: string, i: number): number {
  if (text.charCodeAt(i + 1) !== 65) return i
  let says = ''
  let bits = 0
  let held = 0
  let end = i + 1
  for (; end < text.length && end - i < 256; end++) {
    const value = base64(text.charCodeAt(end))
    if (value < 0) break
    held = ((held << 6) | value) & 0xffffff
    bits += 6
    if (bits >= 16) {
      bits -= 16
      const unit = (held >> bits) & 0xffff
      if (unit === 0 || unit > 126) return i
      says += String.fromCharCode(unit)
    }
  }
  if (says === '') return i
  return piece(text.charCodeAt(end) === 45 ? end + 1 : end, says)
}

function base64(unit: number): number {
  if (unit >= 65 && unit <= 90) return unit - 65
  if (unit >= 97 && unit <= 122) return unit - 71
  if (isDigit(unit)) return unit + 4
  return unit === 43 ? 62 : unit === 47 ? 63 : -1
}

function fold(value: number): string {
  if (value === 0 || value > 0x10ffff) return ''
  if (value >= 0xff01 && value <= 0xff5e) return String.fromCharCode(value - 0xfee0)
  if (value === 0x2bc || value === 0x2032) return "'"
  if (value === 0x2215 || value === 0x2044) return '/'
  if (value === 0x2216) return '\\'
  return String.fromCodePoint(value)
}

function hex(text: string, start: number, digits: number): number {
  let value = 0
  for (let i = start; i < start + digits; i++) {
    const digit = digitOf(text.charCodeAt(i))
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

function digitOf(unit: number): number {
  if (isDigit(unit)) return unit - 48
  const letter = unit | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
