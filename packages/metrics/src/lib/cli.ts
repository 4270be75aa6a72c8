import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'

import type { Check } from './check.ts'
import { MetricsError } from './errors.ts'
import { initMonitoring } from './init.ts'
import { verify } from './verify.ts'

/** What the command line has of the world around it. */
export interface CliWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

const USAGE = `shop-metrics verify [options]   checks that metrics, rules, routes and receivers all work
  --metrics URL        an endpoint of the shop; may be given several times  (http://127.0.0.1:3000/metrics)
  --prometheus URL     (http://127.0.0.1:9090)
  --alertmanager URL   (http://127.0.0.1:9093)
  --token-file FILE    what --metrics want: a bearer token, or "Basic " and the rest of the header
  --prometheus-token-file FILE, --alertmanager-token-file FILE   the same for these
  --config DIR         a folder made by init: rules, routes and receivers in it are checked too
  --env NAME           an environment variable that must be set; may be given several times
  --only NAME          one of endpoints, exposition, rules, routes, targets, receivers, environment; may be given several times
  --timeout MS         how long each request may take  (5000)
  --json               one JSON document instead of lines

shop-metrics init [DIR] [options]   writes Prometheus, Alertmanager, Grafana and a compose file  (monitoring)
  --target HOST:PORT   where the shop is scraped, as a container sees it  (host.docker.internal:3000)
  --runbook URL        where you keep prometheus/runbook.md; alerts link there  (the file itself, by its name)
  --force              overwrite what is there

Exit code: 0 everything works, 1 something does not, 2 the command was wrong.
`

/** Runs the command line. @returns its exit code */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const [command, ...rest] = args
  try {
    if (command === 'help' || args.some((arg) => arg === '--help' || arg === '-h')) {
      world.stdout.write(USAGE)
      return 0
    }
    if (command === 'verify') return await runVerify(rest, world)
    if (command === 'init') return runInit(rest, world)
    world.stderr.write(USAGE)
    return 2
  } catch (error) {
    const { code = '', syscall, message } = error as NodeJS.ErrnoException
    const wrong = code === 'ERR_SHOP_METRICS_OPTION' || code.startsWith('ERR_PARSE_ARGS')
    // a system call that failed tells of a file or folder; the rest is a fault of this program
    if (!wrong && !(error instanceof MetricsError) && syscall === undefined) throw error
    world.stderr.write(`shop-metrics: ${message}\n`)
    return wrong ? 2 : 1
  }
}

async function runVerify(args: readonly string[], world: CliWorld): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      metrics: { type: 'string', multiple: true, default: ['http://127.0.0.1:3000/metrics'] },
      prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
      alertmanager: { type: 'string', default: 'http://127.0.0.1:9093' },
      'token-file': { type: 'string' },
      'prometheus-token-file': { type: 'string' },
      'alertmanager-token-file': { type: 'string' },
      config: { type: 'string' },
      env: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true },
      timeout: { type: 'string', default: '5000' },
      json: { type: 'boolean', default: false },
    },
  })
  const { json, only, timeout, env: required, config, metrics, prometheus, alertmanager } = values
  const checks = await verify({
    metrics,
    prometheus,
    alertmanager,
    authorization: {
      metrics: authorizationIn(values['token-file'], world),
      prometheus: authorizationIn(values['prometheus-token-file'], world),
      alertmanager: authorizationIn(values['alertmanager-token-file'], world),
    },
    required,
    env: world.env,
    timeout: Number(timeout),
    ...(config !== undefined && { config }),
    ...(only && { only }),
  })
  const failed = checks.filter(({ outcome }) => outcome === 'failed').length
  if (json) world.stdout.write(`${JSON.stringify({ ok: failed === 0, checks }, null, 2)}\n`)
  else world.stdout.write(`${checks.map(toLine).join('')}${summary(checks, failed)}\n`)
  return failed === 0 ? 0 : 1
}

/** The header a file stands for. Nothing of the file is ever told: it may be the secret of something else. */
function authorizationIn(file: string | undefined, { cwd }: CliWorld): string | undefined {
  if (file === undefined) return undefined
  let text: string
  try {
    text = readFileSync(path.resolve(cwd, file), 'utf8').trim()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `the token file ${file} cannot be read: ${code}`, { cause })
  }
  if (!/^(?:[A-Za-z]+ )?[\x21-\x7e]+$/.test(text))
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `the token file ${file} does not hold one token on one line`)
  return text.includes(' ') ? text : `Bearer ${text}`
}

function summary(checks: readonly Check[], failed: number): string {
  const skipped = checks.filter(({ outcome }) => outcome === 'skipped').length
  const also = skipped === 0 ? '' : `, ${skipped} skipped`
  if (failed > 0) return `${failed} of ${checks.length} checks failed${also}`
  return skipped === 0 ? 'everything works' : `everything that could be checked works${also}`
}

const WORDS = { ok: 'ok  ', failed: 'FAIL', skipped: 'skip' } as const

function toLine({ group, name, outcome, detail }: Check): string {
  return `${WORDS[outcome]} ${group.padEnd(11)} ${name}${detail ? `: ${detail}` : ''}\n`
}

function runInit(args: readonly string[], world: CliWorld): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      target: { type: 'string', default: 'host.docker.internal:3000' },
      runbook: { type: 'string' },
      force: { type: 'boolean', default: false },
    },
  })
  if (positionals.length > 1)
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `init takes one folder, and was given ${positionals.join(', ')}`)
  const written = initMonitoring({ dir: positionals[0] ?? 'monitoring', cwd: world.cwd, ...values })
  const links =
    values.runbook === undefined
      ? 'put prometheus/runbook.md where whoever is on call can read it and let alerts link there (--runbook URL --force), '
      : ''
  world.stdout.write(
    `${written.map((file) => `wrote ${file}\n`).join('')}next: ${links}put your secrets into the files under alertmanager/secrets, then docker compose up -d\n`,
  )
  return 0
}
