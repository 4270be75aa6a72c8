import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { here } from './needs.ts'
import { answering, freePort, guarded, ownDirectory } from './spawn.ts'

/** Prometheus or Alertmanager, reached over HTTP. */
export interface HttpServer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string
  readonly port: number
  readonly pid: number
  log(): string
  close(): Promise<void>
}

export interface PrometheusOptions {
  /** prometheus.yml, whole. */
  readonly config: string
  /** Further files beside it, by name: rules. */
  readonly files?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

/** A Prometheus of the test's own; alerts are resent each second, for the default waits a minute. */
export async function prometheus({ config, files = {}, args = [] }: PrometheusOptions): Promise<HttpServer> {
  const program = here('prometheus').programs.prometheus!
  const every = ['--storage.tsdb.path=data', '--web.enable-lifecycle', '--rules.alert.resend-delay=1s']
  return start('prometheus', program, { ...files, 'prometheus.yml': config }, (port) => [
    '--config.file=prometheus.yml',
    `--web.listen-address=127.0.0.1:${port}`,
    ...every,
    ...args,
  ])
}

/** An Alertmanager of the test's own, alone (no gossip port). `config` is alertmanager.yml, whole. */
export async function alertmanager(config: string, args: readonly string[] = []): Promise<HttpServer> {
  const program = here('alertmanager').programs['prometheus-alertmanager']!
  return start('alertmanager', program, { 'alertmanager.yml': config }, (port) => [
    '--config.file=alertmanager.yml',
    '--storage.path=data',
    '--cluster.listen-address=',
    `--web.listen-address=127.0.0.1:${port}`,
    ...args,
  ])
}

async function start(
  name: string,
  program: string,
  files: Readonly<Record<string, string>>,
  args: (port: number) => string[],
): Promise<HttpServer> {
  const dir = ownDirectory(name)
  mkdirSync(path.join(dir, 'data'))
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(dir, file), text)
  const port = await freePort()
  const child = guarded(program, args(port), { dir })
  const url = `http://127.0.0.1:${port}`
  const close = async (): Promise<void> => {
    await child.stop()
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await answering(`${url}/-/ready`, child)
  } catch (error) {
    await close()
    throw error
  }
  return { url, port, pid: child.pid, log: () => child.log(), close, [Symbol.asyncDispose]: close }
}
