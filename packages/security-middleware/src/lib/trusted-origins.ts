import type { Denial, HeaderPairs, Policy, RequestView, Verdict } from '@shop/middleware'

import { type CorsOptions, corsRules } from './cors.ts'
import { forwardedFault, hostMatcher } from './host.ts'
import { knownOptions, oneOf } from './options.ts'
import { originOf, originSet } from './origin.ts'

/** Options of {@link trustedOrigins}. */
export interface TrustedOriginsOptions {
  /** Hosts this application answers for: `shop.example`, `*.shop.example` (one label), `localhost:*` (any port). */
  readonly hosts: readonly string[]
  /** Origins beside the hosts' own whose pages may send requests that change something. @default none */
  readonly origins?: readonly string[]
  /** Lets pages of other origins read responses. @default none: no CORS header is ever sent */
  readonly cors?: CorsOptions
  /**
   * X-Forwarded-* and Forwarded: `check` refuses those that name a host outside the list or contradict themselves;
   * `refuse` any at all, for an application that no proxy stands before. @default 'check'
   */
  readonly forwarded?: 'check' | 'refuse'
}

const badHost = deny(400, 'host-invalid', 'The Host header of this request is not valid')
const foreignHost = deny(421, 'host-unknown', 'This server does not answer for that host')
const badForwarded = deny(400, 'forwarded-invalid', 'A forwarding header of this request is not valid')
const foreignOrigin = deny(403, 'origin-untrusted', 'The origin of this request is not trusted')
const foreignReferer = deny(403, 'referer-untrusted', 'The referring page of this request is not trusted')

/**
 * Holds Host, Origin, Referer and the forwarding headers against allow-lists, and answers CORS: an exact origin is
 * echoed, `null` and `*` with credentials never, and `Vary` is always sent.
 *
 * A Host that this application does not answer for is refused, so that nobody poisons a link in a mail or a cache.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_HOST, ERR_SHOP_SECURITY_ORIGIN
 * @example app.use(protect(trustedOrigins({ hosts: ['shop.example'], cors: { origins: ['https://admin.shop.example'], credentials: true } })))
 */
export function trustedOrigins(options: TrustedOriginsOptions): Policy {
  knownOptions('trustedOrigins()', options, ['hosts', 'origins', 'cors', 'forwarded'])
  const served = hostMatcher('hosts', options.hosts)
  const origins = originSet('origins', options.origins ?? [])
  const forwarded = oneOf('forwarded', options.forwarded, 'check', ['check', 'refuse'])
  const cors = options.cors && corsRules(options.cors)
  const isTrusted = (origin: string): boolean => {
    if (origins.has(origin) || cors?.allows(origin)) return true
    const canonical = originOf(origin)
    return canonical !== undefined && served(canonical.slice(canonical.indexOf('://') + 3))
  }

  return {
    name: 'trusted-origins',
    evaluate(request): Verdict | undefined {
      const host = hostOf(request.rawHeaders)
      if (host === undefined) return badHost
      if (!served(host)) return isPlainHost(host) ? foreignHost : badHost
      if (forwardedFault(request, served, forwarded === 'refuse')) return badForwarded
      const origin = request.header('origin')
      if (origin !== undefined) {
        const preflight = cors?.preflight(request, origin)
        if (preflight) return preflight
        if (!isSafe(request.method) && !isOf(origin, host) && !isTrusted(origin) && !isOwnForm(request, origin))
          return foreignOrigin
      } else if (!isSafe(request.method)) {
        const referer = request.header('referer')
        if (referer !== undefined && !isTrusted(URL.parse(referer)?.origin ?? 'null')) return foreignReferer
      }
      const headers: HeaderPairs | undefined = cors?.headers(origin)
      return headers && { headers }
    },
    traits: { owns: ['access-control-allow-origin', 'access-control-allow-credentials'] },
  }
}

/** Under `Referrer-Policy: no-referrer` browsers send `Origin: null` with a page's own forms; Sec-Fetch-Site tells. */
function isOwnForm(request: RequestView, origin: string): boolean {
  return origin === 'null' && request.header('sec-fetch-site') === 'same-origin'
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}

/** Whether an Origin is of the host that was asked, and is served: what almost every request is. */
function isOf(origin: string, host: string): boolean {
  const scheme = origin.length - host.length
  return (
    (scheme === 8 || scheme === 7) &&
    origin.endsWith(host) &&
    (origin.startsWith('https://') || origin.startsWith('http://'))
  )
}

/** RFC 3986 reg-name or IP literal with an optional port, and nothing a URL could hide behind. */
function isPlainHost(host: string): boolean {
  return /^(?:[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i.test(host)
}

/** The one host that was asked for; undefined without any, with two Host headers, or one that differs from HTTP/2's `:authority`. */
function hostOf(rawHeaders: readonly string[]): string | undefined {
  let host: string | undefined
  let authority: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (host !== undefined) return undefined
      host = rawHeaders[i + 1]!
    } else if (name === ':authority') authority = rawHeaders[i + 1]!
  }
  return host === undefined || authority === undefined || host === authority ? (host ?? authority) : undefined
}

function deny(status: number, code: string, title: string): Verdict {
  return { deny: { status, code, title } satisfies Denial }
}
