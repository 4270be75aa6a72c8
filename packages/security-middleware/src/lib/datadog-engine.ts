import { createRequire } from 'node:module'

import type { RequestView } from '@shop/middleware'

import type { AttackClass } from './finding.ts'
import type { InspectionEngine } from './inspection-engine.ts'
import { integer, knownOptions } from './options.ts'

/** Options of {@link datadogEngine}. */
export interface DatadogEngineOptions {
  /** A ruleset of libddwaf, version 2: Datadog's recommended one, or your own. @default libinjection's two operators over body, query and headers */
  readonly rules?: object
  /** Microseconds one request may take. @default 5000 */
  readonly timeoutMicroseconds?: number
}

interface Context {
  run(payload: { persistent: object }, timeout: number): { readonly events?: readonly object[] }
  dispose(): void
}
interface Waf {
  createContext(): Context
  dispose(): void
}

/** What Datadog's rule types are called here; a type without a class of ours counts as command injection. */
const classes: Readonly<Record<string, AttackClass>> = {
  sql_injection: 'sql-injection',
  xss: 'xss',
  js_code_injection: 'xss',
  lfi: 'path-traversal',
  rfi: 'path-traversal',
  path_traversal: 'path-traversal',
  nosql_injection: 'nosql-injection',
  ldap_injection: 'ldap-injection',
  http_protocol_violation: 'header-splitting',
  xxe: 'xml-entity',
  java_code_injection: 'template-injection',
}

const inputs = ['server.request.body', 'server.request.query', 'server.request.headers.no_cookies'].map((address) => ({
  address,
}))
const rule = (id: string, type: string, operator: string): object => ({
  id,
  name: id,
  tags: { type, category: 'attack_attempt' },
  conditions: [{ parameters: { inputs }, operator }],
  transformers: ['removeNulls', 'urlDecodeUni'],
})
const standardRules = {
  version: '2.2',
  metadata: { rules_version: '1.0.0' },
  rules: [rule('libinjection-sqli', 'sql_injection', 'is_sqli'), rule('libinjection-xss', 'xss', 'is_xss')],
}

/**
 * Datadog's WAF (`@datadog/native-appsec`, an optional peer) as a second engine of `inspect()`. It is native code and roughly ten
 * times the cost of the detector; take it when its ruleset is yours to maintain anyway.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION; and whatever the native module throws when it cannot load or the rules are none.
 */
export function datadogEngine(options: DatadogEngineOptions = {}): InspectionEngine & Disposable {
  knownOptions('datadogEngine()', options, ['rules', 'timeoutMicroseconds'])
  const timeout = integer('timeoutMicroseconds', options.timeoutMicroseconds, 5_000, [1, 1_000_000])
  const { DDWAF } = createRequire(import.meta.url)('@datadog/native-appsec') as {
    DDWAF: new (rules: object, path: string) => Waf
  }
  const waf = new DDWAF(options.rules ?? standardRules, 'rules')

  return {
    name: 'datadog',
    run(request) {
      const context = waf.createContext()
      try {
        const { events } = context.run({ persistent: addresses(request) }, timeout)
        const first = events?.[0] as { rule?: { id?: string; tags?: { type?: string } } } | undefined
        return (
          first && {
            class: classes[first.rule?.tags?.type ?? ''] ?? 'command-injection',
            rule: first.rule?.id ?? 'unknown',
          }
        )
      } finally {
        context.dispose()
      }
    },
    close: () => waf.dispose(),
    [Symbol.dispose]: () => waf.dispose(),
  }
}

function addresses(request: RequestView): object {
  const headers: Record<string, string> = {}
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!.toLowerCase()
    if (name !== 'cookie' && name !== 'authorization') headers[name] = request.rawHeaders[i + 1]!
  }
  const query: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(request.query)) (query[name] ??= []).push(value)
  return {
    'server.request.method': request.method,
    'server.request.uri.raw': request.query === '' ? request.path : `${request.path}?${request.query}`,
    'server.request.query': query,
    'server.request.headers.no_cookies': headers,
    ...(request.body !== undefined && request.body !== null && { 'server.request.body': request.body }),
  }
}
