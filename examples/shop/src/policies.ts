import { httpMetrics, metricsEndpoint, tracing } from '@shop/metrics'
import type { Policy } from '@shop/middleware'
import { cspReports, csrf, securityHeaders, trustedOrigins } from '@shop/security-middleware'
import type { PostgresStore } from '@shop/security-middleware/postgres'
import { inspect } from '@shop/security-middleware/inspect'
import { validate } from '@shop/security-middleware/validate'
import type { Logger } from 'pino'

import type { Config } from './config.ts'
import { paymentWebhook, webhookPath } from './webhook.ts'

/** What every request passes, in this order: what measures comes first, so that refusals are counted too. */
export function policies(config: Config, deliveries: PostgresStore, log: Logger): readonly Policy[] {
  const { host, protocol } = new URL(config.PUBLIC_URL)
  return [
    tracing(),
    httpMetrics(),
    metricsEndpoint(),
    securityHeaders({
      // with helmet's own no-referrer, browsers send `Origin: null` with the shop's own forms
      helmet: { referrerPolicy: { policy: 'strict-origin-when-cross-origin' } },
      csp: {
        // the form that leads to the payment page is redirected there, which form-action governs too
        'form-action': ["'self'", new URL(config.PAYMENT_URL).origin],
        'upgrade-insecure-requests': protocol === 'https:' ? [] : false,
      },
      reportTo: '/reports',
    }),
    cspReports({ path: '/reports', onReport: (report) => log.warn({ report }, 'a browser reports') }),
    csrf({ insecureBypass: [webhookPath] }),
    trustedOrigins({ hosts: [host] }),
    // before the tripwire: what the provider has not signed is not worth reading
    paymentWebhook(config, deliveries),
    // a tripwire: it watches the shop, and refuses in the admin, where nobody has business with such things
    inspect({ mode: { '/admin': 'enforce', '/admin/*': 'enforce', '/*': 'monitor' }, loginPaths: ['/login'] }),
    // bounds and shapes of every body and query; what they mean is for the routes
    validate(),
  ]
}
