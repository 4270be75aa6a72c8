import type { Policy, RequestView, Verdict } from '@shop/middleware'
import type { HelmetOptions } from 'helmet'

import { addSources, compileCsp, type CspDirectives, hashSource, strictPolicy } from './content-security-policy.ts'
import { type CspPreset, presets } from './csp-presets.ts'
import { SecurityError } from './errors.ts'
import { helmetHeaders } from './helmet-headers.ts'
import { nonceFor } from './nonce.ts'
import { knownOptions } from './options.ts'
import { pathMatcher } from './path-pattern.ts'
import { permissionsHeader, type PermissionsPolicy, quietPermissions } from './permissions-policy.ts'
import { reportingHeaders } from './reporting-endpoints.ts'

/** What {@link securityHeaders} sends on one route. */
export interface RouteHeaders {
  /**
   * Directives that replace those of the strict policy by name, or `false` for no policy at all.
   * @default the strict policy: nonce and `'strict-dynamic'`, Trusted Types required
   */
  readonly csp?: CspDirectives | false
  /** A second policy that browsers report on and do not enforce; a whole one, nothing is added. @default none */
  readonly reportOnly?: CspDirectives
  /** Third parties whose sources are added. @default none */
  readonly presets?: readonly CspPreset[]
  /** Inline scripts, exactly as they stand between the tags; their hashes are added to `script-src`. */
  readonly inlineScripts?: readonly string[]
  /** Inline styles, exactly as they stand between the tags; their hashes are added to `style-src`. */
  readonly inlineStyles?: readonly string[]
  /** Features by who may use them, added to a set that turns off what a shop does not need. `false` sends no header. */
  readonly permissions?: PermissionsPolicy | false
  /** helmet's own options for the remaining headers. */
  readonly helmet?: Omit<HelmetOptions, 'contentSecurityPolicy'>
}

/** Options of {@link securityHeaders}. */
export interface SecurityHeadersOptions extends RouteHeaders {
  /** Where browsers send reports: a path of this site, or an https URL. {@link cspReports} receives them. @default none */
  readonly reportTo?: string
  /** Overrides by path pattern (`/embed/*`), the first match wins; each is laid over the options above and compiled once. */
  readonly routes?: Readonly<Record<string, RouteHeaders>>
}

const routeKeys = ['csp', 'reportOnly', 'presets', 'inlineScripts', 'inlineStyles', 'permissions', 'helmet'] as const

/**
 * The security headers of a shop: helmet's set, a strict Content-Security-Policy with a nonce a request (see
 * {@link nonceOf}), Permissions-Policy and Reporting-Endpoints. COEP is not sent: Stripe's frames do not support it.
 *
 * Everything is compiled when built; a request costs a nonce and a join.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_CSP,
 *   ERR_SHOP_SECURITY_PERMISSION, ERR_SHOP_SECURITY_PATTERN
 * @example
 * app.use(protect(securityHeaders({ presets: ['stripeElements'], reportTo: '/reports' }), cspReports({ path: '/reports' })))
 */
export function securityHeaders(options: SecurityHeadersOptions = {}): Policy {
  knownOptions('securityHeaders()', options, [...routeKeys, 'reportTo', 'routes'])
  const { routes = {}, reportTo, ...base } = options
  const everywhere = compile(base, reportTo)
  const special = Object.entries(routes).map(([pattern, overrides]) => {
    knownOptions(`routes[${JSON.stringify(pattern)}]`, overrides, routeKeys)
    return { matches: pathMatcher('routes', [pattern]), set: compile({ ...base, ...overrides }, reportTo) }
  })
  const setFor = (path: string): HeaderSet => special.find(({ matches }) => matches(path))?.set ?? everywhere
  const owns = new Set([everywhere, ...special.map(({ set }) => set)].flatMap(({ owns }) => owns))
  return {
    name: 'security-headers',
    evaluate:
      special.length === 0
        ? (request) => verdict(everywhere, request)
        : (request) => verdict(setFor(request.path), request),
    traits: { owns: [...owns] },
  }
}

interface HeaderSet {
  /** Removed is what the framework sets by itself and tells strangers: `X-Powered-By`. */
  readonly fixed: Required<Pick<Verdict, 'headers' | 'remove'>>
  /** Headers that carry the nonce. */
  readonly changing: readonly { readonly name: string; readonly header: (nonce: string) => string }[]
  readonly owns: readonly string[]
}

function verdict({ fixed, changing }: HeaderSet, request: RequestView): Verdict {
  if (changing.length === 0) return fixed
  const nonce = nonceFor(request.raw)
  const headers = fixed.headers.slice()
  for (const { name, header } of changing) headers.push([name, header(nonce)])
  return { headers, remove: fixed.remove }
}

function compile(options: RouteHeaders, reportTo: string | undefined): HeaderSet {
  const chosen = (options.presets ?? []).map(presetOf)
  const { pairs, removed } = helmetHeaders(options.helmet, reportTo)
  const fixed: (readonly [string, string])[] = [...pairs, ...reportingHeaders(reportTo)]
  if (options.permissions !== false) {
    fixed.push([
      'permissions-policy',
      permissionsHeader(
        Object.assign(
          {},
          quietPermissions,
          ...chosen.map(({ permissions }) => permissions),
          options.permissions,
        ) as PermissionsPolicy,
      ),
    ])
  }
  const policies: [name: string, directives: CspDirectives][] = []
  if (options.csp !== false) {
    let directives = chosen.reduce((sum, preset) => addSources(sum, preset.directives), {
      ...strictPolicy,
      ...options.csp,
    })
    directives = withHashes(directives, 'script-src', options.inlineScripts)
    directives = withHashes(directives, 'style-src', options.inlineStyles)
    policies.push(['content-security-policy', directives])
  }
  if (options.reportOnly) policies.push(['content-security-policy-report-only', options.reportOnly])
  const changing: { name: string; header: (nonce: string) => string }[] = []
  for (const [name, directives] of policies) {
    const reporting = reportTo === undefined ? {} : { 'report-to': ['default'], 'report-uri': [reportTo] }
    const csp = compileCsp({ ...directives, ...reporting })
    if (csp.usesNonce) changing.push({ name, header: csp.header })
    else fixed.push([name, csp.header('')])
  }
  return {
    fixed: { headers: fixed, remove: removed },
    changing,
    owns: [...fixed, ...changing.map(({ name }) => [name] as const)].map(([name]) => name),
  }
}

function withHashes(
  directives: CspDirectives,
  name: 'script-src' | 'style-src',
  code: readonly string[] = [],
): CspDirectives {
  return code.length === 0 ? directives : addSources(directives, { [name]: code.map(hashSource) })
}

function presetOf(name: CspPreset): (typeof presets)[CspPreset] {
  if (Object.hasOwn(presets, name)) return presets[name]
  throw new SecurityError(
    'ERR_SHOP_SECURITY_OPTION',
    `presets has ${JSON.stringify(name)}, and takes ${Object.keys(presets).join(', ')}.`,
  )
}
