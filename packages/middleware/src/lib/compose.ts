import { MiddlewareError } from './errors.ts'
import type { Policy } from './policy.ts'

const HOOKS = ['evaluate', 'inspect', 'respond', 'settle'] as const
const KEYS = new Set<string>([...HOOKS, 'name', 'transform', 'onError', 'bodyLimit', 'traits'])

/** What `protect` and `compose` take: policies, or lists of them made by `compose`. */
export type PolicyList = ReadonlyArray<Policy | readonly Policy[]>

/**
 * Checks policies and joins them into one list, which `protect` takes wherever it takes a policy.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`
 * @example const baseline = compose(securityHeaders(), csrf())
 */
export function compose(...list: PolicyList): readonly Policy[] {
  const policies = list.flat() as Policy[]
  const names = new Set<string>()
  policies.forEach((policy, index) => {
    check(policy, index)
    if (names.has(policy.name)) {
      throw new MiddlewareError(
        'ERR_SHOP_MIDDLEWARE_DUPLICATE',
        `two policies are named ${JSON.stringify(policy.name)}`,
      )
    }
    names.add(policy.name)
  })
  return Object.freeze(policies)
}

function check(policy: Policy, index: number): void {
  const refuse = (what: string): never => {
    throw new MiddlewareError('ERR_SHOP_MIDDLEWARE_POLICY', `policy ${index}: ${what}`)
  }
  if (typeof policy !== 'object' || policy === null) {
    refuse(`expected a policy, received ${typeof policy}; is the call missing, as in csrf()?`)
  }
  if (typeof policy.name !== 'string' || policy.name === '') refuse('expected a name')
  for (const key of Object.keys(policy)) {
    if (!KEYS.has(key)) refuse(`unknown member ${JSON.stringify(key)}; allowed: ${[...KEYS].join(', ')}`)
  }
  for (const hook of HOOKS) {
    if (policy[hook] !== undefined && typeof policy[hook] !== 'function') refuse(`${hook} must be a function`)
  }
  const { transform, onError, bodyLimit } = policy
  if (transform !== undefined && (typeof transform.body !== 'function' || !isSize(transform.limit))) {
    refuse('transform must be { limit: bytes >= 1, body: function }')
  }
  if (onError !== undefined && onError !== 'deny' && onError !== 'pass') refuse("onError must be 'deny' or 'pass'")
  if (bodyLimit !== undefined && !isSize(bodyLimit)) refuse('bodyLimit must be a whole number of bytes >= 1')
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
