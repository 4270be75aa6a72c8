import { type Policy, requestKey, type RequestView } from '@shop/middleware'

import { type Duration, milliseconds } from './duration.ts'
import { SecurityError } from './errors.ts'
import { deadlineOverflow } from './events.ts'
import { knownOptions } from './options.ts'
import { pathMatcher } from './path-pattern.ts'
import { waitUntil } from './wait-until.ts'

/** Options of {@link respondAt}. */
export interface RespondAtOptions {
  /** The requests that are padded: path patterns with an optional method, `'POST /login'`. @default every request it is mounted on */
  readonly routes?: readonly string[]
}

/**
 * Lets responses leave at a deadline after the request came, however soon they were ready, so that their time tells
 * nothing. Choose one that all but the slowest per mille keep. One that is not ready waits for the next multiple,
 * and is told on `shop:security-middleware:deadline-overflow`: count those, for each tells that the work was long.
 *
 * Mount it on the routes that need it: it holds every response it sees.
 *
 * @throws ERR_SHOP_SECURITY_DURATION, ERR_SHOP_SECURITY_PATTERN, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_UNKNOWN_OPTION
 * @example app.post('/login', protect(respondAt('250ms')), login)
 */
export function respondAt(deadline: Duration, options: RespondAtOptions = {}): Policy {
  knownOptions('respondAt()', options, ['routes'])
  const period = milliseconds('deadline', deadline, 60_000)
  if (period < 1)
    throw new SecurityError('ERR_SHOP_SECURITY_OPTION', `deadline is ${period} ms, and must be at least 1.`)
  const matches = routeMatcher('routes', options.routes)
  const started = requestKey<number>()
  return {
    name: 'respond-at',
    evaluate(request) {
      if (matches(request)) started.set(request, performance.now())
      return undefined
    },
    respond(request) {
      const start = started.get(request)
      if (start === undefined) return undefined
      const took = performance.now() - start
      const periods = Math.max(1, Math.ceil(took / period))
      if (periods > 1 && deadlineOverflow.hasSubscribers) deadlineOverflow.publish({ deadline: period, took })
      return waitUntil(start + periods * period, request.signal)
    },
  }
}

/** Compiles `'POST /login'` and `'/login'` into one test of a request. */
export function routeMatcher(name: string, routes: readonly string[] | undefined): (request: RequestView) => boolean {
  if (routes === undefined) return () => true
  const tests = routes.map((route) => {
    const at = route.indexOf(' ')
    return { method: at === -1 ? undefined : route.slice(0, at), matches: pathMatcher(name, [route.slice(at + 1)]) }
  })
  return ({ method: asked, path }) =>
    tests.some(({ method, matches }) => (method === undefined || method === asked) && matches(path))
}
