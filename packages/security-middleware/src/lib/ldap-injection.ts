import { Has, isLetter, isSpace, isWord } from './chars.ts'
import type { Span } from './finding.ts'

/**
 * Looks for a value that closes or opens a filter of RFC 4515: `*)(uid=*`, `admin)(&)`, `)(|(cn=*))`, `(&(uid=admin)(!(…`,
 * a matching rule by number (`userPassword:2.5.13.18:=`), and, the same breakout in XPath, `' or name()='x`.
 */
export function ldapInjection(text: string, bits: number): Span | undefined {
  if (bits & Has.paren) {
    if (bits & (Has.equals | Has.ampersand | Has.pipe)) {
      for (let i = text.indexOf('('); i >= 0; i = text.indexOf('(', i + 1)) {
        const rule = filterAt(text, i)
        if (rule) return { start: i, end: Math.min(text.length, i + 24), rule }
      }
    }
    const star = bits & Has.star ? text.indexOf('*)(') : -1
    if (star >= 0 || (bits & Has.star && text.includes('*()|')))
      return { start: Math.max(0, star), end: Math.max(0, star) + 3, rule: 'ldap-filter' }
    const at = bits & (Has.apostrophe | Has.slash) ? text.indexOf('name()') : -1
    if (at >= 0) return { start: at, end: at + 6, rule: 'xpath-function' }
  }
  if (bits & Has.colon && bits & Has.equals) {
    const at = text.indexOf(':=')
    if (at > 2 && /:[\d.]{3,}$/.test(text.slice(Math.max(0, at - 32), at)))
      return { start: 0, end: at + 2, rule: 'ldap-matching-rule' }
  }
  return undefined
}

function filterAt(text: string, open: number): string | undefined {
  let i = open + 1
  const sign = text.charCodeAt(i)
  const before = previous(text, open)
  const joined = sign === 38 || sign === 124 || sign === 33
  if (joined) {
    i++
    while (isSpace(text.charCodeAt(i)) && i - open < 8) i++
    if (text.charCodeAt(i) === 40) return 'ldap-filter'
    return text.charCodeAt(i) === 41 && (before === 41 || before === 42) ? 'ldap-filter' : undefined
  }
  let end = i
  while (
    end < text.length &&
    end - i < 48 &&
    (isWord(text.charCodeAt(end)) || text.charCodeAt(end) === 45 || text.charCodeAt(end) === 58)
  )
    end++
  if (end === i || !isLetter(text.charCodeAt(i))) return undefined
  const operator = text.charCodeAt(end)
  const equals =
    operator === 61 || ((operator === 126 || operator === 60 || operator === 62) && text.charCodeAt(end + 1) === 61)
  if (!equals) return undefined
  // ")(attr=", "*(attr=": an earlier filter was closed; "(attr=*)" alone asks for everything
  const value = text.charCodeAt(end + 1)
  if (before === 41 || before === 42 || before === 38 || before === 124) return 'ldap-filter'
  return value === 42 && (text.charCodeAt(end + 2) === 41 || end + 2 >= text.length) && text.charCodeAt(end) === 61
    ? 'ldap-filter'
    : undefined
}

function previous(text: string, start: number): number {
  return start > 0 ? text.charCodeAt(start - 1) : -1
}
