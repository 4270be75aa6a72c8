import type { Answer, Denial, Policy, RequestView, Verdict } from '@shop/middleware'

import type { BrowserReport } from './browser-report.ts'
import { type Duration, milliseconds } from './duration.ts'
import { reportReceived } from './events.ts'
import { integer, knownOptions } from './options.ts'
import { pathMatcher } from './path-pattern.ts'

/** Options of {@link cspReports}. */
export interface CspReportsOptions {
  /** Where reports are posted; the same path as `reportTo` of {@link securityHeaders}. @default '/reports' */
  readonly path?: string
  /** Called once per distinct report and window. The channel `shop:security-middleware:report` tells the same. */
  readonly onReport?: (report: BrowserReport) => void
  /** How long the same report is not told again. @default '1h' */
  readonly window?: Duration
  /** How many distinct reports are remembered; the oldest goes first. @default 1000 */
  readonly remember?: number
  /** The longest body, in bytes. @default 65536 */
  readonly limit?: number
  /** Milliseconds now. @default Date.now */
  readonly now?: () => number
}

const done: Verdict = { answer: { status: 204 } satisfies Answer }
const unreadable: Denial = { status: 400, code: 'report-malformed', title: 'This is not a report' }
const wrongType: Denial = {
  status: 415,
  code: 'report-type',
  title: 'Reports are application/csp-report or application/reports+json',
}
const most = 100

/**
 * Receives what browsers report: CSP violations in both formats, COOP, deprecations, interventions, crashes. Each
 * distinct report is told once a window; memory, body size and reports per body are bounded.
 *
 * Put it before {@link csrf}: browsers send reports without the page's doing.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_PATTERN, ERR_SHOP_SECURITY_DURATION
 */
export function cspReports(options: CspReportsOptions = {}): Policy {
  knownOptions('cspReports()', options, ['path', 'onReport', 'window', 'remember', 'limit', 'now'])
  const { path = '/reports', onReport, now = Date.now } = options
  pathMatcher('path', [path])
  const window = milliseconds('window', options.window ?? '1h')
  const remember = integer('remember', options.remember, 1000, [1, 1_000_000])
  const limit = integer('limit', options.limit, 65_536, [256, 1_048_576])
  const told = new Map<string, number>()

  function tell(report: BrowserReport): void {
    const key = JSON.stringify(report)
    const last = told.get(key)
    if (last !== undefined && now() - last < window) return
    told.delete(key)
    if (told.size >= remember) told.delete(told.keys().next().value!)
    told.set(key, now())
    onReport?.(report)
    if (reportReceived.hasSubscribers) reportReceived.publish(report)
  }

  async function receive(request: RequestView, read: Reader): Promise<Verdict> {
    let reports: readonly BrowserReport[]
    try {
      reports = read(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await request.bytes(limit))))
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) return { deny: unreadable }
      throw error
    }
    for (const report of reports.slice(0, most)) tell(report)
    return done
  }

  return {
    name: 'csp-reports',
    evaluate(request) {
      if (request.path !== path || request.method !== 'POST') return undefined
      const read = readers[(request.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase()]
      return read ? receive(request, read) : { deny: wrongType }
    },
    traits: { before: ['csrf', 'trusted-origins', 'rate-limit'] },
  }
}

type Reader = (body: unknown) => readonly BrowserReport[]

const readers: Readonly<Record<string, Reader>> = Object.assign(Object.create(null) as Record<string, Reader>, {
  'application/csp-report': (body: unknown) => {
    const report = fields(fields(body)['csp-report'])
    return [
      {
        type: 'csp-violation',
        page: address(report['document-uri']),
        subject: text(report['effective-directive'] ?? report['violated-directive']),
        blocked: origin(report['blocked-uri']),
        source: place(report['source-file'], report['line-number']),
        disposition: optional(report['disposition']),
      },
    ]
  },
  'application/reports+json': (body: unknown) =>
    (Array.isArray(body) ? body : [body]).slice(0, most).map((item): BrowserReport => {
      const report = fields(item)
      const details = fields(report['body'] ?? {})
      return {
        type: text(report['type']),
        page: address(report['url']),
        subject: text(
          details['effectiveDirective'] ??
            details['id'] ??
            details['featureId'] ??
            details['policyId'] ??
            details['violation'] ??
            details['reason'],
        ),
        blocked: origin(
          details['blockedURL'] ?? details['openeeURL'] ?? details['openerURL'] ?? details['otherDocumentURL'],
        ),
        source: place(details['sourceFile'], details['lineNumber']),
        disposition: optional(details['disposition']),
      }
    }),
} satisfies Record<string, Reader>)

function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new TypeError('a report is an object')
}

/** Short, printable text: what came from a browser may end in a log. */
function text(value: unknown): string {
  return typeof value === 'string'
    ? value
        .toWellFormed()
        .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
        .slice(0, 200)
    : ''
}

function optional(value: unknown): string | undefined {
  return text(value) || undefined
}

function address(value: unknown): string {
  return text(text(value).split(/[?#]/)[0])
}

function origin(value: unknown): string {
  const blocked = text(value)
  const url = URL.parse(blocked)
  if (url === null) return address(blocked)
  return url.origin === 'null' ? url.protocol : url.origin
}

function place(file: unknown, line: unknown): string | undefined {
  const name = address(file)
  return name === '' ? undefined : Number.isSafeInteger(line) ? `${name}:${line as number}` : name
}
