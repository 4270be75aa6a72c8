import { Has, isLetter, isWord } from './chars.ts'
import type { Span } from './finding.ts'
import { type SqlContext, sqlTokens, type SqlTokens } from './sql-tokens.ts'
import { Sql } from './sql-words.ts'
import { startsWithWord } from './word-table.ts'

/**
 * Looks for SQL that a value could add to a statement. The value is read as it stands, as the rest of a '…' string and as the
 * rest of a "…" string. In each reading an automaton of two states (an operand is due; an operand was read) follows the tokens;
 * where a token cannot continue an expression the run ends and another begins. Prose breaks a run at nearly every pair of words;
 * what an injection needs (a condition that is constant, a UNION's select list, a stacked statement, a probing call, a comment
 * that hides the rest) only counts inside an unbroken run. One pass per reading, after libinjection's idea of folding tokens
 * (N. Galbreath, Black Hat 2012), with structure in place of fingerprints.
 */
export function sqlInjection(text: string, bits: number): Span | undefined {
  return (
    (maybeBare(text, bits) ? readSql(text, 'bare') : undefined) ??
    (bits & Has.apostrophe ? readSql(text, "'") : undefined) ??
    (bits & Has.quote ? readSql(text, '"') : undefined)
  )
}

const signs =
  Has.paren |
  Has.equals |
  Has.semicolon |
  Has.hash |
  Has.star |
  Has.pipe |
  Has.less |
  Has.greater |
  Has.at |
  Has.digit |
  Has.apostrophe |
  Has.quote |
  Has.ampersand |
  Has.plus |
  Has.percent
const gaps =
  Has.space |
  Has.paren |
  Has.newline |
  Has.control |
  Has.star |
  Has.pipe |
  Has.ampersand |
  Has.plus |
  Has.semicolon |
  Has.apostrophe |
  Has.quote

function maybeBare(text: string, bits: number): boolean {
  // "name@host" and "key=value" are one operand; "@@version" is telling by itself
  if ((bits & gaps) === 0) return (bits & Has.at) !== 0 && text.includes('@@')
  return (bits & signs) !== 0 || /union|select|--/i.test(text)
}

function readSql(text: string, context: SqlContext): Span | undefined {
  const tokens = sqlTokens(text, context)
  if (tokens.length === 0) return undefined
  return new Reading(text, tokens, context).run()
}

/** One reading of one text. Fields are the features of the present run. */
class Reading {
  readonly #text: string
  readonly #tokens: SqlTokens
  readonly #kinds: Uint8Array
  readonly #quoted: boolean
  #first = 0
  #operandDue = true
  #depth = 0
  #logic = 0
  #compares = 0
  #constants = 0
  /** Comparisons by a sign with a number or a text on both sides. */
  #equations = 0
  #bySign = false
  #charCalls = 0
  #cases = 0
  #clauses = 0
  #union = -1
  #unionSelect = false
  #select = -1
  #selectItems = 0
  #from = false
  #where = false
  #probe = none
  #leftStart = -1
  #leftEnd = -1
  #leftKind = 0
  #comparing = false
  #chainStart = 0
  #chainEnd = 0

  constructor(text: string, tokens: SqlTokens, context: SqlContext) {
    this.#text = text
    this.#tokens = tokens
    this.#kinds = tokens.kinds
    this.#quoted = context !== 'bare'
  }

  run(): Span | undefined {
    const { length } = this.#tokens
    if (this.#tokens.conditional && length > 0) return this.#span(0, length - 1, 'sql-conditional-comment')
    if (this.#tokens.inline > 0 && this.#splitByComments())
      return this.#span(0, length - 1, 'sql-comment-between-words')
    for (let i = 0; i < length; i++) {
      if (!this.#accept(i)) {
        const rule = this.#ended(i, false)
        if (rule) return this.#span(this.#first, i - 1, rule)
        this.#reset(i)
        this.#accept(i)
      }
      const rule = this.#found(i)
      if (rule) return this.#span(this.#first, i, rule)
    }
    const rule = this.#ended(length, true)
    return rule ? this.#span(this.#first, length - 1, rule) : undefined
  }

  /** Whether the token can continue the run, and what it means for it. */
  #accept(i: number): boolean {
    const kind = this.#kinds[i]!
    const before = i > this.#first ? this.#kinds[i - 1]! : -1
    switch (kind) {
      case Sql.number:
      case Sql.string:
      case Sql.variable:
      case Sql.literal:
        if (before === Sql.dot) return false
        if (
          !this.#operandDue &&
          !(
            kind === Sql.string &&
            (before === Sql.string || before === Sql.word || (before === Sql.close && this.#select >= 0)) &&
            i > this.#first
          )
        )
          return false
        if (!this.#operandDue && before === Sql.word) return this.#stringAfterWord(i)
        this.#operand(i)
        return true
      case Sql.word:
      case Sql.mild:
      case Sql.probe:
      case Sql.catalogue:
      case Sql.type:
        if (!this.#operandDue) {
          if (kind === Sql.mild || kind === Sql.probe)
            return this.#select >= 0 && (before === Sql.string || before === Sql.close)
          if (this.#isWord(i, 'mode') && (this.#isWord(i - 1, 'boolean') || this.#isWord(i - 1, 'language')))
            return true
          // an alias: ") x", "from t x", "as x"
          if (
            before === Sql.close ||
            (this.#from && !this.#comparing && before !== Sql.number && this.#aliasAllowed(i))
          )
            return true
          return false
        }
        if (kind === Sql.probe && this.#probes(this.#pastDots(i), i)) this.#probe = this.#depth
        this.#operand(i)
        return true
      case Sql.open:
        if (!this.#operandDue && !isCallable(before)) return false
        this.#depth++
        this.#operandDue = true
        return true
      case Sql.close:
        if (this.#operandDue && before !== Sql.open && i > this.#first) return false
        this.#depth--
        this.#operandDue = false
        if (this.#comparing) this.#compared(Sql.close, this.#tokens.starts[i]!, this.#tokens.ends[i]!)
        this.#leftKind = Sql.close
        return true
      case Sql.comma:
        if (this.#operandDue) return false
        this.#comparing = false
        this.#operandDue = true
        return true
      case Sql.dot:
        if (
          before !== Sql.word &&
          before !== Sql.catalogue &&
          before !== Sql.dot &&
          before !== Sql.mild &&
          before !== Sql.probe &&
          before !== Sql.variable
        )
          return false
        this.#operandDue = true
        return true
      case Sql.operator:
        if (this.#operandDue) {
          const unit = this.#text.charCodeAt(this.#tokens.starts[i]!)
          if (
            unit === 42 &&
            (before === Sql.select ||
              before === Sql.open ||
              before === Sql.comma ||
              before === Sql.dot ||
              before === Sql.prefix)
          ) {
            this.#operandDue = false
            this.#items()
            return true
          }
          return unit === 45 || unit === 43 || unit === 126 || i === this.#first
        }
        this.#operandDue = true
        return true
      case Sql.compare:
        if (this.#operandDue && this.#kinds[i + 1] === Sql.open && this.#isWord(i, 'isnull')) {
          this.#operand(i)
          return true
        }
        if (this.#operandDue && i > this.#first && before !== Sql.prefix && before !== Sql.compare) return false
        this.#operandDue = true
        if (i > this.#first) {
          this.#comparing = true
          this.#bySign = !isLetter(this.#text.charCodeAt(this.#tokens.starts[i]!))
          if (this.#isWord(i, 'isnull') || this.#isWord(i, 'notnull')) {
            this.#operandDue = false
            this.#comparing = false
            this.#compares++
            this.#constants++
          }
        }
        return true
      case Sql.logic:
        if (this.#operandDue && i > this.#first) return false
        this.#logic++
        this.#comparing = false
        this.#operandDue = true
        return true
      case Sql.prefix:
        if (this.#operandDue) return true
        // "not" between an operand and like, in, between; "all" after union
        return this.#isWord(i, 'not') || before === Sql.union
      case Sql.union:
        if (this.#operandDue && i > this.#first) return false
        this.#union = i
        this.#select = -1
        this.#operandDue = true
        return true
      case Sql.select:
        if (!this.#operandDue && before !== Sql.close) return false
        this.#unionSelect = this.#union >= 0 && this.#select < 0 && this.#followsUnion(i)
        this.#select = i
        this.#selectItems = 0
        this.#operandDue = true
        this.#from = false
        return true
      case Sql.case:
        if (this.#operandDue && !this.#isWord(i, 'case') && i > this.#first && before !== Sql.case) return false
        this.#cases++
        this.#comparing = false
        this.#operandDue = !this.#isWord(i, 'end')
        return true
      case Sql.clause:
        return this.#clause(i)
      case Sql.by:
        if (this.#operandDue && i > this.#first) return false
        return this.#kinds[i + 1] === Sql.byWord
      case Sql.byWord:
        if (before !== Sql.by) return false
        this.#clauses++
        this.#operandDue = true
        return true
      case Sql.tail:
        if (this.#operandDue && i > this.#first) return false
        if (
          this.#isWord(i, 'having') ||
          this.#kinds[i + 1] === Sql.number ||
          this.#kinds[i + 1] === Sql.prefix ||
          this.#isWord(i + 1, 'analyse') ||
          this.#kinds[i + 1] === Sql.probe
        )
          this.#clauses++
        this.#operandDue = true
        return true
      case Sql.wait:
        this.#operandDue = true
        return (
          i === this.#first ||
          before === Sql.semicolon ||
          before === Sql.wait ||
          before === Sql.close ||
          !this.#operandDue
        )
      case Sql.suffix:
        if (this.#operandDue) return false
        if (this.#isWord(i, 'asc')) return true
        this.#operandDue = true
        return true
      case Sql.statement:
        if (this.#isWord(i, 'desc') && !this.#operandDue && this.#clauses > 0) return true
        if (before === Sql.semicolon || i === this.#first) {
          this.#operandDue = true
          return true
        }
        return false
      case Sql.semicolon:
        if (this.#operandDue && i > this.#first) return false
        this.#operandDue = true
        this.#comparing = false
        return true
      case Sql.comment:
        return true
      default:
        return false
    }
  }

  /** What is damning as soon as token `i` is read. */
  #found(i: number): string | undefined {
    const kinds = this.#kinds
    const kind = kinds[i]!
    const next = kinds[i + 1]!
    if (this.#unionSelect && !this.#operandDue && i > this.#select) {
      const plain = kind === Sql.word && this.#selectItems < 2
      if (!plain || next === Sql.comma || next === Sql.open || next === Sql.dot) return 'sql-union-select'
      if (next === Sql.clause && this.#isWord(i + 1, 'from') && this.#edge(i + 3)) return 'sql-union-select'
      if (this.#edge(i + 1) && (this.#quoted || kinds[0] !== Sql.word)) return 'sql-union-select'
    }
    if (kind === Sql.close && this.#probe !== none && this.#depth <= this.#probe) return 'sql-probe-call'
    if (this.#charCalls >= 2) return 'sql-character-chain'
    if (kind === Sql.catalogue && next === Sql.dot && this.#isStrongCatalogue(i)) return 'sql-catalogue'
    if (kind === Sql.string && i > this.#first + 1 && kinds[i - 1] === Sql.wait && kinds[i - 2] === Sql.wait)
      return 'sql-wait'
    if (kind === Sql.variable && this.#text.charCodeAt(this.#tokens.starts[i]! + 1) === 64 && this.#isServerVariable(i))
      return 'sql-server-variable'
    if (this.#select >= 0 && i > this.#select && !this.#operandDue && this.#subselect(i)) return 'sql-subselect'
    if (kind === Sql.statement || kind === Sql.select || kind === Sql.case || kind === Sql.mild || kind === Sql.word) {
      if (i > 0 && kinds[i - 1] === Sql.semicolon && i > this.#first && this.#statement(i))
        return 'sql-stacked-statement'
      if (i === (this.#quoted ? 1 : 0) && kind === Sql.statement && this.#statement(i) && this.#tokens.length > 3) {
        if (!this.#isWord(i, 'drop') || this.#stops(i + 3)) return 'sql-statement'
      }
    }
    if (
      kind === Sql.clause &&
      (this.#isWord(i, 'outfile') || this.#isWord(i, 'dumpfile')) &&
      (next === Sql.string || (next === Sql.open && (kinds[i + 2] === Sql.string || kinds[i + 2] === Sql.mild)))
    )
      return 'sql-file-write'
    return undefined
  }

  /** What a run that ended before token `i` amounts to. */
  #ended(i: number, atEnd: boolean): string | undefined {
    const kinds = this.#kinds
    const last = i - 1
    const hidden = last >= 0 && kinds[last] === Sql.comment && !this.#isFragment(last)
    const first = this.#first
    if (first > 0 && kinds[first] !== Sql.close && !this.#quotedAt(first)) {
      // in the middle of other text only a whole constant condition between brackets or quotes counts
      return this.#logic > 0 && (this.#constants >= 2 || this.#equations > 0) && atEnd
        ? 'sql-constant-condition'
        : undefined
    }
    const conditions = this.#logic + (this.#where ? 1 : 0)
    const whole = atEnd && (!this.#operandDue || kinds[last] === Sql.semicolon || hidden)
    if (conditions > 0 && this.#constants > 0 && (whole || this.#constants > 1 || this.#compares > 2))
      return 'sql-constant-condition'
    if (!atEnd) return undefined
    if (this.#quoted && first === 0) return this.#closedQuote(last, hidden)
    if (conditions > 0 && hidden && this.#startsLikeValue() && this.#telling(last)) return 'sql-hidden-rest'
    if (this.#unionSelect && this.#startsLikeValue()) return 'sql-union-select'
    if (this.#union >= 0 && this.#select < 0 && this.#operandDue && kinds[this.#union - 1] === Sql.comment)
      return 'sql-union-select'
    if (hidden && kinds[0] === Sql.open && last > 2 && this.#leftKind !== Sql.word && this.#blankComment(last))
      return 'sql-hidden-rest'
    if (this.#clauses > 0 && this.#startsLikeValue() && last > 1 && (!this.#operandDue || hidden)) return 'sql-clause'
    if (this.#cases >= (this.#compares > 0 ? 3 : 4)) return 'sql-case'
    return this.#quoted ? undefined : this.#bareTail(hidden ? last : i, hidden)
  }

  /** The whole value is a tail for a statement: `and 1`, `order by 3#`, `having 1=1`, `1-false`, `@@version`. */
  #bareTail(length: number, hidden: boolean): string | undefined {
    const kinds = this.#kinds
    const [a, b, c] = [kinds[0], kinds[1], kinds[2]]
    if (
      a === Sql.logic &&
      length === 2 &&
      ((b === Sql.number && this.#tokens.ends[1]! - this.#tokens.starts[1]! === 1) || b === Sql.literal)
    )
      return 'sql-condition'
    if (a === Sql.by && length >= 3 && c === Sql.number && !this.#operandDue) return 'sql-clause'
    if (a === Sql.tail && (this.#equations > 0 || (hidden && b === Sql.number))) return 'sql-clause'
    if (
      a === Sql.select &&
      !this.#operandDue &&
      (b === Sql.variable || ((b === Sql.mild || b === Sql.probe) && c === Sql.open))
    )
      return 'sql-select'
    if (this.#unionSelect && (a === Sql.number || a === Sql.operator || a === Sql.string)) return 'sql-union-select'
    // "1--", "1 /*", "@version --": a value, and a comment that leaves out the rest
    if (
      hidden &&
      (a === Sql.number || a === Sql.variable) &&
      this.#onlyValues(length) &&
      this.#text.charCodeAt(this.#tokens.starts[length]!) !== 35
    )
      return 'sql-hidden-rest'
    if (
      a === Sql.number &&
      b === Sql.operator &&
      c === Sql.literal &&
      length === 3 &&
      (this.#isWord(2, 'true') || this.#isWord(2, 'false'))
    )
      return 'sql-condition'
    if (a === Sql.variable && length === 1 && this.#text.includes('@@') && !hidden) return 'sql-server-variable'
    return undefined
  }

  /** The value closed a string and all of the rest is SQL. */
  #closedQuote(last: number, hidden: boolean): string | undefined {
    const kinds = this.#kinds
    const double = this.#text.charCodeAt(this.#tokens.ends[0]! - 1) === 34
    const body = this.#tokens.ends[0]! - 1
    if (hidden) {
      if ((this.#logic > 0 || this.#clauses > 0 || this.#compares > 0) && this.#telling(last)) return 'sql-hidden-rest'
      let i = 1
      while (kinds[i] === Sql.close || kinds[i] === Sql.semicolon) i++
      const head = this.#text.slice(0, body)
      if (i !== last || !this.#blankComment(last) || /\s/.test(head.trim())) return undefined
      // inches and quotations end in '"' too, and dashes follow
      if (this.#text.endsWith(double ? '"' : "'")) return undefined
      if (double && (head.length > 16 || /[\d ]/.test(head))) return undefined
      return 'sql-hidden-rest'
    }
    if (this.#union >= 0 && this.#operandDue && (this.#unionSelect || kinds[this.#union - 1] === Sql.comment))
      return 'sql-union-select'
    if (this.#operandDue && kinds[last] !== Sql.semicolon) return undefined
    if (this.#clauses > 0 && last > 2) return 'sql-clause'
    if (this.#onlyWordsJoined(last)) return undefined
    const rebalanced =
      kinds[last] === Sql.string && last > 0 && this.#text.charCodeAt(this.#tokens.starts[last]!) === (double ? 34 : 39)
    const tight =
      rebalanced &&
      !/\s/.test(this.#text.slice(0, body).trim()) &&
      !/\s/.test(this.#text.slice(this.#tokens.starts[last]).trim())
    if (tight && this.#symbol(last, !double)) return 'sql-rebalanced-quote'
    if (tight && this.#compares + this.#logic > 0 && (body > 0 || last > 2 || this.#tokens.starts[1]! > 1) && !double)
      return 'sql-rebalanced-quote'
    if (this.#logic > 0 && this.#compares > 0 && !double) return 'sql-condition'
    if (this.#logic > 0 && last === 2 && body === 0 && !double) return 'sql-condition'
    return undefined
  }

  #clause(i: number): boolean {
    const before = i > this.#first ? this.#kinds[i - 1]! : -1
    if (this.#isWord(i, 'from')) {
      if (this.#operandDue && i > this.#first) return false
      this.#from = true
      this.#comparing = false
    } else if (this.#isWord(i, 'where')) {
      if (this.#operandDue && i > this.#first) return false
      this.#where = true
      this.#comparing = false
    } else if (
      this.#operandDue &&
      i > this.#first &&
      before !== Sql.clause &&
      before !== Sql.statement &&
      before !== Sql.semicolon
    ) {
      // many of these words name columns and functions too: column, user, left(…)
      if (before === Sql.select && this.#isWord(i, 'top')) return true
      if (opensClause(this.#text.slice(this.#tokens.starts[i], this.#tokens.ends[i]).toLowerCase())) return false
      this.#operand(i)
      return true
    }
    this.#operandDue = true
    return true
  }

  #operand(i: number): void {
    const { starts, ends } = this.#tokens
    const kind = this.#kinds[i]!
    // a call is compared when it closes
    if (this.#comparing && !(isNameLike(kind) && this.#kinds[i + 1] === Sql.open))
      this.#compared(kind, starts[i]!, ends[i]!)
    this.#leftKind = kind
    this.#leftStart = starts[i]!
    this.#leftEnd = ends[i]!
    // "top 1" is not yet a select's item
    this.#operandDue =
      kind === Sql.number && i > this.#first && this.#kinds[i - 1] === Sql.clause && this.#isWord(i - 1, 'top')
    if (!this.#operandDue) this.#items()
    if (kind === Sql.mild && this.#kinds[i + 1] === Sql.open && this.#telltaleCall(i)) this.#charCalls = 2
    if (
      kind === Sql.mild &&
      this.#kinds[i + 1] === Sql.open &&
      this.#kinds[i + 2] === Sql.number &&
      this.#kinds[i + 3] === Sql.close &&
      this.#isCharCall(i)
    ) {
      this.#charCalls++
    }
  }

  #items(): void {
    if (this.#select >= 0) this.#selectItems++
  }

  #compared(kind: number, start: number, end: number): void {
    this.#comparing = false
    this.#compares++
    const constant = isConstant(this.#leftKind) && isConstant(kind)
    const same =
      end - start === this.#leftEnd - this.#leftStart &&
      this.#leftStart >= 0 &&
      this.#text.slice(start, end) === this.#text.slice(this.#leftStart, this.#leftEnd)
    const complex =
      (kind === Sql.close && (isConstant(this.#leftKind) || this.#leftKind === Sql.close)) ||
      (this.#leftKind === Sql.close && isConstant(kind))
    // "6 x 2.50 = 15 and up" equates before it joins: a condition that is added comes after its "and"
    if (
      this.#logic === 0 &&
      !this.#where &&
      this.#clauses === 0 &&
      this.#cases === 0 &&
      !(this.#quoted && this.#first === 0)
    )
      return
    if (constant || same || complex || kind === Sql.literal) this.#constants++
    if (this.#bySign && isPlainValue(this.#leftKind) && isPlainValue(kind)) this.#equations++
  }

  /** `(select x from t …`, `(select 1)`, `select * from t` where an operand could stand. */
  #subselect(i: number): boolean {
    const kinds = this.#kinds
    const select = this.#select
    const kind = kinds[i]!
    const next = kinds[i + 1]!
    const opened = select > 0 && kinds[select - 1] === Sql.open
    let before = select - 1
    while (before >= this.#first && kinds[before] === Sql.open) before--
    const owner = before >= this.#first ? kinds[before]! : -1
    const asOperand =
      opened &&
      (owner === Sql.operator ||
        owner === Sql.compare ||
        owner === Sql.logic ||
        owner === Sql.comma ||
        owner === Sql.mild ||
        owner === Sql.probe ||
        owner === Sql.prefix ||
        owner === Sql.clause ||
        owner === Sql.semicolon ||
        owner === Sql.select ||
        owner === Sql.case ||
        select - before > 2)
    const telling = kind !== Sql.word || this.#selectItems > 1
    if (
      asOperand &&
      telling &&
      (next === Sql.close || next === Sql.clause || next === Sql.comma || next === Sql.open || next === Sql.end)
    )
      return true
    if (asOperand && this.#from && this.#selectItems > 1) return true
    if (!opened && select === 1 && kinds[0] === Sql.logic) return telling
    if (
      !opened &&
      select > this.#first &&
      kinds[select - 1] === Sql.logic &&
      this.#first === 0 &&
      this.#startsLikeValue()
    )
      return true
    if (
      this.#from &&
      this.#selectItems > 1 &&
      (this.#edge(i + 1) || (next === Sql.clause && this.#isWord(i + 1, 'where')))
    ) {
      // select * from t; select a, b from t
      const starred =
        kinds[select + 1] === Sql.operator ||
        (kinds[select + 1] !== Sql.word && kinds[select + 1] !== Sql.clause) ||
        this.#selectItems > 2
      return (
        starred &&
        (select === this.#first || kinds[select - 1] === Sql.semicolon || opened || kinds[select - 1] === Sql.close)
      )
    }
    return false
  }

  /** A statement's verb with what its grammar asks for after it. */
  #statement(i: number): boolean {
    const kinds = this.#kinds
    const name = i + 2
    const word = (at: number, text: string): boolean => this.#isWord(at, text)
    const named = (at: number): boolean =>
      kinds[at] === Sql.word || kinds[at] === Sql.catalogue || kinds[at] === Sql.mild || kinds[at] === Sql.clause
    if (kinds[i] === Sql.select)
      return (
        kinds[i + 1] !== Sql.word &&
        kinds[i + 1] !== Sql.end &&
        kinds[i + 1] !== Sql.clause &&
        kinds[i + 1] !== Sql.other &&
        kinds[i + 1] !== Sql.prefix &&
        (kinds[i + 1] !== Sql.number || kinds[i + 2] !== Sql.word)
      )
    if (kinds[i] === Sql.case) return word(i, 'case') && word(i + 1, 'when')
    if (kinds[i] === Sql.mild)
      return (
        (word(i, 'if') || word(i, 'iif')) &&
        kinds[i + 1] === Sql.open &&
        (kinds[i + 2] === Sql.number || kinds[i + 2] === Sql.open)
      )
    if (kinds[i] === Sql.word) return false
    if (word(i, 'insert'))
      return (
        word(i + 1, 'into') &&
        (kinds[i + 3] === Sql.open || word(i + 3, 'values') || kinds[i + 3] === Sql.select || kinds[i + 3] === Sql.dot)
      )
    if (word(i, 'update')) return word(i + 2, 'set') && kinds[i + 4] === Sql.compare
    if (word(i, 'delete'))
      return (
        word(i + 1, 'from') &&
        named(name) &&
        (this.#stops(i + 3) || (word(i + 3, 'where') && kinds[i + 5] === Sql.compare))
      )
    if (word(i, 'drop') || word(i, 'truncate'))
      return (
        kinds[i + 1] === Sql.clause &&
        (named(name) || word(name, 'if')) &&
        (this.#edge(i + 3) || kinds[i + 3] === Sql.close || word(name, 'if'))
      )
    if (word(i, 'exec') || word(i, 'execute'))
      return (
        (kinds[i + 1] === Sql.open && kinds[i + 2] !== Sql.word && kinds[i + 2] !== Sql.close) ||
        kinds[i + 1] === Sql.variable ||
        kinds[i + 1] === Sql.probe ||
        kinds[i + 1] === Sql.catalogue ||
        (kinds[i + 1] === Sql.string && this.#isClosed(i + 1)) ||
        word(i + 1, 'immediate') ||
        (named(i + 1) &&
          kinds[i + 2] === Sql.string &&
          this.#text.slice(this.#tokens.starts[i + 1], this.#tokens.ends[i + 1]).includes('_')) ||
        (named(i + 1) && kinds[i + 2] === Sql.dot && i > this.#first)
      )
    if (word(i, 'declare')) return kinds[i + 1] === Sql.variable
    if (word(i, 'print') || word(i, 'kill')) return kinds[i + 1] === Sql.variable
    if (word(i, 'shutdown')) return i > 0 && (this.#stops(i + 1) || word(i + 1, 'with'))
    if (word(i, 'create'))
      return (
        (word(i + 1, 'or') && word(i + 2, 'replace')) ||
        ((kinds[i + 1] === Sql.clause || kinds[i + 1] === Sql.mild) &&
          named(name) &&
          (kinds[i + 3] === Sql.open ||
            word(i + 3, 'as') ||
            word(i + 3, 'identified') ||
            word(i + 3, 'with') ||
            word(i + 3, 'from')))
      )
    if (word(i, 'alter'))
      return (
        kinds[i + 1] === Sql.clause &&
        named(name) &&
        (kinds[i + 3] === Sql.clause || kinds[i + 3] === Sql.statement || word(i + 3, 'identified')) &&
        i > 0
      )
    if (word(i, 'grant') || word(i, 'revoke')) return (word(name, 'on') || word(name, 'to')) && i > 0
    if (word(i, 'call'))
      return (
        (kinds[i + 1] === Sql.word || kinds[i + 1] === Sql.probe || kinds[i + 1] === Sql.mild) &&
        kinds[i + 2] === Sql.open &&
        i > 0
      )
    if (word(i, 'begin')) return (kinds[i + 1] === Sql.probe || kinds[i + 1] === Sql.word) && kinds[i + 2] === Sql.dot
    if (word(i, 'desc') || word(i, 'describe') || word(i, 'use') || word(i, 'vacuum'))
      return (
        named(i + 1) &&
        ((kinds[i + 2] === Sql.comment && this.#blankComment(i + 2)) ||
          (kinds[i + 2] === Sql.semicolon && kinds[i + 3] === Sql.comment))
      )
    if (word(i, 'load')) return word(i + 1, 'data') && (word(name, 'infile') || word(name, 'local'))
    if (word(i, 'copy'))
      return (
        named(i + 1) &&
        (word(name, 'from') || word(name, 'to')) &&
        (kinds[i + 3] === Sql.string || word(i + 3, 'program'))
      )
    if (word(i, 'backup') || word(i, 'restore')) return word(i + 1, 'database') && named(name) && word(i + 3, 'to')
    if (word(i, 'handler')) return named(i + 1) && word(name, 'open')
    return word(i, 'rename') && word(i + 1, 'table') && word(i + 3, 'to')
  }

  /** A word and a quoted text after it: a cast or introducer (`date'2020-01-01'`, `_utf8'x'`), no space between. */
  #stringAfterWord(i: number): boolean {
    if (this.#tokens.ends[i - 1] !== this.#tokens.starts[i]) return false
    const unit = this.#text.charCodeAt(this.#tokens.starts[i - 1]!)
    const length = this.#tokens.ends[i - 1]! - this.#tokens.starts[i - 1]!
    if (this.#tokens.ends[i]! - this.#tokens.starts[i]! < 2) return false
    return unit === 95 || (length === 1 && !this.#operandDue && i - 1 > this.#first)
  }

  /** Only `all`, `distinct`, brackets and comments stand between UNION and its SELECT. */
  #followsUnion(select: number): boolean {
    for (let i = this.#union + 1; i < select; i++) {
      const kind = this.#kinds[i]
      if (kind !== Sql.prefix && kind !== Sql.open && kind !== Sql.comment) return false
    }
    return true
  }

  #aliasAllowed(i: number): boolean {
    const before = this.#kinds[i - 1]!
    if (before !== Sql.word && before !== Sql.catalogue) return false
    const two = i - 2 >= this.#first ? this.#kinds[i - 2]! : -1
    return two === Sql.comma || two === Sql.dot || two === Sql.clause || two === Sql.open
  }

  /** Words or keywords glued by comments, as `un/**\/ion/**\/select`. */
  #splitByComments(): boolean {
    const { length, kinds, starts, ends } = this.#tokens
    for (let i = 1; i < length; i++) {
      if (starts[i]! - ends[i - 1]! < 4) continue
      const gap = this.#text.slice(ends[i - 1], starts[i])
      if (!gap.startsWith('/*') || !gap.endsWith('*/')) continue
      const sql = (kind: number): boolean =>
        kind === Sql.logic ||
        kind === Sql.union ||
        kind === Sql.select ||
        kind === Sql.clause ||
        kind === Sql.by ||
        kind === Sql.tail ||
        kind === Sql.compare ||
        kind === Sql.statement ||
        kind === Sql.open
      const value = (kind: number): boolean =>
        kind === Sql.word ||
        kind === Sql.number ||
        kind === Sql.string ||
        kind === Sql.close ||
        kind === Sql.literal ||
        kind === Sql.mild ||
        kind === Sql.probe ||
        kind === Sql.prefix ||
        sql(kind)
      if ((sql(kinds[i]!) && value(kinds[i - 1]!)) || (sql(kinds[i - 1]!) && value(kinds[i]!))) return true
      if (gap === '/**/' && kinds[i] === Sql.word && kinds[i - 1] === Sql.word) return true
    }
    return false
  }

  /** Whether a sign, not a word, joins the two strings: a comparison, or (in a '…' string) any operator. */
  #symbol(last: number, any: boolean): boolean {
    for (let i = 1; i < last; i++) {
      const kind = this.#kinds[i]
      const letter = isLetter(this.#text.charCodeAt(this.#tokens.starts[i]!))
      if (!letter && (kind === Sql.compare || (any && (kind === Sql.operator || kind === Sql.logic)))) return true
    }
    return false
  }

  /** Calls that only a probe makes: `ascii(substring(…`, `length(database(`, `iif(1=1,…`. */
  #telltaleCall(i: number): boolean {
    const kinds = this.#kinds
    const word = this.#text.slice(this.#tokens.starts[i], this.#tokens.ends[i]).toLowerCase()
    if (
      /^(?:ascii|ord|hex|unhex|substring|substr|mid|conv|length|len|lpad|md5|char_length|cast|concat|lower|upper)$/.test(
        word,
      ) &&
      kinds[i + 3] === Sql.open
    ) {
      const inner = this.#text.slice(this.#tokens.starts[i + 2], this.#tokens.ends[i + 2]).toLowerCase()
      if (
        /^(?:substring|substr|version|user|database|length|cast|concat|mid|hex|load_file|schema|ascii|char|unhex)$/.test(
          inner,
        )
      )
        return true
    }
    const constant = (at: number): boolean => isConstant(kinds[at]!)
    return (
      /^(?:if|iif|elt|make_set|nvl|nullif)$/.test(word) &&
      constant(i + 2) &&
      kinds[i + 3] === Sql.compare &&
      constant(i + 4) &&
      (kinds[i + 5] === Sql.comma ||
        (kinds[i + 5] === Sql.close && (kinds[i + 6] === Sql.select || kinds[i + 6] === Sql.statement)))
    )
  }

  /** `' and + so + on '`: words with signs between, as a form's `+` for a space makes them. */
  #onlyWordsJoined(last: number): boolean {
    let words = 0
    let signs = 0
    for (let i = 1; i < last; i++) {
      const kind = this.#kinds[i]!
      const unit = this.#text.charCodeAt(this.#tokens.starts[i]!)
      if (kind === Sql.operator && (unit === 43 || unit === 45)) signs++
      else if (isNameLike(kind) || kind === Sql.clause || kind === Sql.prefix) words++
      else if (kind !== Sql.string && kind !== Sql.comma && kind !== Sql.dot && (kind !== Sql.logic || !isLetter(unit)))
        return false
    }
    return words > 0 && signs > 0
  }

  /** The hidden rest follows a value, not a word of a sentence, or nothing is in it. */
  #telling(last: number): boolean {
    return (
      (this.#compares > 0 && this.#bySign) ||
      this.#clauses > 0 ||
      !isNameLike(this.#leftKind) ||
      this.#blankComment(last)
    )
  }

  /** `#reviews`, `#4`: a part of an address or a number, not a comment. */
  #isFragment(i: number): boolean {
    const start = this.#tokens.starts[i]!
    return this.#text.charCodeAt(start) === 35 && isWord(this.#text.charCodeAt(start + 1))
  }

  #onlyValues(length: number): boolean {
    for (let i = 0; i < length; i++) {
      const kind = this.#kinds[i]
      if (kind !== Sql.number && kind !== Sql.variable && kind !== Sql.operator) return false
    }
    return this.#blankComment(length)
  }

  #isClosed(i: number): boolean {
    const { starts, ends } = this.#tokens
    return ends[i]! - starts[i]! > 1 && this.#text.charCodeAt(ends[i]! - 1) === this.#text.charCodeAt(starts[i]!)
  }

  #blankComment(i: number): boolean {
    return this.#tokens.ends[i]! - this.#tokens.starts[i]! <= 4
  }

  #startsLikeValue(): boolean {
    const kinds = this.#kinds
    let i = 0
    while (kinds[i] === Sql.operator || kinds[i] === Sql.close || kinds[i] === Sql.open) i++
    return (
      kinds[i] === Sql.number ||
      kinds[i] === Sql.string ||
      kinds[i] === Sql.literal ||
      i > 0 ||
      kinds[i + 1] === Sql.close
    )
  }

  #quotedAt(i: number): boolean {
    return this.#quoted && i === 0
  }

  #edge(i: number): boolean {
    const kind = this.#kinds[i]
    return i >= this.#tokens.length || kind === Sql.comment || kind === Sql.semicolon
  }

  /** The statement is over and more was meant to come after it: a comment or another semicolon. */
  #stops(i: number): boolean {
    const kind = this.#kinds[i]
    return (
      kind === Sql.comment ||
      kind === Sql.semicolon ||
      (i >= this.#tokens.length && this.#first > 0) ||
      (i >= this.#tokens.length && this.#quoted)
    )
  }

  /** Past the names of `a.b.c`. Every name of a chain asks, and the chain is walked once. */
  #pastDots(i: number): number {
    let at = i + 1
    if (at > this.#chainStart && at < this.#chainEnd && (this.#chainEnd - at) % 2 === 0) return this.#chainEnd
    this.#chainStart = at
    while (this.#kinds[at] === Sql.dot) at += 2
    this.#chainEnd = at
    return at
  }

  /** A probing call, unless it reads like "benchmark(s)". */
  #probes(open: number, name: number): boolean {
    if (this.#kinds[open] !== Sql.open) return false
    const argument = this.#kinds[open + 1]
    return (
      argument !== Sql.word ||
      this.#kinds[open + 2] !== Sql.close ||
      (!this.#isWord(name, 'sleep') && !this.#isWord(name, 'benchmark'))
    )
  }

  #isStrongCatalogue(i: number): boolean {
    const length = this.#tokens.ends[i]! - this.#tokens.starts[i]!
    return (
      this.#isWord(i, 'information_schema') ||
      this.#isWord(i, 'pg_catalog') ||
      (length > 5 && this.#kinds[i + 2] === Sql.dot)
    )
  }

  #isServerVariable(i: number): boolean {
    const name = this.#text.slice(this.#tokens.starts[i]! + 2, this.#tokens.ends[i]).toLowerCase()
    return /^(?:global|session|version|version_compile_os|version_comment|datadir|basedir|tmpdir|hostname|servername|servicename|language|langid|spid|identity|secure_file_priv|plugin_dir|port|innodb\w*|max\w*|variable|connections|microsoftversion|trancount|rowcount)$/.test(
      name,
    )
  }

  #isCharCall(i: number): boolean {
    return this.#isWord(i, 'char') || this.#isWord(i, 'chr')
  }

  #isWord(i: number, word: string): boolean {
    const start = this.#tokens.starts[i]!
    return (
      i < this.#tokens.length &&
      this.#tokens.ends[i]! - start === word.length &&
      startsWithWord(this.#text, word, start)
    )
  }

  #span(from: number, to: number, rule: string): Span {
    return { start: this.#tokens.starts[from]!, end: this.#tokens.ends[Math.max(from, to)]!, rule }
  }

  #reset(i: number): void {
    this.#first = i
    this.#operandDue = true
    this.#depth = 0
    this.#logic = 0
    this.#compares = 0
    this.#constants = 0
    this.#equations = 0
    this.#bySign = false
    this.#charCalls = 0
    this.#cases = 0
    this.#clauses = 0
    this.#union = -1
    this.#unionSelect = false
    this.#select = -1
    this.#selectItems = 0
    this.#from = false
    this.#where = false
    this.#probe = none
    this.#leftStart = -1
    this.#leftEnd = -1
    this.#leftKind = 0
    this.#comparing = false
  }
}

/** No depth of brackets: a value's own closers can take the depth below zero. */
const none = -0x7fffffff

const opensClause = (word: string): boolean =>
  /^(?:as|into|values|set|on|using|join|with|returning|top|over)$/.test(word)

const isNameLike = (kind: number): boolean =>
  kind === Sql.word || kind === Sql.mild || kind === Sql.probe || kind === Sql.catalogue || kind === Sql.type

const isPlainValue = (kind: number): boolean => kind === Sql.number || kind === Sql.string

const isConstant = (kind: number): boolean => kind === Sql.number || kind === Sql.string || kind === Sql.literal

const isCallable = (kind: number): boolean =>
  kind === Sql.word ||
  kind === Sql.compare ||
  kind === Sql.mild ||
  kind === Sql.probe ||
  kind === Sql.catalogue ||
  kind === Sql.type ||
  kind === Sql.clause ||
  kind === Sql.literal
