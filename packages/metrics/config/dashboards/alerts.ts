import type { DashboardSpec } from './dashboard.ts'
import { now, SELECTED } from './panel.ts'

/** Alerts carry the labels of their own expression, so not all have a job and an instance. */
const firing = 'ALERTS{alertname=~"Shop.+", alertstate="firing"}'

export const alertsBoard: DashboardSpec = {
  uid: 'shop-alerts',
  title: 'Shop / Alerts',
  about: 'What fires now, what fired, and whether alerts can be sent at all.',
  rows: {
    Firing: [
      {
        title: 'Critical',
        about: 'Critical alerts firing now.',
        unit: 'short',
        stat: true,
        queries: [[`count(${firing.replace('}', ', severity="critical"}')}) or vector(0)`, '']],
      },
      {
        title: 'Warning',
        about: 'Warnings firing now.',
        unit: 'short',
        stat: true,
        queries: [[`count(${firing.replace('}', ', severity="warning"}')}) or vector(0)`, '']],
      },
      {
        title: 'Pending',
        about: 'Alerts whose time has not come yet.',
        unit: 'short',
        stat: true,
        queries: [[`count(ALERTS{alertname=~"Shop.+", alertstate="pending"}) or vector(0)`, '']],
      },
      {
        title: 'Targets up',
        about: 'Share of instances that can be scraped.',
        unit: 'percentunit',
        stat: true,
        queries: [[`avg(${now('up')})`, '']],
      },
      {
        title: 'Alerts',
        about: 'Each alert while it fired.',
        unit: 'short',
        queries: [[`count by (alertname) (${firing}) or vector(0)`, '{{alertname}}']],
      },
      {
        title: 'Targets',
        about: 'Which instances could be scraped.',
        unit: 'short',
        queries: [[`min by (job, instance) (${now('up')})`, '{{job}} {{instance}}']],
      },
    ],
    'The monitoring itself': [
      {
        title: 'Evaluation of rules',
        about: 'How long the slowest group of rules takes.',
        unit: 's',
        queries: [[`max(prometheus_rule_group_last_duration_seconds{${SELECTED}}) or vector(0)`, 'slowest']],
      },
      {
        title: 'Samples',
        about: 'Samples taken in a second.',
        unit: 'cps',
        queries: [
          [
            `sum(rate(prometheus_tsdb_head_samples_appended_total{${SELECTED}}[$__rate_interval])) or vector(0)`,
            'samples',
          ],
        ],
      },
    ],
  },
}
