import type { HeaderPairs, RequestView, Verdict } from '@shop/middleware'

import { SecurityError } from './errors.ts'
import { knownOptions } from './options.ts'
import { originSet } from './origin.ts'

/** CORS: which other origins may read, and what they may send. */
export interface CorsOptions {
  /** Exact origins. `'*'` stands for every one, and then never with credentials. */
  readonly origins: '*' | readonly string[]
  /** Whether their requests carry cookies. @default false */
  readonly credentials?: boolean
  /** @default GET, HEAD, POST */
  readonly methods?: readonly string[]
  /** Request headers beyond the safelisted ones. @default content-type */
  readonly headers?: readonly string[]
  /** Response headers that scripts may read. @default none */
  readonly exposed?: readonly string[]
  /** How long a preflight is remembered, in seconds. @default 600 */
  readonly maxAge?: number
}

interface CorsRules {
  readonly allows: (origin: string) => boolean
  /** The answer when the request is a preflight. */
  readonly preflight: (request: RequestView, origin: string) => Verdict | undefined
  readonly headers: (origin: string | undefined) => HeaderPairs
}

/**
 * Compiles CORS rules (the Fetch standard's CORS protocol): one set of headers an origin, made once.
 * @throws ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_ORIGIN, ERR_SHOP_SECURITY_UNKNOWN_OPTION
 */
export function corsRules(options: CorsOptions): CorsRules {
  knownOptions('cors', options, ['origins', 'credentials', 'methods', 'headers', 'exposed', 'maxAge'])
  const {
    credentials = false,
    methods = ['GET', 'HEAD', 'POST'],
    headers = ['content-type'],
    exposed = [],
    maxAge = 600,
  } = options
  const everybody = options.origins === '*'
  if (everybody && credentials) {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'cors.origins is "*" with cors.credentials: every site could then read with the user’s cookies. List the origins.',
    )
  }
  for (const [name, tokens] of Object.entries({ methods, headers, exposed })) {
    const wrong = tokens.find((token) => !/^[\w!#$%&'+.^`|~-]+$/.test(token))
    if (wrong !== undefined)
      throw new SecurityError(
        'ERR_SHOP_SECURITY_OPTION',
        `cors.${name} has ${JSON.stringify(wrong)}, which is no HTTP token; "*" is not taken.`,
      )
  }
  const listed = everybody ? new Set<string>() : originSet('cors.origins', options.origins as readonly string[])
  const permitted = new Set(headers.map((name) => name.toLowerCase()))
  const vary = ['vary', 'Origin'] as const
  const strangers: HeaderPairs = everybody ? [['access-control-allow-origin', '*'], ...exposing(exposed)] : [vary]
  const friends = new Map<string, HeaderPairs>()
  for (const origin of listed) {
    friends.set(origin, [
      vary,
      ['access-control-allow-origin', origin],
      ...(credentials ? ([['access-control-allow-credentials', 'true']] as const) : []),
      ...exposing(exposed),
    ])
  }
  const granted: HeaderPairs = [
    ['access-control-allow-methods', methods.join(', ')],
    ['access-control-allow-headers', [...permitted].join(', ')],
    ['access-control-max-age', String(maxAge)],
    ['vary', 'Access-Control-Request-Method, Access-Control-Request-Headers'],
  ]
  const headersFor = (origin: string | undefined): HeaderPairs =>
    origin === undefined ? strangers : (friends.get(origin) ?? strangers)

  return {
    allows: (origin) => everybody || listed.has(origin),
    headers: headersFor,
    preflight(request, origin) {
      const method = request.method === 'OPTIONS' ? request.header('access-control-request-method') : undefined
      if (method === undefined) return undefined
      const wanted = request.header('access-control-request-headers')?.split(',') ?? []
      const grants =
        (everybody || listed.has(origin)) &&
        methods.includes(method) &&
        wanted.every((name) => permitted.has(name.trim().toLowerCase()))
      // a refused preflight says nothing of what would have been allowed
      return { answer: { status: 204, headers: grants ? [...headersFor(origin), ...granted] : [vary] } }
    },
  }
}

function exposing(exposed: readonly string[]): HeaderPairs {
  return exposed.length === 0 ? [] : [['access-control-expose-headers', exposed.join(', ')]]
}
