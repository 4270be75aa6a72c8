import { Has, isDigit, isLetter, isSpace, isWord } from './chars.ts'
import type { Span } from './finding.ts'
import { LiteralSet } from './literal-set.ts'
import { startsWithWord } from './word-table.ts'

type Delimiters = readonly [open: string, close: string]
const openers: Readonly<Record<number, readonly Delimiters[]>> = Object.groupBy<number, Delimiters>(
  [
    ['{{', '}}'],
    ['${', '}'],
    ['#{', '}'],
    ['*{', '}'],
    ['@{', '}'],
    ['~{', '}'],
    ['<%', '%>'],
    ['{%', '%}'],
    ['[[', ']]'],
    ['@(', ')'],
    ['{=', '}'],
    ['{@', '}'],
    ['{#', '}'],
  ],
  ([open]) => open.charCodeAt(0),
) as Readonly<Record<number, readonly Delimiters[]>>

/**
 * Looks for the delimiters of template engines with an expression between them: arithmetic on literals, a call, an index, a
 * reach for a class (`__class__`, `T(java.lang…)`, `constructor`). A bare name, as in "Hello {{first_name}}", is a placeholder
 * and passes. Also directives: `{% import`, `<#assign`, `#set($x=`, `{php}`.
 */
export function templateInjection(text: string, bits: number): Span | undefined {
  const delimiters =
    bits & Has.brace ||
    (bits & Has.less && bits & (Has.percent | Has.hash | Has.colon | Has.at)) ||
    (bits & Has.at && bits & Has.paren) ||
    (bits & Has.hash && bits & Has.paren) ||
    (bits & Has.bracket && text.includes('[['))
  if (!delimiters) return undefined
  spare = text.length + 4_096
  lastClose = text.lastIndexOf('>')
  calls = text.includes('(')
  signAt = -1
  for (let i = 0; i < text.length - 2; i++) {
    const unit = text.charCodeAt(i)
    if (
      unit !== 123 &&
      unit !== 36 &&
      unit !== 35 &&
      unit !== 42 &&
      unit !== 64 &&
      unit !== 126 &&
      unit !== 60 &&
      unit !== 91
    )
      continue
    const rule = directive(text, i) ?? delimited(text, i)
    if (rule) return { start: i, end: Math.min(text.length, i + 32), rule }
  }
  return undefined
}

/** Where the last tag ends, and whether there is any bracket: asked once, not at every sign. */
let lastClose = -1
let calls = false

/** The next of {@link signs} at or after the place last asked about. */
let signAt = -1

function signBefore(text: string, from: number, end: number): boolean {
  if (signAt < from) {
    signAt = from
    while (signAt < text.length && !isSign(text.charCodeAt(signAt))) signAt++
  }
  return signAt < end
}

/** What a placeholder's bare name has not: an index, a filter, a text, a member, a call, an assignment, `__` or `%x`. */
const isSign = (unit: number): boolean => unit < 128 && signs[unit] === 1
const signs = new Uint8Array(128)
for (const sign of `([|'".=_%`) signs[sign.charCodeAt(0)] = 1

/** What is left of this text for looking ahead; when it is used up, expressions are read no further than 24 characters. */
let spare = 0

function delimited(text: string, at: number): string | undefined {
  // of "{{{{" only the last two braces open an expression
  if (text.charCodeAt(at + 2) === 123) return undefined
  for (const [open, close] of openers[text.charCodeAt(at)] ?? []) {
    if (text.charCodeAt(at + 1) !== open.charCodeAt(1)) continue
    const from = at + 2
    const body = text.slice(from, from + Math.min(256, Math.max(24, spare)))
    spare -= body.length
    const end = body.indexOf(close)
    const inner = body.slice(0, end < 0 ? 64 : end)
    const rule = expression(inner, open, end >= 0, signBefore(text, from, from + inner.length))
    if (rule) return rule
  }
  return undefined
}

const reaches = new LiteralSet([
  '__',
  'constructor',
  'java.',
  't(',
  'class.',
  'getclass',
  'forname',
  'runtime',
  'processbuilder',
  'self.',
  'request.',
  'config',
  'lipsum',
  'cycler',
  'joiner',
  'get_flashed',
  'url_for',
  '_self',
  'app.request',
  'settings.',
  'session.',
  'application',
  'process.',
  'global',
  'require(',
  'system(',
  'exec',
  'eval',
  'popen',
  'file.',
  'dir.',
  'io.',
  'phpinfo',
  'passthru',
  'new ',
  'import',
  '@java',
  '#this',
  '#root',
  '#context',
  '#rt',
  '#session',
  '%x',
  'attr(',
  'dump(',
  'debug',
  'sandbox',
  'subclasses',
  'prototype',
  'filter(',
  'map(',
  'sort(',
  'reduce(',
  'smarty',
  'alert(',
  'range',
  'printenv',
  'license',
  'mixed',
  '$on',
  '[].',
  '"".',
  "''.",
  "'a'",
  'inject',
])

function expression(inner: string, open: string, closed: boolean, signed: boolean): string | undefined {
  // a name and no more says nothing, unless it is one of those that `{{` reaches
  if (!signed && open !== '{{' && open.charCodeAt(1) === 123 && !arithmetic(inner)) return undefined
  const plain = inner.trim()
  if (plain === '') return undefined
  const first = plain.charCodeAt(0)
  if (arithmetic(plain) && (closed || open !== '@(')) return open === '[[' ? undefined : 'template-arithmetic'
  if (open === '<%' && (first === 61 || first === 45 || isSpace(inner.charCodeAt(0)) || isLetter(first)))
    return closed ? 'template-directive' : undefined
  if (open === '@(' || open === '{#' || open === '[[' || open === '{@') {
    return open === '[[' && (plain.startsWith('${') || plain.startsWith('*{')) ? 'template-expression' : undefined
  }
  if (open === '{%') return directiveWord(plain) ? 'template-directive' : undefined
  if (open === '{=') return undefined
  if (!closed && open !== '{{' && open !== '${') return undefined
  if (!signed && plain.length > 8) return undefined
  const folded = plain.toLowerCase()
  const called = signed && folded.includes('(') && (/[\w\])]\s*\(/.test(folded) || /\w\|\s*\w+\s*\(/.test(folded))
  if (called || (signed && /[[|'".=]|__|%x/.test(folded))) {
    if (reaches.isIn(folded)) return 'template-reach'
    if (called && (open === '${' || open === '#{' || open === '*{' || open === '{{'))
      return /\(\s*["'\d)]/.test(folded) ? 'template-call' : undefined
    if (/^["'].*["']\s*[*+.[|]/.test(plain)) return 'template-literal'
  }
  return folded === 'config' ||
    folded === 'self' ||
    folded === 'settings' ||
    folded === 'this' ||
    folded === '.' ||
    folded === 'debug' ||
    folded === '_self' ||
    folded === 'app'
    ? open === '{{'
      ? 'template-reach'
      : undefined
    : undefined
}

/** Two literals and an operator: nobody fills a placeholder so. */
function arithmetic(text: string): boolean {
  let i = 0
  const skip = (): void => {
    while (
      isSpace(text.charCodeAt(i)) ||
      text.charCodeAt(i) === 39 ||
      text.charCodeAt(i) === 34 ||
      text.charCodeAt(i) === 40 ||
      text.charCodeAt(i) === 61
    )
      i++
  }
  skip()
  let start = i
  while (isDigit(text.charCodeAt(i))) i++
  if (i === start) return false
  skip()
  const unit = text.charCodeAt(i)
  if (unit !== 42 && unit !== 43 && unit !== 45 && unit !== 47 && unit !== 37) return false
  i++
  if (unit === 42 && text.charCodeAt(i) === 42) i++
  skip()
  start = i
  while (isDigit(text.charCodeAt(i))) i++
  return i > start
}

function directiveWord(inner: string): boolean {
  const word = /^-?\s*(\w+)/.exec(inner)?.[1]?.toLowerCase() ?? ''
  return [
    'if',
    'for',
    'set',
    'import',
    'include',
    'from',
    'extends',
    'block',
    'macro',
    'call',
    'debug',
    'raw',
    'filter',
    'with',
    'load',
    'csrf_token',
    'autoescape',
    'print',
    'endraw',
    'apply',
    'embed',
    'use',
    'sandbox',
  ].includes(word)
}

function directive(text: string, i: number): string | undefined {
  const unit = text.charCodeAt(i)
  if (unit === 60)
    return (startsWithWord(text, '<#', i) &&
      ['assign', 'include', 'import', 'if', 'list', 'macro'].some(
        (word) => startsWithWord(text, word, i + 2) && !isWord(text.charCodeAt(i + 2 + word.length)),
      )) ||
      startsWithWord(text, '<th:', i) ||
      (startsWithWord(text, '<@', i) && isLetter(text.charCodeAt(i + 2)) && lastClose > i && calls)
      ? 'template-directive'
      : undefined
  if (unit === 35)
    return (startsWithWord(text, '#set(', i) ||
      startsWithWord(text, '#set (', i) ||
      startsWithWord(text, '#foreach(', i) ||
      startsWithWord(text, '#foreach (', i) ||
      startsWithWord(text, '#include(', i) ||
      startsWithWord(text, '#parse(', i) ||
      startsWithWord(text, '#evaluate(', i)) &&
      (text.charCodeAt(i + 5) === 36 || text.slice(i, i + 16).includes('$') || text.slice(i, i + 16).includes('"'))
      ? 'template-directive'
      : undefined
  if (unit === 123)
    return startsWithWord(text, '{php}', i) ||
      startsWithWord(text, '{$smarty', i) ||
      startsWithWord(text, '{system(', i) ||
      startsWithWord(text, '{literal}', i) ||
      (startsWithWord(text, '{if ', i) && calls) ||
      startsWithWord(text, '{self::', i) ||
      startsWithWord(text, '{fetch ', i) ||
      startsWithWord(text, '{include ', i)
      ? 'template-directive'
      : undefined
  if (unit === 36)
    return startsWithWord(text, '$class.', i) || startsWithWord(text, '$request.', i) ? 'template-reach' : undefined
  return undefined
}
