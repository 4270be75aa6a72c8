import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

import { MetricsError } from './errors.ts'

/** What {@link initMonitoring} takes. */
export interface InitOptions {
  readonly dir: string
  readonly cwd: string
  /** Where Prometheus finds the shop: host and port. */
  readonly target: string
  /** Where the runbook is kept; without it alerts name the file. */
  readonly runbook?: string | undefined
  readonly force: boolean
}

const FOLDERS = ['prometheus', 'alertmanager', 'grafana'] as const
const SECRETS = ['slack_url', 'pagerduty_key', 'smtp_password', 'webhook_token'] as const

const COMPOSE = `# Prometheus, Alertmanager and Grafana for the shop. Ports are on this machine only.
services:
  prometheus:
    image: prom/prometheus:v3.5.0
    command: ['--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.retention.time=30d', '--enable-feature=exemplar-storage,native-histograms']
    volumes: ['./prometheus:/etc/prometheus:ro', 'prometheus:/prometheus']
    ports: ['127.0.0.1:9090:9090']
    extra_hosts: ['host.docker.internal:host-gateway']
    restart: unless-stopped
  alertmanager:
    # runs as nobody: chown 65534 alertmanager/secrets/*, which init leaves readable for you alone
    image: prom/alertmanager:v0.28.1
    command: ['--config.file=/etc/alertmanager/alertmanager.yml']
    volumes: ['./alertmanager:/etc/alertmanager:ro', 'alertmanager:/alertmanager']
    ports: ['127.0.0.1:9093:9093']
    restart: unless-stopped
  grafana:
    image: grafana/grafana:12.1.0
    volumes: ['./grafana/provisioning:/etc/grafana/provisioning:ro', './grafana/dashboards:/var/lib/grafana/dashboards:ro', 'grafana:/var/lib/grafana']
    ports: ['127.0.0.1:3001:3000']
    restart: unless-stopped
volumes: { prometheus: {}, alertmanager: {}, grafana: {} }
`

/**
 * Writes the shipped configuration and a compose file into a project.
 * @returns the files and folders written
 * @throws ERR_SHOP_METRICS_CONFIG when something is there already, _OPTION when the target is no host and port or the
 * runbook no URL
 */
export function initMonitoring({ dir, cwd, target, runbook, force }: InitOptions): readonly string[] {
  if (!isHostAndPort(target))
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `target ${JSON.stringify(target)} is not host:port`)
  // it comes to stand in YAML, in a template of Prometheus, and before a #
  if (runbook !== undefined && !(/^https?:\/\/[^\s"\\{}#]+$/.test(runbook) && URL.canParse(runbook)))
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      `runbook ${JSON.stringify(runbook)} is not an http(s) URL without a #`,
    )
  const into = path.resolve(cwd, dir)
  if (existsSync(into) && !statSync(into).isDirectory())
    throw new MetricsError('ERR_SHOP_METRICS_CONFIG', `${into} is a file; give a folder`)
  if (!force && existsSync(into) && readdirSync(into).length > 0) {
    throw new MetricsError('ERR_SHOP_METRICS_CONFIG', `${into} is not empty; give another folder, or --force`)
  }
  const from = packageRoot()
  for (const folder of FOLDERS) {
    cpSync(path.join(from, folder), path.join(into, folder), {
      recursive: true,
      filter: (file) => path.basename(file) !== 'tests',
    })
  }
  const config = path.join(into, 'prometheus/prometheus.yml')
  writeFileSync(config, readFileSync(config, 'utf8').replace('host.docker.internal:3000', target))
  if (runbook !== undefined) linkTo(runbook, path.join(into, 'prometheus'))
  const secrets = path.join(into, 'alertmanager/secrets')
  mkdirSync(secrets, { recursive: true })
  for (const name of SECRETS)
    if (!existsSync(path.join(secrets, name))) writeFileSync(path.join(secrets, name), '', { mode: 0o600 })
  writeFileSync(path.join(secrets, '.gitignore'), '*\n!.gitignore\n')
  writeFileSync(path.join(into, 'compose.yaml'), COMPOSE)
  return [...FOLDERS, 'alertmanager/secrets', 'compose.yaml'].map((name) => path.join(dir, name))
}

function isHostAndPort(text: string): boolean {
  const [, host, address, port] = /^(?:([\w.-]+)|\[([^\]]+)\]):(\d{1,5})$/.exec(text) ?? []
  return (host !== undefined || net.isIPv6(address ?? '')) && Number(port) >= 1 && Number(port) <= 65_535
}

/** Lets every alert link to a heading of the runbook at this address. */
function linkTo(runbook: string, folder: string): void {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.rules.yml'))) {
    const file = path.join(folder, name)
    const rules = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      rules.replaceAll(/(?<=runbook_url: ")runbook\.md(?=#)/g, () => runbook),
    )
  }
}

/** The package's folder, from the sources as from what was built of them. */
function packageRoot(): string {
  for (let at = import.meta.dirname; at !== path.dirname(at); at = path.dirname(at)) {
    if (existsSync(path.join(at, 'package.json')) && existsSync(path.join(at, 'alertmanager'))) return at
  }
  throw new MetricsError('ERR_SHOP_METRICS_CONFIG', 'the package has lost its configuration files')
}
