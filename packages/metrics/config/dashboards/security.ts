import type { DashboardSpec } from './dashboard.ts'
import { now, orZero, rate } from './panel.ts'

const counted = (name: string, by: string): readonly (readonly [string, string])[] => [
  [
    orZero(`sum by (${by}) (${rate(name)})`),
    by
      .split(', ')
      .map((label) => `{{${label}}}`)
      .join(' '),
  ],
]

export const security: DashboardSpec = {
  uid: 'shop-security',
  title: 'Shop / Security',
  about: 'What is refused, and whether the protections work.',
  rows: {
    Refused: [
      {
        title: 'Refusals',
        about: 'Requests refused a second, by policy and code.',
        unit: 'reqps',
        queries: counted('shop_denials_total', 'policy, code'),
      },
      {
        title: 'Forged requests',
        about: 'Refused by the CSRF check, by reason.',
        unit: 'reqps',
        queries: counted('shop_csrf_rejections_total', 'reason'),
      },
      {
        title: 'Rate limits',
        about: 'Decisions a second, by limiter.',
        unit: 'reqps',
        queries: counted('shop_rate_limit_decisions_total', 'limiter, decision'),
      },
      {
        title: 'Sign-ins',
        about: 'Sign-ins a second, by outcome.',
        unit: 'reqps',
        queries: counted('shop_signins_total', 'outcome'),
      },
      {
        title: 'Webhooks refused',
        about: 'Deliveries a second that were not believed, by reason.',
        unit: 'reqps',
        queries: counted('shop_webhook_verifications_total', 'provider, outcome'),
      },
      {
        title: 'Reports of browsers',
        about: 'Violations a second, by type.',
        unit: 'reqps',
        queries: counted('shop_browser_reports_total', 'type'),
      },
    ],
    Working: [
      {
        title: 'Policies that throw',
        about: 'Each is a protection that does not work.',
        unit: 'reqps',
        queries: counted('shop_policy_failures_total', 'policy, stage'),
      },
      {
        title: 'Audit',
        about: 'Events kept a second, and failures.',
        unit: 'ops',
        queries: [
          [orZero(`sum by (lane) (${rate('shop_audit_events_total')})`), '{{lane}}'],
          [orZero(`sum by (where) (${rate('shop_audit_failures_total')})`), 'failed {{where}}'],
        ],
      },
      {
        title: 'Decryption failures',
        about: 'Values that could not be read, by column and reason.',
        unit: 'ops',
        queries: counted('shop_crypto_decrypt_failures_total', 'table, column, reason'),
      },
      {
        title: 'Keys',
        about: 'Data keys made, refreshed, failed, expired.',
        unit: 'ops',
        queries: counted('shop_crypto_data_keys_total', 'kind'),
      },
      {
        title: 'Breakers open',
        about: '1 for each breaker that is open.',
        unit: 'short',
        queries: [[orZero(`max by (breaker) (${now('shop_breaker_state', 'state="open"')})`), '{{breaker}}']],
      },
      {
        title: 'Retries',
        about: 'Further attempts a second, and calls that failed for good.',
        unit: 'ops',
        queries: [
          [orZero(`sum by (pipeline) (${rate('shop_retries_total')})`), '{{pipeline}}'],
          [orZero(`sum by (pipeline) (${rate('shop_calls_failed_total')})`), 'failed {{pipeline}}'],
        ],
      },
    ],
  },
}
