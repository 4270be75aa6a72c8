import type { HeaderPairs } from '@shop/middleware'

import { SecurityError } from './errors.ts'

/**
 * The Reporting-Endpoints header with one endpoint, `default`: the one that deprecation, intervention and crash
 * reports go to without being asked, and that CSP and COOP name.
 * @throws ERR_SHOP_SECURITY_OPTION
 */
export function reportingHeaders(reportTo: string | undefined): HeaderPairs {
  if (reportTo === undefined) return []
  if (/^(?:\/(?!\/)|https:\/\/[^/\s]+\/)[\w./~%?&=:@-]*$/.test(reportTo))
    return [['reporting-endpoints', `default="${reportTo}"`]]
  throw new SecurityError(
    'ERR_SHOP_SECURITY_OPTION',
    `reportTo is ${JSON.stringify(reportTo)}, and must be a path such as "/reports" or an https URL.`,
  )
}
