import { RetryConfigError, RetryError } from './errors.ts'
import { headerOf } from './headers.ts'
import { networkRow } from './network.ts'
import { sqlstateRow } from './sqlstate.ts'
import { statusRow } from './status.ts'
import { stripeRow } from './stripe.ts'
import { type Row, row, type Verdict } from './verdict.ts'

const DEPTH = 8
const STRICTEST = ['never', 'unknown', 'idempotent', 'always'] as const
const UNLISTED = row('idempotent', 'no table knows it')
const BUG = row('never', 'a mistake in the program, not in the dependency', { fault: false })
const TIMED_OUT = row('idempotent', 'the attempt timed out: may have been processed')
const REFUSED = row('never', 'already refused by another pipeline', { fault: false })
const TOLD_YES = row('always', 'the server says: retry')
const TOLD_NO = row('never', 'the server says: do not retry', { fault: false })

/**
 * What the tables say of an error: walks `cause` and `AggregateError.errors`, at most eight deep. Of several errors the
 * strictest answer wins.
 */
export function classify(error: unknown): Verdict {
  return walk(error, DEPTH) ?? { ...UNLISTED, domain: 'none', row: 'none' }
}

/** What the tables say of a resolved value: only a Response (or what looks like one) with a status from 400 up says anything. */
export function classifyResult(value: unknown): Verdict | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { status, headers } = value as { status?: unknown; headers?: { get?: unknown } }
  if (typeof status !== 'number' || typeof headers?.get !== 'function') return undefined
  const found = statusRow(status)
  return found && withHint(value, 'status', String(status), found)
}

function walk(error: unknown, depth: number): Verdict | undefined {
  if (depth === 0 || typeof error !== 'object' || error === null) return undefined
  return listed(error) ?? aggregated(error, depth) ?? caused(error, depth) ?? language(error)
}

function listed(error: object): Verdict | undefined {
  if (error instanceof RetryError) return own(error)
  const stripe = stripeRow(error)
  if (stripe) return withHint(error, 'stripe', ...stripe)
  const sql = sqlstateRow(error)
  if (sql) return { domain: 'postgres', row: sql[0], ...sql[1] }
  const network = networkRow(error)
  if (network) return { domain: 'network', row: network[0], ...network[1] }
  const { status, statusCode, response } = error as {
    status?: unknown
    statusCode?: unknown
    response?: { status?: unknown }
  }
  const code = [status, statusCode, response?.status].find((each) => typeof each === 'number')
  const found = code === undefined ? undefined : statusRow(code as number)
  return found && withHint(error, 'status', String(code), found)
}

function aggregated(error: object, depth: number): Verdict | undefined {
  if (!(error instanceof AggregateError)) return undefined
  const verdicts = error.errors.map((each) => walk(each, depth - 1)).filter((each) => each !== undefined)
  return verdicts.sort((a, b) => STRICTEST.indexOf(a.retry) - STRICTEST.indexOf(b.retry))[0]
}

function caused(error: object, depth: number): Verdict | undefined {
  return 'cause' in error ? walk(error.cause, depth - 1) : undefined
}

function own(error: RetryError): Verdict {
  if (error instanceof RetryConfigError) return { domain: 'own', row: error.code, ...BUG }
  const found: Row =
    error.code === 'ERR_SHOP_RETRY_TIMEOUT'
      ? TIMED_OUT
      : error.code === 'ERR_SHOP_RETRY_OUTCOME_UNKNOWN'
        ? { ...REFUSED, retry: 'unknown', fault: true, why: 'the transaction may or may not have happened' }
        : REFUSED
  return { domain: 'own', row: error.code, ...found }
}

function language(error: object): Verdict | undefined {
  const bug =
    error instanceof ReferenceError ||
    error instanceof SyntaxError ||
    error instanceof RangeError ||
    error instanceof EvalError ||
    (error instanceof TypeError && error.message !== 'fetch failed') ||
    (error as { code?: unknown }).code === 'ERR_ASSERTION'
  return bug ? { domain: 'language', row: (error as Error).name, ...BUG } : undefined
}

/** `stripe-should-retry` and its copy `x-should-retry`: the server knows better than any table. */
function withHint(source: unknown, domain: Verdict['domain'], name: string, found: Row): Verdict {
  const told = headerOf(source, 'stripe-should-retry') ?? headerOf(source, 'x-should-retry')
  if (told === 'true') return { ...TOLD_YES, fault: found.fault, overload: found.overload, domain, row: name }
  if (told === 'false') return { ...TOLD_NO, fault: found.fault, overload: found.overload, domain, row: name }
  return { ...found, domain, row: name }
}
