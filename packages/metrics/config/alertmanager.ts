import { toYaml } from './yaml.ts'

/** Where secrets lie: files that Alertmanager reads, never values in this file. */
const SECRETS = '/etc/alertmanager/secrets'

/** The Alertmanager configuration shipped: who hears of what, how often, and what hides what. */
export function alertmanagerConfig(): string {
  return `# Generated from config/ by \`node config/generate.ts\` in packages/metrics; change it there.
# Secrets are files under ${SECRETS}: slack_url, pagerduty_key, smtp_password, webhook_token.${toYaml({
    global: {
      resolve_timeout: '5m',
      slack_api_url_file: `${SECRETS}/slack_url`,
      smtp_smarthost: 'smtp.example.com:587',
      smtp_from: 'alerts@shop.example',
      smtp_auth_username: 'alerts@shop.example',
      smtp_auth_password_file: `${SECRETS}/smtp_password`,
    },
    route: {
      receiver: 'slack-operations',
      // one message for one trouble, however many instances and routes have it
      group_by: ['alertname', 'job'],
      group_wait: '30s',
      group_interval: '5m',
      repeat_interval: '12h',
      routes: [
        { receiver: 'webhook-security', matchers: ['team="security"'], continue: true },
        { receiver: 'email-payments', matchers: ['team="payments"'], continue: true },
        {
          receiver: 'pagerduty',
          matchers: ['severity="critical"'],
          group_wait: '10s',
          group_interval: '1m',
          repeat_interval: '1h',
        },
        {
          receiver: 'slack-business',
          matchers: ['team="business"', 'severity="info"'],
          mute_time_intervals: ['nights-and-weekends'],
        },
        { receiver: 'slack-business', matchers: ['team="business"'] },
        {
          receiver: 'slack-quiet',
          matchers: ['severity="info"'],
          repeat_interval: '3d',
          mute_time_intervals: ['nights-and-weekends'],
        },
      ],
    },
    inhibit_rules: INHIBITIONS.map(inhibition),
    receivers: [
      slack('slack-operations', '#shop-operations'),
      slack('slack-business', '#shop-business'),
      slack('slack-quiet', '#shop-notes'),
      {
        name: 'pagerduty',
        pagerduty_configs: [
          {
            routing_key_file: `${SECRETS}/pagerduty_key`,
            description: '{{ .CommonAnnotations.summary }}',
            severity: '{{ .CommonLabels.severity }}',
            details: {
              action: '{{ .CommonAnnotations.description }}',
              runbook: '{{ .CommonAnnotations.runbook_url }}',
            },
          },
        ],
        slack_configs: slack('', '#shop-operations').slack_configs,
      },
      { name: 'email-payments', email_configs: [{ to: 'payments@shop.example', send_resolved: true }] },
      {
        name: 'webhook-security',
        webhook_configs: [
          {
            url: 'https://security.example.com/alerts',
            send_resolved: true,
            http_config: { authorization: { credentials_file: `${SECRETS}/webhook_token` } },
          },
        ],
      },
    ],
    time_intervals: [
      {
        name: 'nights-and-weekends',
        time_intervals: [
          { weekdays: ['saturday', 'sunday'] },
          {
            times: [
              { start_time: '00:00', end_time: '07:00' },
              { start_time: '20:00', end_time: '24:00' },
            ],
          },
        ],
      },
    ],
  })}`
}

export interface Inhibition {
  /** While one of these fires … */
  readonly while: string
  /** … these are not told: they follow from it. */
  readonly hides: string
  /** What both must have in common. @default job */
  readonly of?: string
}

/** What hides what: consequences only, and never what is more severe than its cause. */
export const INHIBITIONS: readonly Inhibition[] = [
  // while nothing answers, everything else follows from it
  { while: 'ShopDown|ShopTargetsMissing', hides: 'Shop.+' },
  {
    while: 'ShopDatabaseDown',
    hides:
      'ShopDatabase.+|ShopPostgres.+|ShopCheckoutFailing|ShopRouteFailing|ShopRouteSlow|ShopErrorBudgetBurn.+|ShopLatencyBudgetBurn.+|ShopCollectorFailing|ShopBreakerOpen|ShopCallsFailForGood|ShopAuditFailing|ShopIdempotencyStoreDown',
  },
  // who waits for a connection in vain gets an error that says no more
  {
    while: 'ShopDatabasePoolExhausted',
    hides: 'ShopDatabasePoolNearlyUsed|ShopDatabaseConnectionWait|ShopDatabaseConnectionsFail|ShopCollectorFailing',
  },
  // the faster burn says it all; answers that fail are often slow as well, and the errors are what to look at
  {
    while: 'ShopErrorBudgetBurnFast',
    hides: 'ShopErrorBudgetBurn(Steady|Slow|Creeping)|ShopRouteFailing|ShopLatencyBudgetBurn.+|ShopRouteSlow',
  },
  {
    while: 'ShopErrorBudgetBurnSteady',
    hides: 'ShopErrorBudgetBurn(Slow|Creeping)|ShopLatencyBudgetBurn(Steady|Slow|Creeping)|ShopRouteSlow',
  },
  { while: 'ShopErrorBudgetBurnSlow', hides: 'ShopErrorBudgetBurnCreeping|ShopLatencyBudgetBurn(Slow|Creeping)' },
  { while: 'ShopLatencyBudgetBurnFast', hides: 'ShopLatencyBudgetBurn(Steady|Slow|Creeping)|ShopRouteSlow' },
  { while: 'ShopLatencyBudgetBurnSteady', hides: 'ShopLatencyBudgetBurn(Slow|Creeping)' },
  { while: 'ShopLatencyBudgetBurnSlow', hides: 'ShopLatencyBudgetBurnCreeping' },
  { while: 'ShopPaymentsDown', hides: 'ShopPaymentErrors|ShopPaymentsSlow', of: 'provider' },
  // a loop that is late makes whatever is timed on it late
  {
    while: 'ShopEventLoopBlocked',
    hides:
      'ShopEventLoopSlow|ShopEventLoopSaturated|ShopLatencyBudgetBurn.+|ShopRouteSlow|ShopDatabaseSlow|ShopDatabaseConnectionWait|ShopDeadlinesMissed|ShopScrapeSlow',
  },
  {
    while: 'ShopEventLoopSlow',
    hides: 'ShopLatencyBudgetBurn(Slow|Creeping)|ShopDatabaseSlow|ShopDatabaseConnectionWait|ShopDeadlinesMissed',
  },
  // why they are refused is known
  {
    while: 'ShopWebhooksRefused|ShopForgeryAttempts|ShopRateLimitMany|ShopSigninAttack|ShopManyNotFound',
    hides: 'ShopManyRefusals',
  },
  // every guess costs a password hash
  { while: 'ShopSigninAttack', hides: 'ShopDeadlinesMissed|ShopRateLimitMany' },
]

// an alert never hides itself, nor what says that monitoring itself is broken
const TOLD = ['ShopDown', 'ShopTargetsMissing', 'ShopAlertsCannotBeSent', 'ShopNotificationsFail', 'ShopRulesFail']

function inhibition({ while: source, hides, of = 'job' }: Inhibition) {
  const never = new Set([...source.split('|'), ...TOLD])
  return {
    source_matchers: [`alertname=~"${source}"`],
    target_matchers: [`alertname=~"${hides}"`, `alertname!~"${[...never].join('|')}"`],
    equal: [of],
  }
}

function slack(name: string, channel: string) {
  return {
    name,
    slack_configs: [
      {
        channel,
        send_resolved: true,
        title:
          '{{ if eq .Status "firing" }}{{ .Alerts.Firing | len }} firing{{ else }}resolved{{ end }}: {{ .CommonLabels.alertname }}',
        text: '{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n{{ .Annotations.runbook_url }}\n{{ end }}',
      },
    ],
  }
}

/** Where alerts of these labels go, in the order of the routes: the table `amtool config routes test` is asked. */
export const ROUTES: readonly (readonly [labels: Readonly<Record<string, string>>, receivers: readonly string[]])[] = [
  [{ alertname: 'ShopErrorBudgetBurnFast', severity: 'critical', team: 'platform' }, ['pagerduty']],
  [{ alertname: 'ShopDatabaseDown', severity: 'critical', team: 'database' }, ['pagerduty']],
  [{ alertname: 'ShopAuditTampered', severity: 'critical', team: 'security' }, ['webhook-security', 'pagerduty']],
  [{ alertname: 'ShopPaymentsDown', severity: 'critical', team: 'payments' }, ['email-payments', 'pagerduty']],
  [{ alertname: 'ShopWebhooksRefused', severity: 'warning', team: 'payments' }, ['email-payments']],
  [{ alertname: 'ShopForgeryAttempts', severity: 'warning', team: 'security' }, ['webhook-security']],
  [{ alertname: 'ShopOrdersStopped', severity: 'critical', team: 'business' }, ['pagerduty']],
  [{ alertname: 'ShopOrdersBelowUsual', severity: 'warning', team: 'business' }, ['slack-business']],
  [{ alertname: 'ShopOrdersAboveUsual', severity: 'info', team: 'business' }, ['slack-business']],
  [{ alertname: 'ShopRestarted', severity: 'info', team: 'platform' }, ['slack-quiet']],
  [{ alertname: 'ShopRouteSlow', severity: 'warning', team: 'platform' }, ['slack-operations']],
  [{ alertname: 'SomethingElse' }, ['slack-operations']],
]
