import { type Alert, plain, series, TARGET } from '../alert.ts'

const { job, instance } = TARGET

/** Breakers, retries, and the monitoring itself. */
export const resilience: readonly Alert[] = [
  {
    name: 'ShopBreakerOpen',
    expr: 'max by (job, breaker) (shop_breaker_state{state="open"}) == 1',
    for: '2m',
    severity: 'warning',
    team: 'platform',
    summary: 'The breaker {{ $labels.breaker }} is open: calls fail at once',
    action:
      'What it protects is down or slow. See the status page of the service behind it; the breaker closes by itself.',
    fires: {
      series: [series('shop_breaker_state', { breaker: 'stripe', state: 'open' }, '1x20')],
      labels: { job, breaker: 'stripe' },
    },
    quiet: { series: [series('shop_breaker_state', { breaker: 'stripe', state: 'open' }, '1x1 0x20')] },
  },
  {
    name: 'ShopBreakerFlapping',
    expr: 'sum by (job, breaker) (increase(shop_breaker_transitions_total{state="open"}[15m])) > 4',
    severity: 'warning',
    team: 'platform',
    summary: 'The breaker {{ $labels.breaker }} opens again and again',
    action: "The service behind it half works: look at its latency against the breaker's threshold.",
    fires: {
      series: [series('shop_breaker_transitions_total', { breaker: 'stripe', state: 'open' }, '0+1x30')],
      at: '25m',
      labels: { job, breaker: 'stripe' },
    },
    quiet: {
      series: [series('shop_breaker_transitions_total', { breaker: 'stripe', state: 'open' }, '1x30')],
      at: '25m',
    },
  },
  {
    name: 'ShopRetryStorm',
    expr: 'sum by (job, pipeline) (rate(shop_retries_total[5m])) > 5',
    severity: 'warning',
    team: 'platform',
    summary: 'Over five calls a second of {{ $labels.pipeline }} are tried again',
    action: 'Retries now make the load they answer. See whether the budget holds them; take the load off what fails.',
    fires: {
      series: [series('shop_retries_total', { pipeline: 'stripe' }, '0+600x20')],
      labels: { job, pipeline: 'stripe' },
    },
    quiet: { series: [series('shop_retries_total', { pipeline: 'stripe' }, '0+60x20')] },
  },
  {
    name: 'ShopCallsFailForGood',
    expr: 'sum by (job, pipeline) (increase(shop_calls_failed_total[5m])) > 10',
    severity: 'warning',
    team: 'platform',
    summary: 'Calls of {{ $labels.pipeline }} fail after all attempts',
    action: 'Customers see this. The reason label tells: deadline, attempts, budget, breaker.',
    fires: {
      series: [series('shop_calls_failed_total', { pipeline: 'stripe', reason: 'attempts' }, '0+10x20')],
      labels: { job, pipeline: 'stripe' },
    },
    quiet: { series: [series('shop_calls_failed_total', { pipeline: 'stripe', reason: 'attempts' }, '0+1x20')] },
  },
  {
    name: 'ShopIdempotencyStoreDown',
    expr: 'sum by (job) (increase(shop_idempotency_decisions_total{decision="store-down"}[5m])) > 0',
    for: '1m',
    severity: 'critical',
    team: 'payments',
    summary: 'Idempotency keys cannot be stored: an order may be placed twice',
    action:
      'Look at the store (PostgreSQL or Redis); until it is back, payments with a key are refused or unprotected, by configuration.',
    fires: {
      series: [series('shop_idempotency_decisions_total', { decision: 'store-down' }, '0+1x20')],
      labels: { job },
    },
    quiet: { series: [series('shop_idempotency_decisions_total', { decision: 'replayed' }, '0+1x20')] },
  },
  {
    name: 'ShopNodesApart',
    expr: 'shop_retry_link_up == 0',
    for: '5m',
    severity: 'warning',
    team: 'platform',
    summary: '{{ $labels.instance }} decides about breakers and limits alone',
    action: 'Its link to the shared store is down: limits hold per node only.',
    fires: {
      series: [series('shop_retry_link_up', { link: 'cluster' }, '0x20')],
      labels: { job, instance, link: 'cluster' },
    },
    quiet: { series: [series('shop_retry_link_up', { link: 'cluster' }, '1x20')] },
  },
  {
    name: 'ShopAlertsCannotBeSent',
    expr: 'prometheus_notifications_alertmanagers_discovered < 1 or rate(prometheus_notifications_dropped_total[5m]) > 0',
    severity: 'critical',
    team: 'platform',
    summary: 'Prometheus cannot hand alerts to an Alertmanager',
    action:
      'You see this on a dashboard only. Look at the alerting section of prometheus.yml and whether Alertmanager runs.',
    fires: { series: [plain('prometheus_notifications_alertmanagers_discovered', '0x20')], labels: {} },
    quiet: {
      series: [
        plain('prometheus_notifications_alertmanagers_discovered', '1x20'),
        plain('prometheus_notifications_dropped_total', '3x20'),
      ],
    },
  },
  {
    name: 'ShopNotificationsFail',
    expr: 'sum by (integration) (rate(alertmanager_notifications_failed_total[5m])) > 0',
    severity: 'critical',
    team: 'platform',
    summary: 'Alertmanager cannot deliver by {{ $labels.integration }}',
    action:
      'A webhook or key was revoked, or the receiver is down: the log of Alertmanager names it. Other receivers go on.',
    fires: {
      series: [plain('alertmanager_notifications_failed_total{integration="slack"}', '0+1x20')],
      labels: { integration: 'slack' },
    },
    quiet: { series: [plain('alertmanager_notifications_failed_total{integration="slack"}', '4x20')] },
  },
  {
    name: 'ShopRulesFail',
    expr: 'sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0',
    severity: 'critical',
    team: 'platform',
    summary: 'Rules of {{ $labels.rule_group }} cannot be evaluated',
    action: 'Their alerts cannot fire. Status, Rules of Prometheus shows the error.',
    fires: {
      series: [plain('prometheus_rule_evaluation_failures_total{rule_group="g"}', '0+1x20')],
      labels: { rule_group: 'g' },
    },
    quiet: { series: [plain('prometheus_rule_evaluation_failures_total{rule_group="g"}', '2x20')] },
  },
]
