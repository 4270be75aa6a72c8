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
  --config DIR         a folder made by init: rules, routes and receivers in it are checked too
  --env NAME           an environment variable that must be set; may be given several times
  --only NAME          one of endpoints, exposition, rules, routes, targets, receivers, environment; may be given several times
  --timeout MS         how long each request may take  (5000)
  --json               one JSON document instead of lines

shop-metrics init [DIR] [options]   writes Prometheus, Alertmanager, Grafana and a compose file  (monitoring)
  --target HOST:PORT   where the shop is scraped, as a container sees it  (host.docker.internal:3000)
  --force              overwrite what is there

Exit code: 0 everything works, 1 something does not, 2 the command was wrong.
`

/** Runs the command line. @returns its exit code */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const [command, ...rest] = args
  try {
    if (command === 'verify') return await runVerify(rest, world)
    if (command === 'init') return runInit(rest, world)
    if (command === 'help' || command === '--help') {
      world.stdout.write(USAGE)
      return 0
    }
    world.stderr.write(USAGE)
    return 2
  } catch (error) {
    const told =
      error instanceof MetricsError || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')
    if (!told) throw error
    world.stderr.write(`shop-metrics: ${(error as Error).message}\n`)
    return error instanceof MetricsError ? 1 : 2
  }
}

async function runVerify(args: readonly string[], world: CliWorld): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      metrics: { type: 'string', multiple: true, default: ['http://127.0.0.1:3000/metrics'] },
      prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
      alertmanager: { type: 'string', default: 'http://127.0.0.1:9093' },
      config: { type: 'string' },
      env: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true },
      timeout: { type: 'string', default: '5000' },
      json: { type: 'boolean', default: false },
    },
  })
  const { json, only, timeout, env: required, config, ...urls } = values
  const checks = await verify({
    ...urls,
    required,
    env: world.env,
    timeout: Number(timeout),
    ...(config !== undefined && { config }),
    ...(only && { only }),
  })
  const failed = checks.filter(({ ok }) => !ok)
  if (json) world.stdout.write(`${JSON.stringify({ ok: failed.length === 0, checks }, null, 2)}\n`)
  else
    world.stdout.write(
      `${checks.map(toLine).join('')}${failed.length === 0 ? 'everything works' : `${failed.length} of ${checks.length} checks failed`}\n`,
    )
  return failed.length === 0 ? 0 : 1
}

function toLine({ group, name, ok, detail }: Check): string {
  return `${ok ? 'ok  ' : 'FAIL'} ${group.padEnd(11)} ${name}${detail ? `: ${detail}` : ''}\n`
}

function runInit(args: readonly string[], world: CliWorld): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      target: { type: 'string', default: 'host.docker.internal:3000' },
      force: { type: 'boolean', default: false },
    },
  })
  const written = initMonitoring({ dir: positionals[0] ?? 'monitoring', cwd: world.cwd, ...values })
  world.stdout.write(
    `${written.map((file) => `wrote ${file}\n`).join('')}next: put your secrets into the files under alertmanager/secrets, then docker compose up -d\n`,
  )
  return 0
}
