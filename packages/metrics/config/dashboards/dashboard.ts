import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'

import { type PanelSpec, toPanel } from './panel.ts'

/** One dashboard: rows of panels. */
export interface DashboardSpec {
  readonly uid: string
  readonly title: string
  readonly about: string
  readonly rows: Readonly<Record<string, readonly PanelSpec[]>>
}

/** The JSON Grafana reads. */
export function toDashboard({ uid, title, about, rows }: DashboardSpec): string {
  const dashboard = new DashboardBuilder(title)
    .uid(uid)
    .description(about)
    .tags(['shop', 'generated'])
    .readonly()
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(labelVariable('job', 'label_values(up, job)'))
    .withVariable(labelVariable('instance', 'label_values(up{job=~"$job"}, instance)'))
  for (const [row, panels] of Object.entries(rows)) {
    dashboard.withRow(new RowBuilder(row))
    for (const panel of panels) dashboard.withPanel(toPanel(panel))
  }
  return `${JSON.stringify(dashboard.build(), null, 2)}\n`
}

function labelVariable(name: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(name)
    .query(query)
    .datasource({ type: 'prometheus', uid: '$datasource' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: 'All', value: '$__all' })
}
