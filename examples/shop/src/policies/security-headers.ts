import type { HeaderPairs, Policy } from '@shop/middleware'

/** The headers every page is sent with; `formTargets` are the origins a form may lead to, the payment page among them. */
export function securityHeaders(formTargets: readonly string[]): Policy {
  const csp = [
    "default-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    `form-action 'self' ${formTargets.join(' ')}`,
  ]
  const headers: HeaderPairs = [
    ['content-security-policy', csp.join('; ')],
    ['cross-origin-opener-policy', 'same-origin'],
    ['referrer-policy', 'strict-origin-when-cross-origin'],
    ['x-content-type-options', 'nosniff'],
  ]
  const verdict = { headers }
  return { name: 'security-headers', evaluate: () => verdict }
}
