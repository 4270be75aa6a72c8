import type { Outcome, RequestView } from '@shop/middleware'

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])

/** The method as a label: one of the nine known ones, or `_OTHER` (OpenTelemetry HTTP conventions). */
export function methodLabel(method: string): string {
  return METHODS.has(method) ? method : '_OTHER'
}

/** The route's template, or `unmatched`; never the URL, which a client makes up. */
export function routeLabel(request: RequestView): string {
  return request.route ?? 'unmatched'
}

/** Why a request failed, in few words: the denial's code, the error's class, `aborted`, the 5xx status; empty when it did not. */
export function errorLabel(outcome: Outcome): string {
  if (outcome.kind === 'aborted') return 'aborted'
  if (outcome.denied !== undefined) return outcome.denied
  // a response that breaks has sent its status already
  if (outcome.error instanceof Error && (outcome.status >= 500 || outcome.kind === 'error'))
    return className(outcome.error)
  return outcome.status >= 500 ? String(outcome.status) : ''
}

function className(error: Error): string {
  const name = error.constructor.name
  return /^[A-Za-z_$][\w$]{0,63}$/.test(name) ? name : 'Error'
}
