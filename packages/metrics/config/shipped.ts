import { alertmanagerConfig } from './alertmanager.ts'
import { dashboardFiles } from './dashboards/all.ts'
import { grafanaFiles } from './grafana.ts'
import { prometheusConfig } from './prometheus.ts'
import { ruleTestFiles } from './rule-tests.ts'
import { ruleFiles } from './rules.ts'

/** Every generated file of the package, by its path in it. */
export async function shippedFiles(): Promise<Readonly<Record<string, string>>> {
  return {
    ...under('grafana', { ...grafanaFiles(), ...dashboardFiles() }),
    'alertmanager/alertmanager.yml': alertmanagerConfig(),
    'prometheus/prometheus.yml': prometheusConfig(),
    ...under('prometheus', ruleFiles()),
    ...under('prometheus/tests', ruleTestFiles()),
  }
}

function under(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]))
}
