import type { Denial, Policy, RequestView, Verdict } from '@shop/middleware'

import { csrfHazards } from './csrf-hazards.ts'
import { type CsrfTokenOptions, csrfTokens } from './csrf-token.ts'
import { type CsrfReason, csrfRefused } from './events.ts'
import { knownOptions } from './options.ts'
import { originSet } from './origin.ts'
import { pathMatcher } from './path-pattern.ts'

/** Options of {@link csrf}. */
export interface CsrfOptions {
  /** Other origins whose pages may send requests that change something: `https://admin.shop.example`. @default none */
  readonly trustedOrigins?: readonly string[]
  /** Paths that are not checked, because something stronger is: a webhook's signature. @default none */
  readonly insecureBypass?: readonly string[]
  /** Tokens for clients that send neither Sec-Fetch-Site nor Origin; without it such requests pass, as no current browser sends them. @default none */
  readonly token?: CsrfTokenOptions
  /**
   * Resource isolation: other sites may link here, and may not embed or read: their GETs pass as top-level
   * navigations only. A list of patterns leaves those paths open (`/images/*`). @default false
   */
  readonly isolation?: boolean | readonly string[]
  /** Warn of method overrides and of GETs that seem to change something. @default whether NODE_ENV is not 'production' */
  readonly development?: boolean
}

const overrides = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const
const title = 'This request came from another site'
const denials: Readonly<Record<CsrfReason, Verdict>> = {
  'cross-site': refuse('cross-site', title),
  'same-site': refuse('same-site', title),
  'origin-null': refuse('origin-null', title),
  'origin-mismatch': refuse('origin-mismatch', title),
  'token-missing': refuse('token-missing', 'This request needs a CSRF token'),
  'token-invalid': refuse('token-invalid', 'The CSRF token of this request is not valid'),
  isolated: refuse('isolated', 'This resource is not for other sites'),
}

/**
 * Refuses requests that another site makes a browser send. By what browsers say first: `Sec-Fetch-Site`, else
 * `Origin` against the request's host; `null` is refused. Every content type is checked, JSON included. The order of
 * checks is that of Go's `net/http.CrossOriginProtection`.
 *
 * GET, HEAD and OPTIONS pass: they must change nothing. One that claims a method override is checked all the same.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_ORIGIN, ERR_SHOP_SECURITY_PATTERN,
 *   ERR_SHOP_SECURITY_SECRET, ERR_SHOP_SECURITY_OPTION
 * @example app.use(protect(csrf({ trustedOrigins: ['https://admin.shop.example'], insecureBypass: ['/webhooks/stripe'] })))
 */
export function csrf(options: CsrfOptions = {}): Policy {
  knownOptions('csrf()', options, ['trustedOrigins', 'insecureBypass', 'token', 'isolation', 'development'])
  const trusted = originSet('trustedOrigins', options.trustedOrigins ?? [])
  const bypassed = pathMatcher('insecureBypass', options.insecureBypass ?? [])
  const isolated = options.isolation ?? false
  const open = pathMatcher('isolation', typeof isolated === 'boolean' ? [] : isolated)
  const tokens = options.token && csrfTokens(options.token)
  const hazards = (options.development ?? process.env['NODE_ENV'] !== 'production') ? csrfHazards() : undefined

  function refused(request: RequestView, reason: CsrfReason): Verdict | undefined {
    const exempt = reason === 'isolated' ? open(request.path) : bypassed(request.path)
    if (exempt) return undefined
    if (csrfRefused.hasSubscribers) csrfRefused.publish({ reason, method: request.method })
    return denials[reason]
  }

  function evaluate(request: RequestView): Verdict | undefined {
    const site = request.header('sec-fetch-site')
    if (isSafe(request)) {
      if (isolated !== false && site === 'cross-site' && !isNavigation(request)) return refused(request, 'isolated')
      return tokens?.endpoint(request)
    }
    if (site === 'same-origin' || site === 'none') return undefined
    const origin = request.header('origin')
    if (site === undefined || site === '') {
      if (origin === undefined || origin === '') {
        const reason = tokens?.check(request)
        return reason && refused(request, reason)
      }
      if (isSameHost(origin, request.host)) return undefined
    }
    if (origin !== undefined && trusted.has(origin)) return undefined
    return refused(
      request,
      site === 'same-site' ? 'same-site' : site ? 'cross-site' : origin === 'null' ? 'origin-null' : 'origin-mismatch',
    )
  }

  return {
    name: 'csrf',
    evaluate,
    ...(tokens && {
      inspect(request) {
        const reason = tokens.checkForm(request)
        return reason && refused(request, reason)
      },
      respond: tokens.respond,
    }),
    ...(hazards && { settle: hazards }),
    traits: { after: ['csp-reports'] },
  }
}

function isSafe(request: RequestView): boolean {
  const { method } = request
  return (
    (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') &&
    overrides.every((name) => request.header(name) === undefined)
  )
}

function isNavigation(request: RequestView): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return true
  const destination = request.header('sec-fetch-dest')
  return (
    request.header('sec-fetch-mode') === 'navigate' &&
    destination !== 'object' &&
    destination !== 'embed' &&
    destination !== 'iframe' &&
    destination !== 'frame'
  )
}

/** Whether an Origin names the host that was asked; the scheme is not compared, for Host has none. */
function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined) return false
  const at = origin.indexOf('://')
  return at !== -1 && origin.length - at - 3 === host.length && origin.toLowerCase().endsWith(host.toLowerCase())
}

function refuse(reason: CsrfReason, title: string): Verdict {
  const deny: Denial = { status: 403, code: `csrf-${reason}`, title }
  return { deny }
}
