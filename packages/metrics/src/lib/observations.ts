import { counter } from './counter.ts'
import { gauge } from './gauge.ts'
import type { Register } from './register.ts'

type Payload = Readonly<Record<string, unknown>>
type Observe = (payload: Payload) => void

/** Each channel of the other packages, with the metric it feeds. Payloads are read structurally, field by field. */
export function observations(place: { readonly register: Register } | undefined): Readonly<Record<string, Observe>> {
  const counts = <const L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    counter({ ...place, name, help, labelNames, maxSeries: 200 })

  const denials = counts('shop_denials_total', 'Requests refused, by policy and problem code', 'policy', 'code')
  const policyFailures = counts(
    'shop_policy_failures_total',
    'Policies that threw, by stage',
    'policy',
    'stage',
    'passed',
  )
  const csrf = counts('shop_csrf_rejections_total', 'Requests refused as forged, by reason', 'reason')
  const webhooks = counts(
    'shop_webhook_verifications_total',
    'Webhook deliveries checked, by outcome',
    'provider',
    'outcome',
  )
  const overflows = counts('shop_deadline_overflows_total', 'Responses not ready at their constant-time deadline')
  const reports = counts('shop_browser_reports_total', 'Violation reports of browsers, by type', 'type')
  const suspicions = counts(
    'shop_suspicious_requests_total',
    'Requests that looked like an attack, and clients refused for earlier ones, by kind, class and decision',
    'kind',
    'class',
    'decision',
  )
  const sanitized = counts('shop_sanitized_requests_total', 'Requests the sanitiser took something out of')
  const engines = counts('shop_inspection_engine_failures_total', 'Second engines that threw', 'engine')
  const scores = counts('shop_score_store_failures_total', 'Scores kept in memory instead, by operation', 'operation')
  const limits = counts('shop_rate_limit_decisions_total', 'Rate limit decisions', 'limiter', 'decision')
  const breakerState = gauge({
    ...place,
    name: 'shop_breaker_state',
    help: '1 for the state a breaker is in',
    labelNames: ['breaker', 'state'],
    aggregator: 'max',
  })
  const breakerChanges = counts(
    'shop_breaker_transitions_total',
    'Changes of a breaker, by new state',
    'breaker',
    'state',
  )
  const retries = counts('shop_retries_total', 'Further attempts of a failed call', 'pipeline')
  const gaveUp = counts('shop_calls_failed_total', 'Calls that failed for good, by reason', 'pipeline', 'reason')
  const concurrency = gauge({
    ...place,
    name: 'shop_retry_limit',
    help: 'Calls an adaptive limit lets run at once',
    labelNames: ['pipeline'],
  })
  const idempotency = counts(
    'shop_idempotency_decisions_total',
    'Requests with an idempotency key, by decision',
    'decision',
  )
  const link = gauge({
    ...place,
    name: 'shop_retry_link_up',
    help: '1 while nodes share their breakers and limits',
    labelNames: ['link'],
    aggregator: 'min',
  })
  const auditEvents = counts('shop_audit_events_total', 'Audit events kept, by lane', 'lane')
  const auditRows = counts('shop_audit_rows_total', 'Audit rows that reached the database, by lane', 'lane')
  const auditFailures = counts(
    'shop_audit_failures_total',
    'Audit events refused, and failures of the audit store, by place',
    'where',
  )
  const unauthenticated = counts('shop_audit_unauthenticated_total', 'Audit rows written past the application')
  const decrypts = counts(
    'shop_crypto_decrypt_failures_total',
    'Tokens that were refused, by reason',
    'table',
    'column',
    'reason',
  )
  const budgets = counts('shop_crypto_key_budget_reached_total', 'Keys that reached their warning budget', 'key_id')
  const legacy = counts('shop_crypto_legacy_reads_total', 'Legacy values read', 'table', 'column')
  const subjects = counts('shop_crypto_subject_keys_total', 'Keys of data subjects created or destroyed', 'kind')
  const dataKeys = counts('shop_crypto_data_keys_total', 'Data keys made, refreshed, failed or expired', 'kind')

  return {
    'shop:middleware:denied': (p) => denials.inc({ policy: word(p['policy']), code: word(field(p['denial'], 'code')) }),
    'shop:middleware:policy-failed': (p) =>
      policyFailures.inc({ policy: word(p['policy']), stage: word(p['stage']), passed: word(p['passed']) }),
    'shop:security-middleware:csrf-refused': (p) => csrf.inc({ reason: word(p['reason']) }),
    'shop:security-middleware:stripe-refused': (p) => webhooks.inc({ provider: 'stripe', outcome: word(p['reason']) }),
    'shop:security-middleware:claim-failed': () => webhooks.inc({ provider: 'stripe', outcome: 'claim-failed' }),
    'shop:security-middleware:payment-mismatch': () =>
      webhooks.inc({ provider: 'stripe', outcome: 'payment-mismatch' }),
    'shop:security-middleware:deadline-overflow': () => overflows.inc(),
    'shop:security-middleware:report': (p) => reports.inc({ type: word(p['type']) }),
    'shop:security-middleware:suspicious': (p) =>
      suspicions.inc({ kind: word(p['kind']), class: word(p['class'] ?? 'none'), decision: word(p['decision']) }),
    'shop:security-middleware:sanitized': () => sanitized.inc(),
    'shop:security-middleware:engine-failed': (p) => engines.inc({ engine: word(p['engine']) }),
    'shop:security-middleware:score-store-failed': (p) => scores.inc({ operation: word(p['operation']) }),
    'shop:rate-limit:decision': (p) => limits.inc({ limiter: word(p['limiter']), decision: word(p['decision']) }),
    'shop:retry:breaker': (p) => {
      const [breaker, now] = [word(p['breaker']), word(p['to'])]
      for (const state of new Set(['closed', 'open', 'half-open', now]))
        breakerState.set({ breaker, state }, state === now ? 1 : 0)
      breakerChanges.inc({ breaker, state: now })
    },
    'shop:retry:retry': (p) => retries.inc({ pipeline: word(p['pipeline']) }),
    'shop:retry:gave-up': (p) => gaveUp.inc({ pipeline: word(p['pipeline']), reason: word(p['reason']) }),
    'shop:retry:limit': (p) => concurrency.set({ pipeline: word(p['pipeline']) }, p['to'] as number),
    'shop:retry:idempotency': (p) => idempotency.inc({ decision: word(p['decision']) }),
    'shop:retry:link': (p) => link.set({ link: 'cluster' }, p['state'] === 'up' ? 1 : 0),
    'shop:audit:recorded': (p) => auditEvents.inc({ lane: word(p['lane']) }),
    'shop:audit:flushed': (p) => auditRows.inc({ lane: word(p['lane']) }, p['rows'] as number),
    'shop:audit:refused': () => auditFailures.inc({ where: 'refused' }),
    'shop:audit:trouble': (p) => auditFailures.inc({ where: word(p['where']) }),
    'shop:audit:sealed': (p) => {
      if (typeof p['unauthenticated'] === 'number') unauthenticated.inc(p['unauthenticated'])
    },
    'shop:crypto:decrypt-failed': (p) =>
      decrypts.inc({ table: word(p['table']), column: word(p['column']), reason: word(p['reason']) }),
    'shop:crypto:budget': (p) => budgets.inc({ key_id: word(p['keyId']) }),
    'shop:crypto:legacy-read': (p) => legacy.inc({ table: word(p['table']), column: word(p['column']) }),
    'shop:crypto:subject': (p) => subjects.inc({ kind: word(p['kind']) }),
    'shop:crypto:data-key': (p) => dataKeys.inc({ kind: word(p['kind']) }),
  }
}

/** A short plain word as it is; anything else is `unknown`, so that no payload can make a label of what a client sent. */
function word(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value) ? value : 'unknown'
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Payload)[name] : undefined
}
