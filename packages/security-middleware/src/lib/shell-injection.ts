import { Has, isDigit, isLetter, isSpace, isWord } from './chars.ts'
import type { Span } from './finding.ts'
import { LiteralSet } from './literal-set.ts'
import { Command, commands } from './shell-words.ts'
import { startsWithWord } from './word-table.ts'

/**
 * Looks for a second command: a separator (`;`, `|`, `&`, a line end, `` ` ``, `$(`, `<(`) and, where a shell then looks for a
 * program, one of a shell's words, read through the ways of hiding it (`/bin/cat`, `c'a't`, `c\at`, `w$@ho`, `${IFS}`). Words that
 * prose also has ("cat", "sort") need an argument that only a shell takes. Also code of the languages that start programs.
 */
export function shellInjection(text: string, bits: number): Span | undefined {
  const separators =
    Has.semicolon | Has.pipe | Has.ampersand | Has.backtick | Has.dollar | Has.newline | Has.less | Has.greater
  return (
    (bits & separators ? separated(text) : undefined) ??
    (bits & (Has.paren | Has.less | Has.backtick | Has.slash | Has.dollar | Has.brace | Has.pipe) ||
    (bits & (Has.dash | Has.plus | Has.dot) && bits & Has.space)
      ? program(text, bits)
      : undefined)
  )
}

function separated(text: string): Span | undefined {
  const size = text.length
  let runEnd = 0
  for (let i = 0; i < size; i++) {
    const unit = text.charCodeAt(i)
    let opener = 0
    if (unit === 59 || unit === 124 || unit === 38 || unit === 10 || unit === 13) opener = 1
    else if (unit === 96) opener = 2
    else if ((unit === 36 || unit === 60 || unit === 62) && text.charCodeAt(i + 1) === 40) opener = 3
    if (opener === 0) continue
    let at = opener === 3 ? i + 2 : i + 1
    // a run of spaces and separators is measured once for all of its separators
    if (at > runEnd) runEnd = at
    while (runEnd < size && (isSpace(text.charCodeAt(runEnd)) || isJoin(text.charCodeAt(runEnd)))) runEnd++
    if (runEnd - i > 64) continue
    at = runEnd
    while (text.charCodeAt(at) === 43 && at - i < 4) at = pastGap(text, at + 1, i + 64)
    const rule = commandAt(text, i, at, unit, opener)
    if (rule) return { start: i, end: Math.min(size, at + 16), rule }
  }
  // "id;" and "/usr/bin/id|": the value is the command
  const lead = commandAt(text, -1, 0, -1, 0)
  return lead ? { start: 0, end: Math.min(size, 16), rule: lead } : undefined
}

function pastGap(text: string, from: number, end: number): number {
  let at = from
  while (at < text.length && at < end && (isSpace(text.charCodeAt(at)) || isJoin(text.charCodeAt(at)))) at++
  return at
}

const isJoin = (unit: number): boolean =>
  unit === 124 || unit === 38 || unit === 59 || unit === 40 || unit === 123 || unit === 33

const scratch = { name: '', end: 0, pathed: false, hidden: false }

/** Reads a word as a shell would: quotes, backslashes and empty expansions are not part of it, a path before it is. */
function shellWord(text: string, from: number): typeof scratch {
  let name = ''
  let i = from
  let pathed = false
  let hidden = false
  let quote = 0
  let quotes = 0
  let within = false
  const size = Math.min(text.length, from + 96)
  for (; i < size; i++) {
    const unit = text.charCodeAt(i)
    const next = text.charCodeAt(i + 1)
    if (isLetter(unit) || isDigit(unit) || unit === 95) name += text[i]
    else if (unit === 47 || (unit === 92 && pathed && i + 1 < size && name.length > 1 && isWindowsPath(text, from))) {
      pathed = true
      name = ''
    } else if (unit === 92 && isWord(next)) hidden = true
    else if (
      (unit === 39 || unit === 34) &&
      (quotes === 0 || unit === quote) &&
      (quotes % 2 === 1 || isWord(next) || next === unit)
    ) {
      // c'a't hides a name; 'cat' only quotes it, and so does I'd
      quote = unit
      quotes++
      if (i > from && isWord(text.charCodeAt(i - 1)) && isWord(next)) within = true
      if (next === unit && name !== '') within = true
    } else if (unit === 36 && (next === 64 || next === 42 || isDigit(next))) {
      hidden = true
      i++
    } else if ((unit === 63 || unit === 42 || unit === 91 || unit === 93) && pathed) name += '?'
    else break
  }
  scratch.name = name
  scratch.end = i
  scratch.pathed = pathed
  scratch.hidden = hidden || (within && quotes % 2 === 0)
  return scratch
}

const isWindowsPath = (text: string, from: number): boolean => text.charCodeAt(from + 1) === 58

function commandAt(text: string, separator: number, at: number, sign: number, opener: number): string | undefined {
  const { name, end, pathed, hidden } = shellWord(text, at)
  if (name === '') return undefined
  let kind = commands.lookup(name, 0, name.length)
  const globbed = pathed && name.includes('?')
  if (
    globbed &&
    (startsWithWord(text, '/bin', at) || startsWithWord(text, '/???', at) || startsWithWord(text, '/usr', at))
  )
    kind = Command.sure
  if (kind === 0) return undefined
  let next = text.charCodeAt(end)
  let after = end
  if (startsWithWord(text, '.exe', end) || startsWithWord(text, '.com', end) || startsWithWord(text, '.bat', end)) {
    after = end + 4
    next = text.charCodeAt(after)
    kind = Command.sure
  }
  const atEnd = after >= text.length
  const leads = separator === 0 || (separator === 1 && !isWord(text.charCodeAt(0)) && !isSpace(text.charCodeAt(0)))
  if (!atEnd && isWord(next)) return undefined
  if (
    !atEnd &&
    (next === 46 || next === 45 || next === 58 || next === 61 || next === 64) &&
    !isSpace(text.charCodeAt(after + 1)) &&
    !pathed
  ) {
    return undefined
  }
  if (hidden && next === 61) return undefined
  const before = separator <= 0 ? -1 : text.charCodeAt(separator - 1)
  const terminator =
    next === 59 ||
    next === 124 ||
    next === 38 ||
    next === 96 ||
    next === 10 ||
    next === 13 ||
    next === 62 ||
    next === 60 ||
    next === 35 ||
    (next === 41 && opener === 3) ||
    (next === 37 && opener !== 0) ||
    next === 0 ||
    endsCommand(text, after)
  const argument = shellArgument(text, after, kind, name)
  const ifs = startsWithWord(text, '$ifs', after) || startsWithWord(text, '${ifs', after)
  if (ifs || (hidden && opener !== 2 && (pathed || argument || terminator))) return 'shell-hidden-word'
  // the value is nothing but a command, as "id;" or "/bin/ls|"
  if (opener === 0) {
    if (pathed && /^\/(?:usr\/(?:local\/)?)?s?bin\//i.test(text)) return 'shell-program-path'
    if (kind === Command.sure && (next === 59 || next === 124 || next === 96) && after + 1 >= text.length && end < 12)
      return 'shell-command'
    return undefined
  }
  if (pathed && text.charCodeAt(at) === 47 && ((sign !== 10 && sign !== 13) || text.slice(at, end).includes('bin/')))
    return 'shell-program-path'
  if (opener === 2) {
    // markdown quotes a word between backticks too: a lone command there counts, any other needs an argument
    const close = text.indexOf('`', at)
    if (close < 0)
      return (argument || atEnd) && kind === Command.sure && before !== 96 ? 'shell-substitution' : undefined
    if (close - at > 160) return undefined
    if (before === 96 || text.charCodeAt(close + 1) === 96) return undefined
    const alone = separator <= 1 || (!isSpace(before) && !isWord(before) && before !== 40)
    return alone &&
      (argument || terminator) &&
      (kind === Command.sure || argument || (separator <= 1 && close >= text.length - 2))
      ? 'shell-substitution'
      : undefined
  }
  if (opener === 3) return sign === 36 || kind === Command.sure ? 'shell-substitution' : undefined
  if (sign === 10 || sign === 13)
    return (kind === Command.sure && (argument || (atEnd && separator < 12))) || (argument && !hasThreeLines(text))
      ? 'shell-command'
      : undefined
  if (argument && (kind === Command.sure || strongArgument(text, after))) return 'shell-command'
  const glued = separator >= 0 && at === separator + 1
  if (sign === 38) {
    // "R&D", "cat & dog" and query strings use it as a word
    if (text.charCodeAt(separator + 1) === 38)
      return kind === Command.sure && (terminator || atEnd) ? 'shell-command' : undefined
    if (leads && (terminator || atEnd)) return 'shell-command'
    return kind === Command.sure && terminator && next !== 59 ? 'shell-command' : undefined
  }
  // no prose begins with a separator and the name of a program
  if (leads && !isTableRow(text, at, sign) && (terminator || atEnd || kind === Command.sure || words(text, after) < 4))
    return 'shell-command'
  if (kind === Command.sure && (terminator || atEnd))
    return glued || sign === 124 || terminator ? 'shell-command' : undefined
  if (kind === Command.common && terminator && glued && next === sign) return 'shell-command'
  return undefined
}

/** A command comes on one line or two; a letter has more. */
function hasThreeLines(text: string): boolean {
  const first = text.indexOf('\n')
  return first >= 0 && text.indexOf('\n', first + 1) >= 0
}

/** `| Name | Meaning |`: a row of a table in Markdown. */
function isTableRow(text: string, at: number, sign: number): boolean {
  return sign === 124 && isSpace(text.charCodeAt(at - 1)) && text.indexOf(' |', at) > at
}

/** Spaces, and then what ends a command: another separator, a redirection, a comment. */
function endsCommand(text: string, from: number): boolean {
  let i = from
  while (isSpace(text.charCodeAt(i)) && i - from < 16) i++
  const unit = text.charCodeAt(i)
  if (i === from) return false
  return (
    unit === 59 ||
    unit === 124 ||
    unit === 62 ||
    (unit === 35 && i + 1 >= text.length) ||
    (unit === 38 && text.charCodeAt(i + 1) === 38)
  )
}

/** How many words follow; four stand for any more. */
function words(text: string, from: number): number {
  let count = 0
  for (let i = from; i < text.length && count < 4; i++) {
    if (isSpace(text.charCodeAt(i)) && i + 1 < text.length && !isSpace(text.charCodeAt(i + 1))) count++
  }
  return count
}

/** After the program's name: an option, a path, an address, a variable, a redirection. */
function shellArgument(text: string, from: number, kind: number, name: string): boolean {
  let i = from
  while (i < text.length && i - from < 16 && (isSpace(text.charCodeAt(i)) || (text.charCodeAt(i) === 43 && i === from)))
    i++
  if (i === from) {
    const unit = text.charCodeAt(i)
    return (
      unit === 60 ||
      unit === 123 ||
      (unit === 62 && i < text.length - 1) ||
      (unit === 36 && isLetter(text.charCodeAt(i + 1)))
    )
  }
  const unit = text.charCodeAt(i)
  const next = text.charCodeAt(i + 1)
  if (unit === 45) return isLetter(next) || next === 45 || (isDigit(next) && kind === Command.common)
  if (unit === 47)
    return (
      isLetter(next) ||
      next === 46 ||
      next === 63 ||
      next === 42 ||
      (isSpace(next) && kind === Command.common && text.charCodeAt(i + 2) === 45)
    )
  if (unit === 126 || unit === 36 || unit === 62 || unit === 60)
    return i + 1 < text.length && !isSpace(next) && !isDigit(next)
  if (unit === 46) return next === 46 || next === 47
  if (isLetter(unit) && next === 58 && (text.charCodeAt(i + 2) === 92 || text.charCodeAt(i + 2) === 47)) return true
  if (startsWithWord(text, 'http', i) || startsWithWord(text, 'ftp:', i)) return true
  if (isDigit(unit)) return isAddress(text, i) || kind === Command.sure || (takesNumber(name) && isLastNumber(text, i))
  if (kind === Command.sure || /^(?:host|ping|nslookup|dig)$/i.test(name))
    return isHostName(text, i) || (/^ps$/i.test(name) && startsWithWord(text, 'aux', i))
  return (
    /^net$/i.test(name) &&
    ['user', 'view', 'localgroup', 'share', 'use', 'start', 'stop', 'accounts'].some(
      (word) => startsWithWord(text, word, i) && !isWord(text.charCodeAt(i + word.length)),
    )
  )
}

const takesNumber = (name: string): boolean => /^(?:sleep|kill|timeout|ping)$/i.test(name)

/** Digits, and then the end or another separator: "sleep 5;". */
function isLastNumber(text: string, from: number): boolean {
  let i = from
  while (isDigit(text.charCodeAt(i))) i++
  while (isSpace(text.charCodeAt(i)) && i - from < 16) i++
  const unit = text.charCodeAt(i)
  return (
    i >= text.length ||
    unit === 59 ||
    unit === 124 ||
    unit === 38 ||
    unit === 35 ||
    unit === 96 ||
    unit === 41 ||
    unit === 39 ||
    unit === 34
  )
}

/** `evil.example`, `x.y/z`: letters round a dot. */
function isHostName(text: string, from: number): boolean {
  let i = from
  while (i < text.length && i - from < 64 && (isWord(text.charCodeAt(i)) || text.charCodeAt(i) === 45)) i++
  return i > from && text.charCodeAt(i) === 46 && isLetter(text.charCodeAt(i + 1))
}

function isAddress(text: string, from: number): boolean {
  let dots = 0
  let i = from
  while (i < text.length && i - from < 16 && (isDigit(text.charCodeAt(i)) || text.charCodeAt(i) === 46))
    if (text.charCodeAt(i++) === 46) dots++
  return dots === 3
}

/** For words of prose: the argument must be one that prose would not write after them. */
function strongArgument(text: string, from: number): boolean {
  let i = from
  while (isSpace(text.charCodeAt(i)) || text.charCodeAt(i) === 43) i++
  const unit = text.charCodeAt(i)
  if (unit === 45) return isWord(text.charCodeAt(i + 1)) && !isWord(text.charCodeAt(i + 3))
  return (
    unit === 47 ||
    unit === 36 ||
    unit === 126 ||
    unit === 60 ||
    unit === 46 ||
    isDigit(unit) ||
    isLetter(unit) ||
    unit === 62 ||
    unit === 123
  )
}

const programs = new LiteralSet([
  '() {',
  '(){',
  'bash -i',
  '/dev/tcp/',
  '/dev/udp/',
  '/bin/sh',
  '/bin/bash',
  '/bin/cat',
  '/bin/ls',
  '/bin/id',
  '/usr/bin/',
  '/bin/ping',
  '/bin/sleep',
  '/bin/nc',
  'cmd.exe',
  'cmd /c',
  'cmd /k',
  'powershell -',
  'powershell.exe',
  'rm -rf',
  'rm -fr',
  'nc -e',
  'nc -l',
  'wget http',
  'curl http',
  'runtime.getruntime',
  'getruntime(',
  'processbuilder',
  '!!python/',
  '!!java',
  'os.system(',
  'os.popen(',
  'subprocess.',
  '__import__(',
  'child_process',
  "require('child",
  'process.mainmodule',
  'shell_exec(',
  'passthru(',
  'proc_open(',
  'pcntl_exec(',
  '<?php',
  '<?=',
  '<%=',
  'phpinfo(',
  'base64_decode(',
  '--exec=',
  'cat /etc/',
  '$ifs',
  '${ifs',
  'chmod +x',
  'xterm -display',
  'wscript.shell',
  'server.scripttimeout',
  '<!--#',
  'ping -c',
  'ping -n',
  'ping -i',
  'set /a',
  '{cat,',
  '{ls,',
  '{wget,',
  '{curl,',
  'sleep${',
  'system(',
  'popen(',
  'exec(',
  'eval(',
  'assert(',
  'file_get_contents(',
  'call_user_func(',
  'create_function(',
])

function program(text: string, bits: number): Span | undefined {
  for (let i = 0; i < text.length; i++) {
    const names = programs.startingAt(text, i)
    if (names.length === 0 || (i > 0 && isLetter(text.charCodeAt(i)) && isWord(text.charCodeAt(i - 1)))) continue
    for (const name of names) {
      if (startsWithWord(text, name, i) && damning(text, name, i, bits))
        return { start: i, end: i + name.length, rule: 'shell-program' }
    }
  }
  return undefined
}

/** Some names also stand in prose about programs; then what surrounds them decides. */
function damning(text: string, name: string, at: number, bits: number): boolean {
  const end = at + name.length
  switch (name) {
    case '() {':
    case '(){': {
      return text.slice(end, end + 4).includes(':')
    }
    case 'system(':
    case 'popen(':
    case 'exec(':
    case 'eval(':
    case 'assert(': {
      const unit = text.charCodeAt(end)
      const known = unit === 39 || unit === 34 || unit === 36 || unit === 92
      return known && (name !== 'exec(' || bits & Has.semicolon ? true : unit === 39 || unit === 34)
    }
    case '/usr/bin/':
      return (
        isLetter(text.charCodeAt(end)) &&
        (at === 0 || !isWord(text.charCodeAt(at - 1))) &&
        text.slice(Math.max(0, at - 3), at) !== '#! ' &&
        !startsWithWord(text, 'env', end)
      )
    case '/bin/sh':
    case '/bin/bash':
    case '/bin/cat':
    case '/bin/ls':
    case '/bin/id':
    case '/bin/ping':
    case '/bin/sleep':
    case '/bin/nc':
      return !isWord(text.charCodeAt(end)) && !(at > 1 && text.charCodeAt(at - 1) === 33)
    case '$ifs':
    case '${ifs':
      return !isLetter(text.charCodeAt(end))
    case '<!--#':
      return isLetter(text.charCodeAt(end))
    case 'subprocess.':
      return isLetter(text.charCodeAt(end))
    case 'processbuilder':
    case 'child_process':
      return text.charCodeAt(end) === 40 || text.charCodeAt(end) === 39 || text.charCodeAt(end) === 34
    case 'cmd.exe':
    case 'powershell.exe':
      return bits & (Has.slash | Has.pipe | Has.semicolon | Has.backslash) ? true : false
    case 'wget http':
    case 'curl http':
    case 'ping -c':
    case 'ping -n':
    case 'ping -i':
    case 'set /a':
    case 'chmod +x':
    case 'powershell -':
    case 'nc -e':
    case 'nc -l':
      return at === 0 || text.charCodeAt(at - 1) !== 32 || (at > 1 && !isWord(text.charCodeAt(at - 2)))
    default:
      return true
  }
}
