import { hash } from 'node:crypto'

import { SecurityError } from './errors.ts'

const fetchDirectives = [
  'default-src',
  'child-src',
  'connect-src',
  'font-src',
  'frame-src',
  'img-src',
  'manifest-src',
  'media-src',
  'object-src',
  'script-src',
  'script-src-attr',
  'script-src-elem',
  'style-src',
  'style-src-attr',
  'style-src-elem',
  'worker-src',
  'base-uri',
  'form-action',
  'frame-ancestors',
] as const
const otherDirectives = [
  'report-to',
  'report-uri',
  'require-trusted-types-for',
  'sandbox',
  'trusted-types',
  'upgrade-insecure-requests',
] as const

/** A directive of Content Security Policy Level 3, Trusted Types included. */
export type CspDirective = (typeof fetchDirectives)[number] | (typeof otherDirectives)[number]

/**
 * Directives with their sources: `{ 'img-src': ["'self'", 'https://cdn.example'] }`. `[]` stands for a directive
 * without a value, `false` takes one out. The source `'nonce'`, quotes included, becomes the request's own nonce.
 */
export type CspDirectives = { readonly [D in CspDirective]?: readonly string[] | false }

/** Where the request's nonce goes in a source list. */
export const nonceSource = "'nonce'"

/**
 * The strict policy of {@link securityHeaders}: scripts run by nonce, and what those scripts load; browsers that
 * know neither fall back to `https:` and `'unsafe-inline'`, which every other browser ignores.
 */
export const strictPolicy: CspDirectives = {
  'default-src': ["'self'"],
  'base-uri': ["'none'"],
  'connect-src': ["'self'"],
  'font-src': ["'self'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
  'script-src': [nonceSource, "'strict-dynamic'", 'https:', "'unsafe-inline'"],
  'script-src-attr': ["'none'"],
  'style-src': ["'self'", nonceSource],
  'require-trusted-types-for': ["'script'"],
  'upgrade-insecure-requests': [],
}

/** Adds sources to those already there; a directive that is new inherits what `default-src` allowed it. */
export function addSources(base: CspDirectives, more: CspDirectives): CspDirectives {
  const merged: Record<string, readonly string[] | false> = { ...base }
  for (const [name, sources] of Object.entries(more)) {
    if (!sources) continue
    const before = merged[name] || (name.endsWith('-src') && base['default-src']) || []
    merged[name] = [...new Set([...before.filter((source) => source !== "'none'"), ...sources])]
  }
  return merged
}

/** The CSP source of inline code: its SHA-256. */
export function hashSource(code: string): string {
  return `'sha256-${hash('sha256', code, 'base64')}'`
}

/**
 * Compiles directives once; the result takes a nonce and gives the header. `usesNonce` tells whether it matters.
 * @throws ERR_SHOP_SECURITY_CSP
 */
export function compileCsp(directives: CspDirectives): {
  readonly usesNonce: boolean
  readonly header: (nonce: string) => string
} {
  const text = Object.entries(directives)
    .filter((entry): entry is [string, readonly string[]] => entry[1] !== false && entry[1] !== undefined)
    .map(([name, sources]) => serialise(name, sources))
    .join('; ')
  const parts = text.split(nonceSource)
  if (parts.length === 1) return { usesNonce: false, header: () => text }
  const opened = parts.map((part, i) => (i === 0 ? '' : "'") + part + (i === parts.length - 1 ? '' : "'nonce-"))
  if (opened.length === 3) {
    const [first, second, third] = opened as [string, string, string]
    return { usesNonce: true, header: (nonce) => first + nonce + second + nonce + third }
  }
  return { usesNonce: true, header: (nonce) => opened.join(nonce) }
}

const keywords = new Set([
  "'self'",
  "'none'",
  "'strict-dynamic'",
  "'unsafe-inline'",
  "'unsafe-eval'",
  "'unsafe-hashes'",
  "'wasm-unsafe-eval'",
  "'report-sample'",
  "'inline-speculation-rules'",
  nonceSource,
])
const hostOrScheme =
  /^(?:\*|[a-z][a-z0-9+.-]*:|(?:[a-z][a-z0-9+.-]*:\/\/)?(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::(?:\d+|\*))?(?:\/[\w./~%!$&()*+=:@-]*)?|(?:https?|wss?):\/\/\[[0-9a-f:]+\](?::\d+)?)$/i
const hashed = /^'(?:sha256|sha384|sha512)-[A-Za-z0-9+/_-]+={0,2}'$/

function serialise(name: string, sources: readonly string[]): string {
  const fetches = (fetchDirectives as readonly string[]).includes(name)
  if (!fetches && !(otherDirectives as readonly string[]).includes(name)) {
    throw new SecurityError('ERR_SHOP_SECURITY_CSP', `${JSON.stringify(name)} is no CSP directive.`)
  }
  for (const source of sources) {
    if (fetches ? valid(source) : /^[\w'*/#=@.:%?&-]+$/.test(source)) continue
    const bare = keywords.has(`'${source}'`) ? ` Did you mean "'${source}'", with its quotes?` : ''
    throw new SecurityError(
      'ERR_SHOP_SECURITY_CSP',
      `${name} has ${JSON.stringify(source)}, which is no source.${bare}`,
    )
  }
  if (sources.includes("'none'") && sources.length > 1) {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_CSP',
      `${name} has "'none'" beside other sources; browsers then ignore the "'none'".`,
    )
  }
  return sources.length === 0 ? name : `${name} ${sources.join(' ')}`
}

function valid(source: string): boolean {
  // a bare keyword is a legal host name to a browser, and never what was meant
  return keywords.has(source) || hashed.test(source) || (hostOrScheme.test(source) && !keywords.has(`'${source}'`))
}
