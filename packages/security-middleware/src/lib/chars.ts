/** What kinds of characters a value holds, as bits: each grammar is asked only when its own signs are there. */
export const Has = {
  apostrophe: 1,
  quote: 0x2,
  backtick: 0x4,
  less: 0x8,
  greater: 0x10,
  paren: 0x20,
  semicolon: 0x40,
  equals: 0x80,
  percent: 0x100,
  ampersand: 0x200,
  backslash: 0x400,
  slash: 0x800,
  dollar: 0x1000,
  brace: 0x2000,
  pipe: 0x4000,
  newline: 0x8000,
  plus: 0x10000,
  hash: 0x20000,
  dash: 0x40000,
  star: 0x80000,
  dot: 0x100000,
  colon: 0x200000,
  at: 0x400000,
  wide: 0x800000,
  digit: 0x1000000,
  space: 0x2000000,
  control: 0x4000000,
  comma: 0x8000000,
  bracket: 0x10000000,
} as const

const table = new Int32Array(128)
const mark = (bit: number, chars: string): void => {
  for (const char of chars) table[char.charCodeAt(0)] = bit
}
for (let unit = 0; unit < 32; unit++) table[unit] = Has.control
mark(Has.newline, '\r\n')
mark(Has.space, ' \t')
mark(Has.apostrophe, "'")
mark(Has.quote, '"')
mark(Has.backtick, '`')
mark(Has.less, '<')
mark(Has.greater, '>')
mark(Has.paren, '()')
mark(Has.semicolon, ';')
mark(Has.equals, '=')
mark(Has.percent, '%')
mark(Has.ampersand, '&')
mark(Has.backslash, '\\')
mark(Has.slash, '/')
mark(Has.dollar, '$')
mark(Has.brace, '{}')
mark(Has.pipe, '|^~!')
mark(Has.plus, '+')
mark(Has.hash, '#')
mark(Has.dash, '-')
mark(Has.star, '*')
mark(Has.dot, '.')
mark(Has.colon, ':')
mark(Has.at, '@')
mark(Has.digit, '0123456789')
mark(Has.comma, ',')
mark(Has.bracket, '[]')

/** The union of {@link Has} bits of a text, in one pass. */
export function charsOf(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    bits |= unit < 128 ? table[unit]! : Has.wide
  }
  return bits
}

/** Letters, digits, underscore and everything beyond ASCII that is no space: what continues a word in every grammar here. */
export const isWord = (unit: number): boolean =>
  (unit >= 97 && unit <= 122) ||
  (unit >= 65 && unit <= 90) ||
  (unit >= 48 && unit <= 57) ||
  unit === 95 ||
  (unit >= 128 && !isWideSpace(unit))

/** The spaces beyond ASCII, the byte order mark among them. */
const isWideSpace = (unit: number): boolean =>
  unit === 0xa0 ||
  (unit >= 0x2000 && unit <= 0x200b) ||
  unit === 0x2028 ||
  unit === 0x2029 ||
  unit === 0x202f ||
  unit === 0x205f ||
  unit === 0x3000 ||
  unit === 0xfeff

/** ASCII letters. */
export const isLetter = (unit: number): boolean => (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90)

/** ASCII digits. */
export const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57

/** Space, tab, line ends, form feed, vertical tab and the spaces beyond ASCII: what any of the grammars skips. */
export const isSpace = (unit: number): boolean =>
  unit === 32 || (unit >= 9 && unit <= 13) || (unit >= 0xa0 && isWideSpace(unit))
