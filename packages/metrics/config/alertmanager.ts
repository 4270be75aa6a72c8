import { toYaml } from './yaml.ts'

/** Where secrets lie: files that Alertmanager reads, never values in this file. */
const SECRETS = '/etc/alertmanager/secrets'
const MATTERS = 'alertname!~"ShopDown|ShopTargetsMissing|ShopAlertsCannotBeSent|ShopNotificationsFail|ShopRulesFail"'

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
    inhibit_rules: [
      // while nothing answers, everything else follows from it
      { source_matchers: ['alertname=~"ShopDown|ShopTargetsMissing"'], target_matchers: [MATTERS], equal: ['job'] },
      {
        source_matchers: ['alertname="ShopDatabaseDown"'],
        target_matchers: [
          'alertname=~"ShopDatabase.+|ShopPostgres.+|ShopCheckoutFailing|ShopRouteFailing|ShopErrorBudgetBurn.+"',
          'alertname!="ShopDatabaseDown"',
        ],
        equal: ['job'],
      },
      // the faster burn says it all
      {
        source_matchers: ['alertname="ShopErrorBudgetBurnFast"'],
        target_matchers: ['alertname=~"ShopErrorBudgetBurn(Steady|Slow|Creeping)|ShopRouteFailing"'],
        equal: ['job'],
      },
      {
        source_matchers: ['alertname="ShopLatencyBudgetBurnFast"'],
        target_matchers: ['alertname=~"ShopLatencyBudgetBurn(Steady|Slow|Creeping)|ShopRouteSlow"'],
        equal: ['job'],
      },
      {
        source_matchers: ['alertname="ShopPaymentsDown"'],
        target_matchers: ['alertname=~"ShopPaymentErrors|ShopPaymentsSlow"'],
        equal: ['provider'],
      },
      {
        source_matchers: ['alertname="ShopEventLoopBlocked"'],
        target_matchers: ['alertname=~"ShopEventLoopSlow|ShopEventLoopSaturated|ShopLatencyBudgetBurn.+"'],
        equal: ['job'],
      },
    ],
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
