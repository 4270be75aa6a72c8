/** What kinds of characters a value holds, as bits: each grammar is asked only when its own signs are there. */
export const Has = {
  apostrophe: 1,
  quote: 1 << 1,
  backtick: 1 << 2,
  less: 1 << 3,
  greater: 1 << 4,
  paren: 1 << 5,
  semicolon: 1 << 6,
  equals: 1 << 7,
  percent: 1 << 8,
  ampersand: 1 << 9,
  backslash: 1 << 10,
  slash: 1 << 11,
  dollar: 1 << 12,
  brace: 1 << 13,
  pipe: 1 << 14,
  newline: 1 << 15,
  plus: 1 << 16,
  hash: 1 << 17,
  dash: 1 << 18,
  star: 1 << 19,
  dot: 1 << 20,
  colon: 1 << 21,
  at: 1 << 22,
  wide: 1 << 23,
  digit: 1 << 24,
  space: 1 << 25,
  control: 1 << 26,
  comma: 1 << 27,
  bracket: 1 << 28,
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

/** Letters, digits, underscore and everything beyond ASCII: what continues a word in every grammar here. */
export const isWord = (unit: number): boolean =>
  (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90) || (unit >= 48 && unit <= 57) || unit === 95 || unit >= 128

/** ASCII letters. */
export const isLetter = (unit: number): boolean => (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90)

/** ASCII digits. */
export const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57

/** Space, tab, line ends, form feed, vertical tab and no-break space: what any of the grammars skips. */
export const isSpace = (unit: number): boolean => unit === 32 || (unit >= 9 && unit <= 13) || unit === 160
