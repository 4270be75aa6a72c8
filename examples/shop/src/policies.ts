import type { Policy } from '@shop/middleware'

import type { Config } from './config.ts'
import { csrf } from './policies/csrf.ts'
import { httpMetrics } from './policies/http-metrics.ts'
import { securityHeaders } from './policies/security-headers.ts'

/** What every request passes, in this order; metrics come first so that refusals are counted too. */
export const policies = (config: Config): readonly Policy[] => [
  httpMetrics(),
  securityHeaders([new URL(config.PAYMENT_URL).origin]),
  // the payment provider is no browser: its signature is what proves it
  csrf(({ path }) => path === '/webhooks/payment'),
]
