import { SecurityError } from './errors.ts'

/**
 * Compiles path patterns into one test. `/exact`, `/only/:one/segment`, `/all/below/*`.
 *
 * A path that a router or a proxy might read differently (an encoded slash or dot, dot segments, empty
 * segments, backslashes) matches nothing, so that no exception granted by a pattern is reached by another spelling.
 * @throws ERR_SHOP_SECURITY_PATTERN
 */
export function pathMatcher(name: string, patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false
  const exact = new Set<string>()
  const shapes: string[] = []
  for (const pattern of patterns) {
    if (
      typeof pattern !== 'string' ||
      !/^\/(?:(?:[\w.~!$&'()+,;=@%-]+|:\w+)\/)*(?:[\w.~!$&'()+,;=@%-]+|:\w+|\*)?$/.test(pattern)
    ) {
      throw new SecurityError(
        'ERR_SHOP_SECURITY_PATTERN',
        `${name} has ${JSON.stringify(pattern)}; a pattern is a path such as "/exact", "/orders/:id" or "/hooks/*".`,
      )
    }
    if (/[:*]/.test(pattern)) shapes.push(shape(pattern))
    else exact.add(pattern)
  }
  const any = shapes.length === 0 ? undefined : new RegExp(`^(?:${shapes.join('|')})$`)
  return (path) => exact.has(path) || (any !== undefined && plain(path) && any.test(path))
}

/** The values of a template's `:names` in a path, decoded; undefined when it does not match. */
export function templateReader(name: string, template: string): (path: string) => Record<string, string> | undefined {
  pathMatcher(name, [template])
  const names = template.split('/').flatMap((part) => (part.startsWith(':') ? [part.slice(1)] : []))
  const form = new RegExp(`^${shape(template)}/?$`)
  return (path) => {
    const found = form.exec(path)
    if (!found) return undefined
    const values: Record<string, string> = {}
    for (const [i, key] of names.entries()) values[key] = decodeURIComponent(found[i + 1]!)
    return values
  }
}

function shape(pattern: string): string {
  return pattern
    .split('/')
    .map((part) =>
      part.startsWith(':') ? '([^/]+)' : part === '*' ? '(?:.*)' : part.replace(/[.$()+*?^|[\]{}\\]/g, String.raw`\$&`),
    )
    .join('/')
}

const ambiguous = /\/\/|\\|%2f|%5c|%2e|\/\.{1,2}(?:\/|$)/i

/** Whether every router reads the path alike. */
export function plain(path: string): boolean {
  return !ambiguous.test(path)
}
