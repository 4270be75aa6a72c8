import type { Denial, Policy } from '@shop/middleware'

const denial: Denial = { status: 429, code: 'too-many-logins', title: 'Too many logins; try again in a minute' }
const window = 60_000

/** At most `limit` logins a minute from one address; it remembers at most 10,000 addresses. */
export function loginThrottle(limit: number): Policy {
  const seen = new Map<string, { until: number; count: number }>()
  return {
    name: 'login-throttle',
    evaluate({ ip }) {
      const now = Date.now()
      let entry = seen.get(ip)
      if (!entry || entry.until <= now) {
        if (seen.size >= 10_000) seen.clear()
        seen.set(ip, (entry = { until: now + window, count: 0 }))
      }
      return ++entry.count > limit
        ? { headers: [['retry-after', String(Math.ceil((entry.until - now) / 1000))]], deny: denial }
        : undefined
    },
  }
}
