import { isDigit, isLetter, isSpace, isWord } from './chars.ts'
import type { Span } from './finding.ts'
import { scriptCalls } from './html-words.ts'
import { startsWithWord } from './word-table.ts'

/**
 * Script by itself, with no markup round it: what a value needs to break out of a string in a script or an event handler.
 * `alert(1)`, `eval?.(x)`, `(confirm)(1)`, `top["al"+"ert"](1)`, `document.cookie`, `location=`, `[].find.constructor(`, JSFuck.
 */
export function scriptCode(text: string): Span | undefined {
  let signs = 0
  const size = text.length
  for (let i = 0; i < size; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 91 || unit === 93 || unit === 40 || unit === 41 || unit === 33 || unit === 43) signs++
    if (!isLetter(unit) && unit !== 36 && unit !== 95) continue
    if (i > 0 && (isWord(text.charCodeAt(i - 1)) || text.charCodeAt(i - 1) === 36)) continue
    let end = i + 1
    while (end < size && isWord(text.charCodeAt(end))) end++
    const rule = call(text, i, end) ?? property(text, i, end)
    if (rule) return { start: i, end, rule }
    i = end - 1
  }
  if (signs > 40 && signs * 10 > size * 9) return { start: 0, end: size, rule: 'script-symbols-only' }
  return undefined
}

function call(text: string, start: number, end: number): string | undefined {
  const kind = scriptCalls.lookup(text, start, end)
  const before = charBefore(text, start)
  if (kind === 0) return indirect(text, start, end, before)
  let i = end
  // (alert)(1), alert?.(1), alert.call(null,1), alert/**/(1), window["alert"](1)
  while (
    text.charCodeAt(i) === 41 ||
    text.charCodeAt(i) === 93 ||
    text.charCodeAt(i) === 39 ||
    text.charCodeAt(i) === 34
  )
    i++
  const wrapped = i > end
  if (text.charCodeAt(i) === 63 && text.charCodeAt(i + 1) === 46) i += 2
  if (
    text.charCodeAt(i) === 46 &&
    (startsWithWord(text, 'call', i + 1) || startsWithWord(text, 'apply', i + 1) || startsWithWord(text, 'bind', i + 1))
  ) {
    return isLetter(text.charCodeAt(end)) ? undefined : 'script-call'
  }
  if (startsWithWord(text, '/**/', i)) i += 4
  const gap = i
  while (i < text.length && i - gap < 8 && isSpace(text.charCodeAt(i))) i++
  const spaced = i > gap
  const unit = text.charCodeAt(i)
  if (unit === 96 && !spaced) {
    // a tagged template, not the end of a quotation in backticks
    const close = text.indexOf('`', i + 1)
    return (kind === 1 || before === 46) &&
      close > i &&
      close - i < 256 &&
      !isSpace(text.charCodeAt(i + 1)) &&
      !/[.,;:]/.test(text[i + 1]!)
      ? 'script-call'
      : undefined
  }
  if (unit !== 40) {
    // ale = alert; onerror=alert;throw 1; [1].map(alert)
    if (
      kind === 1 &&
      (before === 61 || before === 40 || before === 44) &&
      !spaced &&
      isReferenceEnd(text.charCodeAt(end))
    ) {
      const sign = text.charCodeAt(start - 1)
      return sign === 61 ||
        (sign === 40 && text.charCodeAt(end) === 41 && start > 1 && isLetter(text.charCodeAt(start - 2)))
        ? 'script-reference'
        : undefined
    }
    return undefined
  }
  if (wrapped && !spaced && text.charCodeAt(end) !== 34 && text.charCodeAt(end) !== 39) return 'script-call'
  return argument(text, i + 1, kind, spaced, before)
}

const isReferenceEnd = (unit: number): boolean => unit === 59 || unit === 41 || unit === 44 || unit === 125

/** Prose writes "alert(s)" and "prompt (see below)"; script passes a literal, a path, nothing, or another call. */
function argument(text: string, from: number, kind: number, spaced: boolean, before: number): string | undefined {
  let i = from
  while (isSpace(text.charCodeAt(i)) && i - from < 8) i++
  const unit = text.charCodeAt(i)
  const code =
    before === 61 ||
    before === 59 ||
    before === 40 ||
    before === 34 ||
    before === 39 ||
    before === 58 ||
    before === 123 ||
    before === 44 ||
    before === 47 ||
    before === 45 ||
    before === 43 ||
    before === 42 ||
    before === 94 ||
    before === 46 ||
    before === 33 ||
    before === 62 ||
    before === 125 ||
    before === 41 ||
    before === 124 ||
    before === 38 ||
    before === 126 ||
    before === 96 ||
    before === 37
  if (
    unit === 39 ||
    unit === 34 ||
    unit === 96 ||
    unit === 47 ||
    unit === 92 ||
    unit === 91 ||
    unit === 43 ||
    unit === 45 ||
    unit === 123
  )
    return kind === 1 || code ? 'script-call' : undefined
  let end = i
  while (end < text.length && (isWord(text.charCodeAt(end)) || text.charCodeAt(end) === 36)) end++
  const next = text.charCodeAt(end)
  if (isDigit(unit))
    return kind === 1 &&
      (!spaced || code || before === -1) &&
      (next === 41 || next === 44 || next === 46 || next === 59 || end >= text.length)
      ? 'script-call'
      : undefined
  if (unit === 41)
    return kind === 1 &&
      !spaced &&
      ((code && before !== 46 && before !== 44 && before !== 96 && before !== 47 && before !== 58) ||
        (before === -1 && i + 2 >= text.length))
      ? 'script-call'
      : undefined
  if (end > i && (next === 46 || next === 40 || next === 91 || next === 96))
    return (kind === 1 && !spaced) || code ? 'script-call' : undefined
  if (end > i && next === 41)
    return kind === 1 && !spaced && (code || (before === -1 && end - i > 2) || startsWithWord(text, 'xss', i))
      ? 'script-call'
      : undefined
  return kind === 1 && code && !spaced && i >= text.length ? 'script-call' : undefined
}

/** `top["ale"+"rt"](…)`, `self['x'](…)`, `setTimeout`… reached through an object of the page. */
function indirect(text: string, start: number, end: number, before: number): string | undefined {
  if (text.charCodeAt(end) !== 91 || before === 36) return undefined
  if (!isWindow(text, start, end)) return undefined
  const unit = text.charCodeAt(end + 1)
  return unit === 34 || unit === 39 || unit === 96 || unit === 47 ? 'script-computed-member' : undefined
}

function isWindow(text: string, start: number, end: number): boolean {
  for (const name of [
    'window',
    'self',
    'top',
    'parent',
    'frames',
    'this',
    'document',
    'globalthis',
    'string',
    'location',
  ] as const) {
    if (end - start === name.length && startsWithWord(text, name, start)) return true
  }
  return false
}

const members: Readonly<Record<string, readonly string[]>> = {
  document: [
    'cookie',
    'domain',
    'write',
    'writeln',
    'location',
    'body',
    'url',
    'documenturi',
    'createelement',
    'getelementsbytagname',
    'getelementbyid',
    'documentelement',
    'forms',
    'all',
    'referrer',
    'scripts',
    'links',
    'queryselector',
    'execcommand',
    'defaultview',
  ],
  window: [
    'location',
    'open',
    'name',
    'onerror',
    'localstorage',
    'sessionstorage',
    'eval',
    'alert',
    'atob',
    'navigate',
    'top',
    'parent',
    'document',
    'status',
    'self',
    'opener',
    'history',
  ],
  location: ['href', 'hash', 'assign', 'replace', 'search', 'reload', 'pathname'],
  self: ['location', 'alert', 'eval', 'document', 'name'],
  top: ['location', 'alert', 'eval', 'document', 'name'],
  parent: ['location', 'alert', 'eval', 'document', 'window'],
  string: ['fromcharcode', 'fromcodepoint', 'raw'],
  function: ['constructor'],
  localstorage: ['getitem', 'setitem'],
  sessionstorage: ['getitem', 'setitem'],
  navigator: ['sendbeacon', 'serviceworker'],
  crypto: ['generatecrmfrequest'],
}

function property(text: string, start: number, end: number): string | undefined {
  let dot = end
  if (text.charCodeAt(dot) === 63) dot++
  const unit = text.charCodeAt(dot)
  if (unit === 61) {
    // location=…, name=…, onerror=alert
    if (startsWithWord(text, 'location', start) && end - start === 8 && text.charCodeAt(dot + 1) !== 61) {
      const next = text.charCodeAt(dot + 1)
      return next === 34 ||
        next === 39 ||
        next === 96 ||
        startsWithWord(text, 'name', dot + 1) ||
        startsWithWord(text, 'javascript', dot + 1) ||
        startsWithWord(text, 'window', dot + 1)
        ? 'script-navigation'
        : undefined
    }
    if (startsWithWord(text, 'innerhtml', start) || startsWithWord(text, 'outerhtml', start))
      return 'script-markup-write'
    return undefined
  }
  if (unit !== 46) return undefined
  const left = text.charCodeAt(start - 1)
  if (left === 45 || left === 47 || left === 64) return undefined
  const own = text.slice(start, end).toLowerCase()
  let last = dot + 1
  while (last < text.length && isWord(text.charCodeAt(last))) last++
  const member = text.slice(dot + 1, last).toLowerCase()
  const next = text.charCodeAt(last)
  const list = Object.hasOwn(members, own) ? members[own] : undefined
  if (list?.includes(member)) {
    const before = charBefore(text, start)
    const telling =
      next === 61 ||
      next === 40 ||
      next === 46 ||
      next === 91 ||
      next === 59 ||
      next === 41 ||
      next === 43 ||
      next === 96 ||
      next === 44 ||
      next === 47
    const sentence =
      (next === 46 || next === 44 || next === 59 || next === 41 || next === 47) &&
      (before === -1 || isLetter(before) || before === 40)
    if (telling && !(sentence && !(next === 46 && isLetter(text.charCodeAt(last + 1))))) return 'script-page-object'
    if (before === 61 || before === 40 || before === 43 || before === 59 || before === 58) return 'script-page-object'
  }
  if (member === 'constructor' && (next === 40 || next === 46 || next === 91)) return 'script-constructor'
  if ((member === 'innerhtml' || member === 'outerhtml') && (next === 61 || next === 43)) return 'script-markup-write'
  return undefined
}

function charBefore(text: string, start: number): number {
  let i = start - 1
  while (i >= 0 && isSpace(text.charCodeAt(i))) i--
  return i < 0 ? -1 : text.charCodeAt(i)
}
