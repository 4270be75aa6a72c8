import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { protect } from '@shop/middleware/node'
import { alertmanager, prometheus } from '@shop/testkit'
import { Counter as PromCounter, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { ruleFiles } from '../../config/rules.ts'
import { runCli } from './cli.ts'
import { counter } from './counter.ts'
import { initMonitoring } from './init.ts'
import { metricsEndpoint } from './metrics-endpoint.ts'

async function cli(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = os.tmpdir(),
): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const code = await runCli(args, {
    env,
    cwd,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  })
  return { code, out, err }
}

function folder(): { path: string } & Disposable {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'shop-metrics-'))
  return { path: dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) }
}

async function shop(register: Registry): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer(protect(metricsEndpoint({ register }))((_, response) => void response.end())).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('shop-metrics init', () => {
  it('writes the whole configuration, with the target in it, and overwrites nothing', async () => {
    using dir = folder()
    const first = await cli(['init', 'monitoring', '--target', 'shop.internal:9464'], {}, dir.path)
    expect(first).toMatchObject({ code: 0, err: '' })
    const read = (name: string): string => readFileSync(path.join(dir.path, 'monitoring', name), 'utf8')
    expect(read('prometheus/prometheus.yml')).toContain('shop.internal:9464')
    expect(read('compose.yaml')).toContain('prom/prometheus')
    expect(read('alertmanager/alertmanager.yml')).toContain('pagerduty')
    expect(JSON.parse(read('grafana/dashboards/shop-service.json'))).toMatchObject({ uid: 'shop-service' })
    expect(read('alertmanager/secrets/.gitignore')).toContain('*')
    const second = await cli(['init', 'monitoring'], {}, dir.path)
    expect(second.code).toBe(1)
    expect(second.err).toContain('is not empty')
    expect((await cli(['init', 'monitoring', '--force'], {}, dir.path)).code).toBe(0)
    expect(() => initMonitoring({ dir: 'monitoring', cwd: dir.path, target: 'a:1', force: false })).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_METRICS_CONFIG' }),
    )
    expect((await cli(['init', 'x', '--target', 'no port'], {}, dir.path)).err).toContain('is not host:port')
  })
})

describe('shop-metrics verify', () => {
  it('finds everything in order with a real Prometheus and Alertmanager', async () => {
    using dir = folder()
    const register = new Registry()
    counter({ name: 'shop_orders_total', help: 'Orders', register })
    await using app = await shop(register)
    await using sender = await alertmanager('route: { receiver: none }\nreceivers: [{ name: none }]\n')
    await using server = await prometheus({
      config: `global: { scrape_interval: 300ms, evaluation_interval: 300ms }
rule_files: ['*.rules.yml']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${sender.port}'] }] }] }
scrape_configs: [{ job_name: shop, static_configs: [{ targets: ['127.0.0.1:${app.port}'] }] }]`,
      files: ruleFiles(),
    })
    await cli(['init', 'monitoring'], {}, dir.path)
    const monitoring = path.join(dir.path, 'monitoring')
    for (const secret of ['slack_url', 'pagerduty_key', 'smtp_password', 'webhook_token']) {
      writeFileSync(
        path.join(monitoring, 'alertmanager/secrets', secret),
        secret === 'slack_url' ? `http://127.0.0.1:${app.port}/hook` : 'x',
      )
    }
    const here = `127.0.0.1:${app.port}`
    const file = path.join(monitoring, 'alertmanager/alertmanager.yml')
    writeFileSync(
      file,
      readFileSync(file, 'utf8')
        .replace('smtp.example.com:587', here)
        .replace('https://security.example.com/alerts', `http://${here}/`),
    )
    const args = [
      'verify',
      '--metrics',
      `http://${here}/metrics`,
      '--prometheus',
      server.url,
      '--alertmanager',
      sender.url,
      '--config',
      monitoring,
      '--env',
      'SHOP_KEY',
      '--timeout',
      '10000',
    ]
    // Prometheus scrapes and evaluates for the first time
    for (let tries = 0; tries < 60; tries++) {
      if ((await cli([...args, '--only', 'targets', '--only', 'rules', '--only', 'routes'])).code === 0) break
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    // one host of the configuration is not this machine
    const { out } = await cli([...args, '--json'], { SHOP_KEY: 'x' })
    const { checks } = JSON.parse(out) as { checks: { group: string; name: string; ok: boolean; detail: string }[] }
    expect(checks.filter(({ ok, name }) => !ok && name !== 'events.pagerduty.com:443')).toEqual([])
    expect(new Set(checks.map(({ group }) => group))).toEqual(
      new Set(['endpoints', 'exposition', 'rules', 'routes', 'targets', 'receivers', 'environment']),
    )
    const only = await cli([...args, '--only', 'environment'])
    expect(only).toMatchObject({ code: 1, out: 'FAIL environment SHOP_KEY: is not set\n1 of 1 checks failed\n' })
    expect((await cli([...args, '--only', 'environment', '--only', 'targets'], { SHOP_KEY: 'x' })).code).toBe(0)
  }, 90_000)

  it('says what is wrong', async () => {
    const register = new Registry()
    new PromCounter({ name: 'waitMs', help: 'Wait', registers: [register] })
    await using app = await shop(register)
    const none = 'http://127.0.0.1:1'
    const { code, out } = await cli([
      'verify',
      '--metrics',
      `http://127.0.0.1:${app.port}/metrics`,
      '--metrics',
      none,
      '--prometheus',
      none,
      '--alertmanager',
      none,
      '--timeout',
      '20000',
    ])
    expect(code).toBe(1)
    expect(out).toContain('waitMs is not snake_case')
    expect(out).toMatch(/FAIL endpoints {3}http:\/\/127.0.0.1:1: .+/)
    expect(out).toMatch(/FAIL targets/)
    expect(out).toMatch(/\d of \d checks failed/)
  })

  it('refuses what it does not understand', async () => {
    expect((await cli([])).code).toBe(2)
    expect((await cli(['verify', '--colour'])).code).toBe(2)
    expect(await cli(['verify', '--only', 'nothing'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('no group of checks "nothing"') as string,
    })
    expect((await cli(['verify', '--timeout', 'x'])).err).toContain('is not 1 to 600000 ms')
    expect((await cli(['verify', '--config', '/nowhere/at/all'])).err).toContain('there is no folder')
    expect((await cli(['help'])).out).toContain('shop-metrics verify')
  })
})
