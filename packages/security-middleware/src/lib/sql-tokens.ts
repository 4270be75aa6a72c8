import { isDigit, isLetter, isSpace, isWord } from './chars.ts'
import { Sql, sqlWords } from './sql-words.ts'

/** Where in a statement the value is taken to stand: by itself, or inside an open string that its first such quote closes. */
export type SqlContext = 'bare' | "'" | '"'

/** The tokens of one reading of a text. The arrays are reused by the next reading. */
export interface SqlTokens {
  length: number
  kinds: Uint8Array
  starts: Int32Array
  ends: Int32Array
  /** Inline comments between tokens (`un/**\/ion`), counted: prose has none. */
  inline: number
  /** `/*!`, MySQL's conditional comment, was seen. */
  conditional: boolean
}

const scratch: SqlTokens = {
  length: 0,
  kinds: new Uint8Array(512),
  starts: new Int32Array(512),
  ends: new Int32Array(512),
  inline: 0,
  conditional: false,
}

/** Splits a text into SQL tokens, one pass, in any dialect at once: what one dialect takes as a comment or a quote is taken so. */
export function sqlTokens(text: string, context: SqlContext): SqlTokens {
  const out = scratch
  if (out.kinds.length < text.length + 4) {
    out.kinds = new Uint8Array(text.length * 2)
    out.starts = new Int32Array(text.length * 2)
    out.ends = new Int32Array(text.length * 2)
  }
  out.inline = 0
  out.conditional = false
  let n = 0
  let i = 0
  const { kinds, starts, ends } = out
  const size = text.length
  if (context !== 'bare') {
    const close = text.indexOf(context)
    if (close < 0) {
      out.length = 0
      return out
    }
    kinds[0] = Sql.string
    starts[0] = 0
    ends[0] = close + 1
    n = 1
    i = close + 1
  }
  while (i < size) {
    const unit = text.charCodeAt(i)
    const start = i
    let kind: number = Sql.other
    if (isSpace(unit) || unit < 32) {
      i++
      continue
    }
    if (isLetter(unit) || unit === 95 || unit >= 128 || (unit === 36 && i > start)) {
      i = wordEnd(text, i)
      kind = sqlWords.lookup(text, start, i) || Sql.word
      // e'…', n'…', x'…', b'…', _utf8'…'
      if (kind === Sql.word && i - start === 1 && text.charCodeAt(i) === 39 && isStringPrefix(unit | 32)) continue
    } else if (isDigit(unit) || (unit === 46 && isDigit(text.charCodeAt(i + 1)))) {
      i = numberEnd(text, i)
      kind = Sql.number
      if (i < size && (isLetter(text.charCodeAt(i)) || text.charCodeAt(i) === 95)) {
        // "1or 1=1" is a number and a keyword; "1950s" is a word
        const end = wordEnd(text, i)
        const known = sqlWords.lookup(text, i, end)
        if (
          known !== Sql.logic &&
          known !== Sql.union &&
          known !== Sql.by &&
          known !== Sql.tail &&
          known !== Sql.compare &&
          !startsClause(known, text, i, end)
        ) {
          kind = Sql.word
          i = end
        }
      }
    } else if (unit === 39 || unit === 34) {
      i = stringEnd(text, i + 1, unit)
      kind = Sql.string
    } else if (unit === 96) {
      const end = text.indexOf('`', i + 1)
      i = end < 0 ? i + 1 : end + 1
      kind = end < 0 ? Sql.other : Sql.word
    } else if (unit === 91) {
      // [column]: SQL Server
      let end = i + 1
      while (end < size && end - i < 64 && text.charCodeAt(end) !== 93) end++
      const named = end > i + 1 && text.charCodeAt(end) === 93
      i = named ? end + 1 : i + 1
      kind = named ? Sql.word : Sql.other
    } else {
      const next = text.charCodeAt(i + 1)
      i++
      switch (unit) {
        case 40:
          kind = Sql.open
          break
        case 41:
          kind = Sql.close
          break
        case 44:
          kind = Sql.comma
          break
        case 46:
          kind = Sql.dot
          break
        case 59:
          kind = Sql.semicolon
          break
        case 64:
          while (text.charCodeAt(i) === 64) i++
          if (isWord(text.charCodeAt(i))) {
            i = wordEnd(text, i)
            kind = Sql.variable
          } else kind = i > start + 1 ? Sql.variable : Sql.other
          break
        case 35:
          i = lineEnd(text, i)
          kind = Sql.comment
          break
        case 45:
          if (next === 45) {
            i = lineEnd(text, i)
            kind = Sql.comment
          } else kind = Sql.operator
          break
        case 47:
          if (next === 42) {
            if (text.charCodeAt(i + 1) === 33) {
              // the body of /*!50000 … */ is code
              out.conditional = true
              i += 2
              while (isDigit(text.charCodeAt(i))) i++
              continue
            }
            const end = text.indexOf('*/', i + 1)
            if (end >= 0) {
              i = end + 2
              out.inline++
              continue
            }
            i = size
            kind = Sql.comment
          } else kind = Sql.operator
          break
        case 42:
          if (next === 47) {
            i++
            if (!out.conditional) out.inline++
            continue
          }
          kind = Sql.operator
          break
        case 61:
          kind = Sql.compare
          break
        case 60:
        case 62:
          kind = Sql.compare
          while (i < size && i < start + 3 && (text.charCodeAt(i) === 61 || text.charCodeAt(i) === 62)) i++
          if (i === start + 1 && next === unit) {
            i++
            kind = Sql.operator
          }
          break
        case 33:
          if (next === 61 || next === 60 || next === 62) {
            i++
            kind = Sql.compare
          } else if (next === 126) {
            i++
            kind = Sql.compare
          } else kind = Sql.prefix
          break
        case 38:
          if (next === 38) {
            i++
            kind = Sql.logic
          } else kind = Sql.operator
          break
        case 124:
          if (next === 124) {
            i++
            kind = Sql.logic
          } else kind = Sql.operator
          break
        case 58:
          if (next === 61) {
            i++
            kind = Sql.compare
          } else if (next === 58) {
            i++
            kind = Sql.operator
          }
          break
        case 43:
        case 37:
        case 94:
        case 126:
          kind = Sql.operator
          break
      }
    }
    kinds[n] = kind
    starts[n] = start
    ends[n] = i
    n++
  }
  kinds[n] = Sql.end
  starts[n] = size
  ends[n] = size
  out.length = n
  return out
}

function startsClause(known: number, text: string, start: number, end: number): boolean {
  return known === Sql.clause && end - start > 3 && (text.charCodeAt(start) | 32) !== 116
}

function isStringPrefix(letter: number): boolean {
  return letter === 101 || letter === 110 || letter === 120 || letter === 98 || letter === 113
}

function wordEnd(text: string, start: number): number {
  let i = start
  while (i < text.length && (isWord(text.charCodeAt(i)) || text.charCodeAt(i) === 36)) i++
  return i
}

function numberEnd(text: string, start: number): number {
  let i = start
  if (text.charCodeAt(i) === 48 && ((text.charCodeAt(i + 1) | 32) === 120 || (text.charCodeAt(i + 1) | 32) === 98)) {
    i += 2
    while (i < text.length && isHexDigit(text.charCodeAt(i))) i++
    if (i > start + 2) return i
    i = start
  }
  while (i < text.length && isDigit(text.charCodeAt(i))) i++
  if (text.charCodeAt(i) === 46) {
    i++
    while (i < text.length && isDigit(text.charCodeAt(i))) i++
  }
  if ((text.charCodeAt(i) | 32) === 101) {
    let end = i + 1
    if (text.charCodeAt(end) === 43 || text.charCodeAt(end) === 45) end++
    if (isDigit(text.charCodeAt(end))) {
      while (end < text.length && isDigit(text.charCodeAt(end))) end++
      i = end
    }
  }
  return i
}

const isHexDigit = (unit: number): boolean => isDigit(unit) || ((unit | 32) >= 97 && (unit | 32) <= 102)

function stringEnd(text: string, start: number, quote: number): number {
  let i = start
  while (i < text.length) {
    const unit = text.charCodeAt(i)
    if (unit === 92) i += 2
    else if (unit === quote) {
      if (text.charCodeAt(i + 1) !== quote) return i + 1
      i += 2
    } else i++
  }
  return Math.min(i, text.length)
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end < 0 ? text.length : end
}
