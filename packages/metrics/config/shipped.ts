import { alertmanagerConfig } from './alertmanager.ts'
import { dashboardFiles } from './dashboards/all.ts'
import { grafanaFiles } from './grafana.ts'
import { prometheusConfig } from './prometheus.ts'
import { runbook } from './runbook.ts'
import { ruleTestFiles } from './rule-tests.ts'
import { ruleFiles } from './rules.ts'

/** Every generated file, by its path from the package. */
export async function shippedFiles(): Promise<Readonly<Record<string, string>>> {
  return {
    '../../docs/guides/runbook.md': runbook('The [monitoring guide](monitoring.md)'),
    ...under('grafana', { ...grafanaFiles(), ...dashboardFiles() }),
    'alertmanager/alertmanager.yml': alertmanagerConfig(),
    'prometheus/prometheus.yml': prometheusConfig(),
    ...under('prometheus', ruleFiles()),
    'prometheus/runbook.md': runbook('The monitoring guide of that package'),
    ...under('prometheus/tests', ruleTestFiles()),
  }
}

function under(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]))
}
