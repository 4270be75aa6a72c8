import { isForbiddenKey } from './json-limits.ts'

/** What happens when a name comes twice: refuse the request, keep the first, keep the last, or keep all in a list. */
export type Repeated = 'refuse' | 'first' | 'last' | 'list'

/** Bounds and rules for `a=1&b=2`. */
export interface UrlencodedRules {
  /** The most pairs. */
  readonly keys: number
  readonly repeated: Repeated
  /** Names that are lists, whatever `repeated` says: always an array, of one too. */
  readonly lists: ReadonlySet<string>
  /** The most values of one list. */
  readonly elements: number
}

/** Why a query or form is refused. */
export type UrlencodedFault = 'keys' | 'elements' | 'encoding' | 'repeated' | 'forbidden-key' | 'lone-surrogate'

/**
 * Parses `application/x-www-form-urlencoded` (WHATWG URL, section 5.1) strictly: names stay flat, broken percent
 * encoding and broken UTF-8 are refused, and pairs are counted before any is decoded.
 */
export function parseUrlencoded(
  text: string,
  rules: UrlencodedRules,
): { readonly values: Record<string, string | string[]> } | { readonly fault: UrlencodedFault } {
  const values: Record<string, string | string[]> = {}
  if (text === '') return { values }
  let pairs = 1
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1))
    if (++pairs > rules.keys) return { fault: 'keys' }
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = decode(at === -1 ? pair : pair.slice(0, at))
    const value = at === -1 ? '' : decode(pair.slice(at + 1))
    if (name === undefined || value === undefined) return { fault: 'encoding' }
    if (!name.isWellFormed() || !value.isWellFormed()) return { fault: 'lone-surrogate' }
    // also as a server that reads brackets and dots as paths would
    if (name.split(/[[\].]/).some(isForbiddenKey)) return { fault: 'forbidden-key' }
    const before = Object.hasOwn(values, name) ? values[name] : undefined
    const isList = rules.lists.has(name)
    if (before === undefined) values[name] = isList ? [value] : value
    else if (isList || rules.repeated === 'list') {
      const list = typeof before === 'string' ? [before] : before
      if (list.length >= rules.elements) return { fault: 'elements' }
      list.push(value)
      values[name] = list
    } else if (rules.repeated === 'refuse') return { fault: 'repeated' }
    else if (rules.repeated === 'last') values[name] = value
  }
  return { values }
}

function decode(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
