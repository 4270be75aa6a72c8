import { Has, isDigit, isLetter, isSpace } from './chars.ts'
import type { Span } from './finding.ts'
import { LiteralSet } from './literal-set.ts'
import { startsWithWord } from './word-table.ts'

const headers = new LiteralSet([
  'set-cookie',
  'set-cookie2',
  'location',
  'content-type',
  'content-length',
  'content-disposition',
  'content-encoding',
  'content-security-policy',
  'transfer-encoding',
  'refresh',
  'link',
  'host',
  'cookie',
  'authorization',
  'access-control-',
  'x-',
  'cache-control',
  'connection',
  'last-modified',
  'etag',
  'server',
  'status',
  'www-authenticate',
  'proxy-',
  'strict-transport-security',
  'clear-site-data',
  'report-to',
  'p3p',
  'user-agent',
  'referer',
  'origin',
  'vary',
  'expires',
  'date',
  'age',
  'header',
  'crlf',
  'bcc',
  'cc',
  'to',
  'from',
  'subject',
  'reply-to',
  'mime-version',
  'return-path',
  'sender',
])
/** Lines of forms and letters begin so too; they count only when the line end was encoded. */
const common = new Set<string>([
  'location',
  'link',
  'host',
  'status',
  'server',
  'date',
  'age',
  'to',
  'from',
  'subject',
  'cc',
  'origin',
  'header',
  'sender',
  'connection',
  'expires',
  'vary',
  'refresh',
  'crlf',
  'cookie',
  'x-',
  'p3p',
  'reply-to',
  'return-path',
  'user-agent',
  'referer',
])
const commands = new LiteralSet([
  'rcpt to:',
  'mail from:',
  'data\r',
  'data\n',
  'helo ',
  'ehlo ',
  'vrfy ',
  'quit',
  'v100 ',
  'capability',
  'fetch ',
  'a001 ',
  'stls',
  'retr ',
])

/** A tag and a command of IMAP: `A1 LOGOUT`. */
const imap =
  /^[a-z]{1,4}\d{1,4} (?:capability|fetch|select|login|logout|noop|list|create|delete|search|store|copy|examine|status|append)\b/i

/**
 * Looks for a line end and then what a server, a browser or a mail relay would read as its own: a header, a second response
 * (`HTTP/1.1 200 OK`), a blank line and markup, an SMTP or IMAP command. `encoded` says that the line end was not in the value
 * as sent (it came out of `%0d%0a`): a text area's own line ends never do.
 */
export function headerSplitting(text: string, bits: number, encoded: boolean): Span | undefined {
  if ((bits & Has.newline) === 0 && !(bits & Has.wide && text.includes('\u560a'))) return undefined
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit !== 10 && unit !== 13 && unit !== 0x560a && unit !== 0x2028) continue
    const start = i
    while (
      i < text.length &&
      (text.charCodeAt(i) === 10 ||
        text.charCodeAt(i) === 13 ||
        text.charCodeAt(i) === 0x560a ||
        text.charCodeAt(i) === 0x560d)
    )
      i++
    const blank = i - start > 2
    while (i < text.length && isSpace(text.charCodeAt(i)) && i - start < 16) i++
    const rule =
      lineRule(text, i, encoded || unit === 0x560a, blank) ??
      (start === 0 && /^(?:location|refresh|link): ?(?:https?:|\/\/|\d+;|<)/i.test(text.slice(i, i + 24))
        ? 'http-header-injection'
        : undefined)
    if (rule) return { start, end: Math.min(text.length, i + 16), rule }
    i--
    if (i < start) i = start
  }
  return undefined
}

function lineRule(text: string, i: number, encoded: boolean, blank: boolean): string | undefined {
  if (startsWithWord(text, 'http/', i))
    return encoded || /^http\/\d(?:\.\d)? \d{3}\b/i.test(text.slice(i, i + 16)) ? 'http-second-response' : undefined
  if (encoded && blank && text.charCodeAt(i) === 60) return 'http-body-after-blank-line'
  let colon = i
  while (colon < text.length && colon - i < 40 && isNameUnit(text.charCodeAt(colon))) colon++
  for (const name of text.charCodeAt(colon) === 58 ? headers.startingAt(text, i) : []) {
    if (!startsWithWord(text, name, i)) continue
    let end = i + name.length
    if (name.endsWith('-')) while (end < text.length && isNameUnit(text.charCodeAt(end)) && end - i < 48) end++
    if (text.charCodeAt(end) !== 58) continue
    if (common.has(name)) {
      if (encoded) return 'http-header-injection'
      continue
    }
    if (name === 'bcc' || encoded) return 'http-header-injection'
    if (
      name === 'set-cookie' ||
      name === 'content-length' ||
      name === 'transfer-encoding' ||
      name.startsWith('access-control')
    )
      return 'http-header-injection'
  }
  // a line end that was encoded was not typed: whatever names a header after it is one
  if (encoded && colon > i + 1 && text.charCodeAt(colon) === 58) return 'http-header-injection'
  if (colon > i + 1 && isSpace(text.charCodeAt(colon)) && imap.test(text.slice(i, i + 24))) return 'mail-command'
  for (const command of commands.startingAt(text, i))
    if (
      startsWithWord(text, command, i) &&
      (encoded ||
        startsWithWord(text, 'rcpt to:', i) ||
        startsWithWord(text, 'mail from:', i) ||
        startsWithWord(text, 'v100', i) ||
        startsWithWord(text, 'a001 ', i))
    )
      return 'mail-command'
  return undefined
}

const isNameUnit = (unit: number): boolean => isLetter(unit) || isDigit(unit) || unit === 95 || unit === 45
