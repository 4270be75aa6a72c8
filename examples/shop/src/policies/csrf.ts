import type { Denial, Policy, RequestView } from '@shop/middleware'

const denial: Denial = { status: 403, code: 'csrf', title: 'This form was sent from another site' }
const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Refuses what another site makes a browser send: by Sec-Fetch-Site, and by Origin where that is unknown. */
export function csrf(exempt: (request: RequestView) => boolean): Policy {
  return {
    name: 'csrf',
    evaluate(request) {
      if (safe.has(request.method) || exempt(request)) return undefined
      const site = request.header('sec-fetch-site')
      if (site !== undefined) return site === 'same-origin' || site === 'none' ? undefined : { deny: denial }
      const origin = request.header('origin')
      return origin === undefined || sameHost(origin, request.host) ? undefined : { deny: denial }
    },
  }
}

const sameHost = (origin: string, host: string | undefined) => URL.canParse(origin) && new URL(origin).host === host
