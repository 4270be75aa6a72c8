import { type Alert, type Input, series, TARGET } from '../alert.ts'

const { job } = TARGET
const one = (name: string, labels: Record<string, string>, values: string): Input => series(name, labels, values)

/** A count that rose, its very first rise from absence included; a gap in the scrapes is no absence. */
export function rose(metric: string, by: string, window: string): string {
  const first = `${metric} unless max_over_time(${metric}[6h] offset ${window})`
  return `sum by (${by}) (increase(${metric}[${window}])) > 0 or sum by (${by}) (${first}) > 0`
}

/** Attacks, and protections that do not work. */
export const security: readonly Alert[] = [
  {
    name: 'ShopProtectionFailing',
    expr: rose('shop_policy_failures_total{passed="false"}', 'job, policy', '5m'),
    for: '0s',
    severity: 'critical',
    team: 'security',
    summary: 'The policy {{ $labels.policy }} throws; requests are refused with 500',
    action:
      'The check is broken and fails closed. The error is on the channel shop:middleware:policy-failed; look at its store first.',
    fires: {
      series: [one('shop_policy_failures_total', { policy: 'csrf', stage: 'evaluate', passed: 'false' }, '_x10 1x20')],
      at: '12m',
      labels: { job, policy: 'csrf' },
    },
    quiet: {
      series: [one('shop_policy_failures_total', { policy: 'csrf', stage: 'evaluate', passed: 'false' }, '1x30')],
    },
  },
  {
    name: 'ShopProtectionBypassed',
    expr: rose('shop_policy_failures_total{passed="true"}', 'job, policy', '5m'),
    for: '0s',
    severity: 'warning',
    team: 'security',
    summary: 'The policy {{ $labels.policy }} throws; requests pass without it',
    action: 'By its own onError the request goes on. The error is on the channel shop:middleware:policy-failed.',
    fires: {
      series: [
        one('shop_policy_failures_total', { policy: 'http-metrics', stage: 'settle', passed: 'true' }, '0x10 1x20'),
      ],
      at: '12m',
      labels: { job, policy: 'http-metrics' },
    },
    quiet: {
      series: [one('shop_policy_failures_total', { policy: 'csrf', stage: 'evaluate', passed: 'false' }, '0x10 1x20')],
      at: '12m',
    },
  },
  {
    name: 'ShopAuditFailing',
    expr: rose('shop_audit_failures_total', 'job, where', '5m'),
    for: '0s',
    severity: 'critical',
    team: 'security',
    summary: 'The audit trail fails at {{ $labels.where }}',
    action:
      'Events of the critical lane are refused, others wait in the spool: look at the database and the disk of the spool before it is full.',
    fires: {
      series: [one('shop_audit_failures_total', { where: 'spool' }, '_x10 1x20')],
      at: '12m',
      labels: { job, where: 'spool' },
    },
    quiet: { series: [one('shop_audit_failures_total', { where: 'spool' }, '4x30')] },
  },
  {
    name: 'ShopAuditTampered',
    expr: rose('shop_audit_unauthenticated_total', 'job', '15m'),
    for: '0s',
    severity: 'critical',
    team: 'security',
    summary: 'Rows were written to the audit trail past the application',
    action:
      'Treat as an incident: who has write access to the audit tables, and what does the verification report say?',
    fires: { series: [one('shop_audit_unauthenticated_total', {}, '0x10 2x20')], at: '12m', labels: { job } },
    quiet: { series: [one('shop_audit_unauthenticated_total', {}, '0x30')] },
  },
  {
    name: 'ShopDecryptionFailing',
    expr: 'sum by (job, table, column, reason) (increase(shop_crypto_decrypt_failures_total[10m])) > 3',
    for: '0s',
    severity: 'critical',
    team: 'security',
    summary: '{{ $labels.table }}.{{ $labels.column }} cannot be decrypted: {{ $labels.reason }}',
    action:
      'unknown-key: the keyset of this instance is older than the data. failed-check: values were changed or moved between rows; treat as an incident.',
    fires: {
      series: [
        one(
          'shop_crypto_decrypt_failures_total',
          { table: 'customers', column: 'email', reason: 'failed-check' },
          '0+1x30',
        ),
      ],
      labels: { job, table: 'customers', column: 'email', reason: 'failed-check' },
    },
    quiet: {
      series: [
        one(
          'shop_crypto_decrypt_failures_total',
          { table: 'customers', column: 'email', reason: 'failed-check' },
          '9x30',
        ),
      ],
    },
  },
  {
    name: 'ShopKeyServiceFailing',
    expr: 'sum by (job) (increase(shop_crypto_data_keys_total{kind=~"failed|expired"}[10m])) > 1',
    for: '0s',
    severity: 'critical',
    team: 'security',
    summary: 'The key service cannot be reached',
    action:
      'Cached data keys work until they expire; then nothing can be encrypted. Look at the service and at its credentials.',
    fires: { series: [one('shop_crypto_data_keys_total', { kind: 'failed' }, '0+1x30')], labels: { job } },
    quiet: { series: [one('shop_crypto_data_keys_total', { kind: 'generated' }, '0+1x30')] },
  },
  {
    name: 'ShopKeyBudgetReached',
    expr: rose('shop_crypto_key_budget_reached_total', 'job, key_id', '1h'),
    for: '0s',
    severity: 'warning',
    team: 'security',
    summary: 'Key {{ $labels.key_id }} has encrypted as much as it should',
    action: 'Add a new primary key to the keyset and roll it out; the old one goes on decrypting.',
    fires: {
      series: [one('shop_crypto_key_budget_reached_total', { key_id: '7' }, '_x70 1x20')],
      at: '75m',
      labels: { job, key_id: '7' },
    },
    quiet: { series: [one('shop_crypto_key_budget_reached_total', { key_id: '7' }, '1x120')], at: '90m' },
  },
  {
    name: 'ShopForgeryAttempts',
    expr: 'sum by (job) (increase(shop_csrf_rejections_total{reason!~"token-missing|isolated"}[10m])) > 20',
    for: '5m',
    severity: 'warning',
    team: 'security',
    summary: 'Requests are refused as forged',
    action:
      'An attack through another site, or an own front end on an origin that is not trusted: the reason and the access log tell them apart.',
    fires: { series: [one('shop_csrf_rejections_total', { reason: 'cross-site' }, '0+5x30')], labels: { job } },
    quiet: { series: [one('shop_csrf_rejections_total', { reason: 'cross-site' }, '0+0.5x30')] },
  },
  {
    name: 'ShopRateLimitMany',
    expr: 'sum by (job) (increase(shop_denials_total{policy=~"rate-limit.*"}[10m])) / sum by (job) (increase(http_server_request_duration_seconds_count[10m])) > 0.1 and sum by (job) (increase(shop_denials_total{policy=~"rate-limit.*"}[10m])) > 100',
    for: '5m',
    severity: 'warning',
    team: 'security',
    summary: 'One in ten requests is over its rate limit',
    action:
      'One address: a scraper, block it at the edge. Many: a limit that is too low for a sale, or an attack spread out.',
    fires: {
      series: [
        one('shop_denials_total', { policy: 'rate-limit', code: 'rate-limited' }, '0+30x30'),
        one('http_server_request_duration_seconds_count', { http_route: '/' }, '0+100x30'),
      ],
      labels: { job },
    },
    quiet: {
      series: [
        one('shop_denials_total', { policy: 'rate-limit', code: 'rate-limited' }, '0+30x30'),
        one('http_server_request_duration_seconds_count', { http_route: '/' }, '0+10000x30'),
      ],
    },
  },
  {
    name: 'ShopSigninAttack',
    // `unless`, because there is no series of successes until somebody has signed in
    expr: 'sum by (job) (increase(shop_signins_total{outcome=~"failed|locked"}[10m])) > 50 unless sum by (job) (increase(shop_signins_total{outcome=~"failed|locked"}[10m])) <= 2 * sum by (job) (increase(shop_signins_total{outcome="ok"}[10m]))',
    for: '5m',
    severity: 'warning',
    team: 'security',
    summary: 'Far more sign-ins fail than succeed',
    action:
      'Passwords are being guessed or a leaked list is tried: tighten the sign-in limit, look at addresses, think of forced resets for accounts that got in.',
    fires: {
      series: [one('shop_signins_total', { outcome: 'failed' }, '0+20x30')],
      labels: { job },
    },
    quiet: {
      series: [
        one('shop_signins_total', { outcome: 'failed' }, '0+20x30'),
        one('shop_signins_total', { outcome: 'ok' }, '0+60x30'),
      ],
    },
  },
  {
    name: 'ShopWebhooksRefused',
    expr: 'sum by (job, provider, outcome) (increase(shop_webhook_verifications_total{outcome!="verified"}[10m])) > 3',
    for: '0s',
    severity: 'warning',
    team: 'payments',
    summary: 'Webhooks of {{ $labels.provider }} are refused: {{ $labels.outcome }}',
    action:
      'Paid orders may stay unpaid: is the signing secret the one in the dashboard of the provider? Otherwise somebody forges them.',
    fires: {
      series: [one('shop_webhook_verifications_total', { provider: 'stripe', outcome: 'signature' }, '0+1x30')],
      labels: { job, provider: 'stripe', outcome: 'signature' },
    },
    quiet: { series: [one('shop_webhook_verifications_total', { provider: 'stripe', outcome: 'verified' }, '0+9x30')] },
  },
  {
    name: 'ShopBrowsersReportViolations',
    expr: 'sum by (job, type) (increase(shop_browser_reports_total{type="csp-violation"}[15m])) > 50',
    for: '5m',
    severity: 'warning',
    team: 'security',
    summary: 'Browsers report blocked content',
    action:
      'After a deployment: a script or image the policy does not know. Otherwise injected content: look at what is blocked and on which page.',
    fires: {
      series: [one('shop_browser_reports_total', { type: 'csp-violation' }, '0+9x40')],
      at: '30m',
      labels: { job, type: 'csp-violation' },
    },
    quiet: { series: [one('shop_browser_reports_total', { type: 'deprecation' }, '0+9x40')], at: '30m' },
  },
  {
    name: 'ShopDeadlinesMissed',
    expr: 'sum by (job) (increase(shop_deadline_overflows_total[10m])) > 5',
    severity: 'warning',
    team: 'security',
    summary: 'Answers that must take equally long take longer than their deadline',
    action: 'Their duration tells again whether an account exists. Raise the deadline, or find what got slower.',
    fires: { series: [one('shop_deadline_overflows_total', {}, '0+1x30')], labels: { job } },
    quiet: { series: [one('shop_deadline_overflows_total', {}, '3x30')] },
  },
]
