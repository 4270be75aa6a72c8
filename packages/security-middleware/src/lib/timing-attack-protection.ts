import { type Denial, type Policy, problem } from '@shop/middleware'

import type { Duration } from './duration.ts'
import { knownOptions } from './options.ts'
import { respondAt, routeMatcher } from './respond-at.ts'

/** Options of {@link timingAttackProtection}. */
export interface TimingAttackProtectionOptions {
  /** When responses leave, counted from the request. @default '250ms' */
  readonly deadline?: Duration
  /** The requests that are protected: path patterns with an optional method, `'POST /login'`. @default every request it is mounted on */
  readonly routes?: readonly string[]
}

const refusal: Denial = { status: 401, code: 'login-failed', title: 'The name or the password is wrong' }
const refusalBody = Buffer.from(problem(refusal).body as string)

/**
 * For login and everything that answers the question "is there such a user?": every response leaves at the deadline
 * ({@link respondAt}), and every 401 has the same bytes, whatever the handler said, so that "no such user" and "wrong
 * password" are one answer. Use {@link constantWork} in the handler as well: padding hides time, not load.
 *
 * Answer both cases with 401; headers other than the content's own are left as the handler set them.
 *
 * @throws as respondAt() does
 * @example app.post('/login', protect(timingAttackProtection({ deadline: '300ms' })), login)
 */
export function timingAttackProtection(options: TimingAttackProtectionOptions = {}): Policy {
  knownOptions('timingAttackProtection()', options, ['deadline', 'routes'])
  const { deadline = '250ms', routes } = options
  const matches = routeMatcher('routes', routes)
  return {
    ...respondAt(deadline, routes === undefined ? {} : { routes }),
    name: 'timing-attack-protection',
    transform: {
      limit: 65_536,
      body(request, reply, body) {
        if (reply.status !== refusal.status || !matches(request)) return body
        reply.set('content-type', 'application/problem+json')
        reply.set('cache-control', 'no-store')
        for (const name of ['etag', 'last-modified', 'content-language', 'x-powered-by']) reply.remove(name)
        return refusalBody
      },
    },
  }
}
