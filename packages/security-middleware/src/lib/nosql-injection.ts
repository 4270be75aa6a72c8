import { Has, isLetter, isSpace, isWord } from './chars.ts'
import type { Span } from './finding.ts'
import { startsWithWord, WordTable } from './word-table.ts'

const operators = new WordTable([
  [
    1,
    'eq ne gt gte lt lte in nin and or not nor exists type expr jsonschema mod regex text where all elemmatch size bitsallclear bitsallset bitsanyclear bitsanyset geointersects geowithin near nearsphere comment slice options function accumulator lookup project match group merge out set unset inc push pull rename addtoset currentdate',
  ],
])

/** Whether an object's key is a query operator: `$ne`, `$where`. */
export function isOperatorKey(key: string): boolean {
  return key.charCodeAt(0) === 36 && operators.lookup(key, 1, key.length) !== 0
}

/**
 * Looks for document-database operators written into text: `[$ne]=`, `{"$gt": ""}`, `, $or: [`, and script for `$where`:
 * `'; return true; var x='`, `' || 1==1//`, `this.password.match(/…/)`, `db.users.insert({`.
 */
export function nosqlInjection(text: string, bits: number): Span | undefined {
  return (
    (bits & Has.dollar ? operator(text) : undefined) ??
    (bits & (Has.semicolon | Has.paren | Has.equals) &&
    bits & (Has.apostrophe | Has.semicolon | Has.dot | Has.pipe | Has.ampersand | Has.quote)
      ? script(text)
      : undefined)
  )
}

function operator(text: string): Span | undefined {
  for (let i = text.indexOf('$'); i >= 0; i = text.indexOf('$', i + 1)) {
    let end = i + 1
    while (end < text.length && isLetter(text.charCodeAt(end)) && end - i < 24) end++
    if (operators.lookup(text, i + 1, end) === 0) continue
    const before = text.charCodeAt(i - 1)
    let after = end
    const quoted = before === 34 || before === 39
    if (quoted && text.charCodeAt(after) === before) after++
    while (isSpace(text.charCodeAt(after)) && after - end < 8) after++
    if (before === 91 && text.charCodeAt(end) === 93) return { start: i - 1, end: end + 1, rule: 'nosql-operator' }
    if (text.charCodeAt(after) !== 58) continue
    if (quoted || before === 123 || before === 44 || isSpace(before))
      return { start: i, end: after + 1, rule: 'nosql-operator' }
  }
  return undefined
}

/** One cheap look for any of the words and signs below. */
const hints = /==|this\.|db\.|return|while|var |do\{|sleep\(|tojson\(/i

function script(text: string): Span | undefined {
  if (!hints.test(text)) return undefined
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (!isLetter(unit) || (i > 0 && isWord(text.charCodeAt(i - 1)))) {
      if (unit === 61 && text.charCodeAt(i + 1) === 61 && looseTautology(text, i))
        return { start: i, end: i + 2, rule: 'nosql-tautology' }
      continue
    }
    let end = i + 1
    while (end < text.length && isWord(text.charCodeAt(end))) end++
    const rule = statement(text, i, end)
    if (rule) return { start: i, end, rule }
    i = end - 1
  }
  return undefined
}

function statement(text: string, start: number, end: number): string | undefined {
  const is = (word: string): boolean => end - start === word.length && startsWithWord(text, word, start)
  const next = text.charCodeAt(end)
  if (is('this') && next === 46) {
    let last = end + 1
    while (isWord(text.charCodeAt(last))) last++
    const call = text.charCodeAt(last) === 46
    return (call && (startsWithWord(text, 'match(', last + 1) || startsWithWord(text, 'length', last + 1))) ||
      startsWithWord(text, '==', last) ||
      startsWithWord(text, ' ==', last)
      ? 'nosql-where-script'
      : undefined
  }
  if (is('db') && next === 46) {
    let last = end + 1
    while (isWord(text.charCodeAt(last)) || text.charCodeAt(last) === 46) last++
    return text.charCodeAt(last) === 40 && last > end + 3 ? 'nosql-shell-call' : undefined
  }
  const before = previous(text, start)
  const stops = before === 59 || before === 123 || before === 125 || before === 39 || before === 34
  if (is('return') && stops)
    return startsWithWord(text, ' true', end) ||
      startsWithWord(text, ' this', end) ||
      startsWithWord(text, '(true', end) ||
      startsWithWord(text, "'", end + 1) ||
      startsWithWord(text, '!', end) ||
      startsWithWord(text, ' !', end) ||
      startsWithWord(text, ' 1', end) ||
      startsWithWord(text, '/*', end)
      ? 'nosql-where-script'
      : undefined
  if (is('while') && (stops || before === 125))
    return (startsWithWord(text, '(true', end) ||
      startsWithWord(text, '(1', end) ||
      startsWithWord(text, '((', end) ||
      startsWithWord(text, '(curdate', end)) &&
      text.lastIndexOf(')') > end
      ? 'nosql-where-script'
      : undefined
  if (is('var') && stops)
    return startsWithWord(text, ' ', end) && text.slice(end, end + 48).includes('=') ? 'nosql-where-script' : undefined
  if ((is('do') && next === 123 && stops) || (is('sleep') && next === 40 && stops)) return 'nosql-where-script'
  return is('tojson') && next === 40 ? 'nosql-where-script' : undefined
}

/** `' || 'a'=='a`, `1'&&'1'=='1`: script's equality after a closed quote and a logical sign. */
function looseTautology(text: string, at: number): boolean {
  const head = text.slice(Math.max(0, at - 48), at)
  const or = Math.max(head.lastIndexOf('||'), head.lastIndexOf('&&'))
  if (or < 0) return false
  return /['"]/.test(head.slice(0, or)) || /^\s*['"\d]/.test(head.slice(or + 2))
}

function previous(text: string, start: number): number {
  let i = start - 1
  while (i >= 0 && start - i < 32 && isSpace(text.charCodeAt(i))) i--
  return i < 0 ? -1 : text.charCodeAt(i)
}
