import { toYaml } from './yaml.ts'

const GENERATED = '# Generated from config/ by `node config/generate.ts` in packages/metrics; change it there.'

/** What tells Grafana of its data source, its dashboards, and which linter rules one of them may break. */
export function grafanaFiles(): Readonly<Record<string, string>> {
  return {
    'provisioning/datasources/prometheus.yml': `${GENERATED}${toYaml({
      apiVersion: 1,
      datasources: [
        {
          name: 'Prometheus',
          type: 'prometheus',
          uid: 'prometheus',
          url: 'http://prometheus:9090',
          isDefault: true,
          jsonData: { timeInterval: '15s' },
        },
      ],
    })}`,
    'provisioning/dashboards/shop.yml': `${GENERATED}${toYaml({
      apiVersion: 1,
      providers: [{ name: 'shop', folder: 'Shop', type: 'file', options: { path: '/var/lib/grafana/dashboards' } }],
    })}`,
    'dashboards/.lint': `# For dashboard-linter --config: alerts carry the labels of their expressions, not those of a target.${toYaml(
      {
        exclusions: {
          'target-job-rule': { reason: 'ALERTS has no job of its own', entries: [{ dashboard: 'Shop / Alerts' }] },
          'target-instance-rule': {
            reason: 'ALERTS has no instance of its own',
            entries: [{ dashboard: 'Shop / Alerts' }],
          },
        },
      },
    )}`,
  }
}
