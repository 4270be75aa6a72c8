import type { IncomingMessage, ServerResponse } from 'node:http'

import type { HeaderPairs } from '@shop/middleware'
import helmet, { type HelmetOptions } from 'helmet'

/** What helmet would set on every response, and take off it, asked once; names in lower case. Its CSP is off: ours knows nonces and presets. */
export function helmetHeaders(
  options: Omit<HelmetOptions, 'contentSecurityPolicy'> = {},
  reportTo: string | undefined,
): { readonly pairs: HeaderPairs; readonly removed: readonly string[] } {
  const pairs: [string, string][] = []
  const removed: string[] = []
  const recorder = {
    setHeader: (name: string, value: string) => void pairs.push([name.toLowerCase(), value]),
    removeHeader: (name: string) => void removed.push(name.toLowerCase()),
  }
  // helmet's middlewares use these two methods of a response and nothing of a request
  helmet({ ...options, contentSecurityPolicy: false } as HelmetOptions)(
    {} as IncomingMessage,
    recorder as unknown as ServerResponse,
    (error) => {
      if (error) throw error as Error
    },
  )
  if (reportTo === undefined) return { pairs, removed }
  const reporting = pairs.map(([name, value]): [string, string] =>
    name === 'cross-origin-opener-policy' ? [name, `${value}; report-to="default"`] : [name, value],
  )
  return { pairs: reporting, removed }
}
