import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { protect } from '@shop/middleware/node'
import { alertmanager, needs, prometheus } from '@shop/testkit'
import { Counter as PromCounter, Registry } from 'prom-client'
import { describe, expect, it, vi } from 'vitest'

import { alerts } from '../../config/groups.ts'
import { ruleFiles } from '../../config/rules.ts'
import { listening } from '../../fixtures/listening.ts'
import type { Check } from './check.ts'
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

async function shop(register: Registry, token?: string): Promise<{ port: number } & AsyncDisposable> {
  const endpoint = metricsEndpoint({ register, ...(token !== undefined && { token }) })
  const server = createServer(protect(endpoint)((_, response) => void response.end())).listen(0, '127.0.0.1')
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

  it('writes the runbook beside the rules, and lets each alert link to its heading in it', async () => {
    using dir = folder()
    const rules = (name: string): string[] => {
      const at = path.join(dir.path, name, 'prometheus')
      const files = readdirSync(at).filter((file) => file.endsWith('.rules.yml'))
      return files.flatMap((file) =>
        [...readFileSync(path.join(at, file), 'utf8').matchAll(/runbook_url: "(.+)"/g)].map(([, link]) => link!),
      )
    }
    expect((await cli(['init', 'plain'], {}, dir.path)).out).toContain('runbook.md')
    const headings = readFileSync(path.join(dir.path, 'plain/prometheus/runbook.md'), 'utf8').matchAll(/^### (\w+)$/gm)
    const links = [...headings].map(([, name]) => `runbook.md#${name!.toLowerCase()}`)
    expect(links).toHaveLength(alerts.length)
    expect(rules('plain').toSorted()).toEqual(links.toSorted())
    const runbook = 'https://wiki.example/on-call/$&/runbook.md?plain=1'
    expect((await cli(['init', 'linked', '--runbook', runbook], {}, dir.path)).code).toBe(0)
    expect(rules('linked').toSorted()).toEqual(
      links.map((link) => link.replace('runbook.md', () => runbook)).toSorted(),
    )
    for (const wrong of ['wiki', 'ftp://wiki.example/', 'https://wiki.example/#on-call', 'https://a/{{ .x }}'])
      expect(await cli(['init', 'wrong', '--runbook', wrong], {}, dir.path)).toMatchObject({
        code: 2,
        err: expect.stringContaining('is not an http(s) URL without a #') as string,
      })
  })

  it('refuses what is no folder, no port, or one folder too many', async () => {
    using dir = folder()
    writeFileSync(path.join(dir.path, 'afile'), '')
    expect(await cli(['init', 'afile'], {}, dir.path)).toMatchObject({
      code: 1,
      err: expect.stringContaining('is a file; give a folder') as string,
    })
    expect(await cli(['init', 'afile/within'], {}, dir.path)).toMatchObject({
      code: 1,
      err: expect.stringContaining('ENOTDIR') as string,
    })
    expect(await cli(['init', 'a', 'b'], {}, dir.path)).toMatchObject({
      code: 2,
      err: expect.stringContaining('a, b') as string,
    })
    for (const target of ['x:99999', 'x:0', '[::zz]:3000', '::1:3000'])
      expect(await cli(['init', 'x', '--target', target], {}, dir.path)).toMatchObject({
        code: 2,
        err: expect.stringContaining('is not host:port') as string,
      })
    expect((await cli(['init', 'six', '--target', '[::1]:3000'], {}, dir.path)).code).toBe(0)
    expect(readFileSync(path.join(dir.path, 'six/prometheus/prometheus.yml'), 'utf8')).toContain('"[::1]:3000"')
  })
})

/** What verify says of an address that is no shop, no Prometheus and no Alertmanager. */
async function verifying(answer: RequestListener, ...args: readonly string[]): ReturnType<typeof cli> {
  await using server = await listening(createServer(answer))
  const { url } = server
  return await cli(['verify', '--metrics', url, '--prometheus', url, '--alertmanager', url, ...args])
}

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
    const { checks } = JSON.parse(out) as { checks: Check[] }
    const failed = checks.filter(({ outcome }) => outcome === 'failed')
    expect(failed.filter(({ name }) => name !== 'events.pagerduty.com:443')).toEqual([])
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

  it('brings the token of a file to who wants it, and shows it to nobody', async () => {
    using dir = folder()
    const token = 'a-token-of-the-shop'
    const seen: (string | undefined)[] = []
    await using server = await listening(
      createServer((request, response) => {
        seen.push(`${request.url!.slice(0, 8)} ${request.headers.authorization}`)
        response.end('{"data":{"groups":[]}}')
      }),
    )
    const register = new Registry()
    counter({ name: 'shop_orders_total', help: 'Orders', register })
    await using app = await shop(register, token)
    const file = (name: string, text: string): string => {
      writeFileSync(path.join(dir.path, name), text)
      return name
    }
    const metrics = ['verify', '--metrics', `http://127.0.0.1:${app.port}/metrics`]
    const only = ['--only', 'endpoints', '--only', 'exposition']
    expect((await cli([...metrics, ...only])).out).toContain('answers 401: give its token by a file')
    const right = ['--token-file', file('right', `${token}\n`)]
    expect(await cli([...metrics, ...only, ...right], {}, dir.path)).toMatchObject({ code: 0, err: '' })
    const basic = ['--prometheus-token-file', file('basic', 'Basic dTpw')]
    const other = ['--alertmanager-token-file', file('other', 'other-token')]
    const servers = [
      '--prometheus',
      `${server.url}/`,
      '--alertmanager',
      server.url,
      '--only',
      'rules',
      '--only',
      'routes',
    ]
    const { out, err } = await cli([...metrics, ...servers, ...right, ...basic, ...other], {}, dir.path)
    expect(new Set(seen)).toEqual(new Set(['/api/v1/ Basic dTpw', '/api/v2/ Bearer other-token']))
    const wrong = [
      await cli([...metrics, '--token-file', file('lines', `${token}\nmore`)], {}, dir.path),
      await cli([...metrics, '--token-file', file('empty', '')], {}, dir.path),
      await cli([...metrics, '--token-file', 'nowhere'], {}, dir.path),
      await cli(['verify', '--prometheus', `http://u:${token}@127.0.0.1:1`]),
    ]
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2, 2])
    const said = [out, err, ...wrong.map((each) => each.out + each.err)].join('')
    expect(said).not.toMatch(/token-of|other-token|dTpw/)
  })

  it('says of a server that it is not the one', async () => {
    for (const [body, said] of [
      ['{}', 'does not answer as'],
      ['null', 'does not answer as'],
      ['<html>', 'answers something that is no JSON'],
    ] as const) {
      const { code, out } = await verifying((_, response) => response.end(body))
      expect(code).toBe(1)
      expect(out.split('\n').filter((line) => /rules|targets|routes/.test(line))).toHaveLength(4)
      expect(out.match(new RegExp(said, 'g'))).toHaveLength(4)
    }
  })

  it('reads no answer without end, neither by size nor by time', async () => {
    const before = process.memoryUsage.rss()
    const megabyte = Buffer.alloc(2 ** 20, 'a')
    const endless: RequestListener = (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(megabyte));
        response.once('drain', more)
      }
      more()
    }
    const size = await verifying(endless, '--only', 'endpoints', '--timeout', '60000')
    expect(size).toMatchObject({ code: 1, out: expect.stringContaining('answers with more than 64 MB') as string })
    expect(process.memoryUsage.rss() - before).toBeLessThan(300 * 2 ** 20)
    const time = await verifying((_, response) => response.write('a'), '--only', 'endpoints', '--timeout', '200')
    expect(time).toMatchObject({ code: 1, out: expect.stringContaining('due to timeout') as string })
  })

  it('finds what is wrong in a folder without losing the other checks', async () => {
    using dir = folder()
    await cli(['init', 'monitoring'], {}, dir.path)
    const monitoring = path.join(dir.path, 'monitoring')
    const file = path.join(monitoring, 'alertmanager/alertmanager.yml')
    writeFileSync(path.join(monitoring, 'alertmanager/secrets/slack_url'), 'no address')
    writeFileSync(
      file,
      readFileSync(file, 'utf8')
        .replace('"smtp.example.com:587"', "'smtp.example.com' # no port")
        .replace('https://security.example.com/alerts', 'not-a-url-but-a-secret'),
    )
    const args = ['--config', monitoring, '--only', 'receivers', '--only', 'rules', '--timeout', '200']
    const wrong = await verifying((_, response) => response.end('{}'), ...args)
    expect(wrong.out).toMatch(/FAIL receivers .*alertmanager\.yml:\d+: the url is not an http\(s\) one/)
    expect(wrong.out).toContain('smtp.example.com: is not host:port')
    expect(wrong.out).toContain('slack_url: holds no http(s) URL')
    expect(wrong.out).toMatch(/FAIL receivers .*webhook_token: is missing, empty/)
    expect(wrong.out).not.toContain('but-a-secret')
    rmSync(path.join(monitoring, 'prometheus'), { recursive: true })
    writeFileSync(path.join(monitoring, 'prometheus'), '')
    rmSync(file)
    mkdirSync(file)
    const broken = await verifying((_, response) => response.end('{}'), ...args)
    expect(broken).toMatchObject({ code: 1, err: '' })
    expect(broken.out).toMatch(/FAIL rules .*ENOTDIR/)
    expect(broken.out).toMatch(/FAIL receivers .*EISDIR/)
  })

  it('skips what a program that is not installed would look at', async (ctx) => {
    const { programs } = needs(ctx, 'prometheus')
    using dir = folder()
    await cli(['init', 'monitoring'], {}, dir.path)
    const rules = { groups: [{ rules: [{ name: 'ShopDown', type: 'alerting', health: 'ok' }] }] }
    const ask = async (...args: readonly string[]): ReturnType<typeof cli> =>
      verifying(
        (_, response) => response.end(JSON.stringify({ data: rules })),
        ...['--config', path.join(dir.path, 'monitoring'), '--only', 'rules', ...args],
      )
    vi.stubEnv('PATH', dir.path)
    const { code, out } = await ask()
    expect(code).toBe(0)
    expect(out).toMatch(/skip rules .*: promtool is not installed\n/)
    expect(out).toMatch(/everything that could be checked works, 1 skipped\n$/)
    const { checks } = JSON.parse((await ask('--json')).out) as { checks: Check[] }
    expect(checks.map(({ outcome }) => outcome).toSorted()).toEqual(['ok', 'skipped'])
    vi.stubEnv('PATH', path.dirname(programs['promtool']!))
    const there = await ask()
    vi.unstubAllEnvs()
    expect(there.out).toMatch(/ok {3}rules .*: 8 files\n/)
    expect(there.out).toMatch(/everything works\n$/)
  })

  it('is no success where nothing was checked', async () => {
    for (const group of ['environment', 'receivers'])
      expect(await cli(['verify', '--only', group])).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringContaining(`nothing was checked: ${group} needs --`) as string,
      })
  })

  it('refuses what it does not understand, with the code for that', async () => {
    expect((await cli([])).code).toBe(2)
    expect((await cli(['verify', '--colour'])).code).toBe(2)
    for (const [args, said] of [
      [['--only', 'nothing'], 'no group of checks "nothing"'],
      [['--timeout', 'x'], 'is not 1 to 600000 ms'],
      [['--config', '/nowhere/at/all'], 'there is no folder'],
      [['--metrics', 'shop:3000'], '"shop:3000" is not an http(s) URL'],
      [['--prometheus', 'not a url'], 'is not an http(s) URL'],
    ] as const)
      expect(await cli(['verify', ...args])).toMatchObject({ code: 2, err: expect.stringContaining(said) as string })
  })

  it('helps who asks for it', async () => {
    for (const args of [['help'], ['--help'], ['verify', '--help'], ['init', '-h']])
      expect(await cli(args)).toMatchObject({
        code: 0,
        out: expect.stringContaining('shop-metrics verify') as string,
        err: '',
      })
  })
})
