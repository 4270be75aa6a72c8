import { ruleSets } from './groups.ts'
import { toYaml } from './yaml.ts'

/** The Prometheus configuration shipped: what is scraped, which rules, and where alerts go. */
export function prometheusConfig(): string {
  return `# Generated from config/ by \`node config/generate.ts\` in packages/metrics; change it there.${toYaml({
    global: { scrape_interval: '15s', evaluation_interval: '15s' },
    rule_files: ruleSets.map(({ name }) => `${name}.rules.yml`),
    alerting: { alertmanagers: [{ static_configs: [{ targets: ['alertmanager:9093'] }] }] },
    scrape_configs: [
      { job_name: 'shop', metrics_path: '/metrics', static_configs: [{ targets: ['host.docker.internal:3000'] }] },
      { job_name: 'prometheus', static_configs: [{ targets: ['localhost:9090'] }] },
      { job_name: 'alertmanager', static_configs: [{ targets: ['alertmanager:9093'] }] },
    ],
  })}`
}
