import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

import { baseBackup } from './lib/base-backup.ts'
import { debianPostgres, type Installation, embeddedPostgres } from './lib/installation.ts'
import { type Ids, runAs } from './lib/run-as.ts'
import { freePort, guarded, ownDirectory } from './lib/spawn.ts'

export interface PostgresOptions {
  /** `18`: npm's embedded PostgreSQL. `15`: Debian's, with pgAudit and pg_dump. @default 18 */
  readonly version?: 15 | 18
  /** fsync, synchronous commits and full page writes as in production. @default false */
  readonly durable?: boolean
  /** Further settings: `{ shared_preload_libraries: 'pgaudit' }`. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Data that outlives the server, made when it is not there. @default a folder removed with it */
  readonly dir?: string
}

/** A PostgreSQL of one's own on 127.0.0.1, gone when this process is, kill -9 included. */
export interface Postgres extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** The postmaster's. */
  readonly pid: number
  /** The folder that holds bin/pg_dump and the rest; version 18 has only postgres, initdb and pg_ctl. */
  readonly bin: string
  readonly dir: string
  /** What the server logged, pgAudit's lines included. */
  log(): string
  /** The power cut: postmaster and every backend at once, without a word. */
  kill9(): Promise<void>
  /** Starts it again on the same data and port; stops it first when it runs. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts a PostgreSQL, also as root (it then runs as `nobody`). */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const { version = 18, durable = false, settings = {} } = options
  const ids = runAs()
  const install = version === 15 ? debianPostgres(ids) : embeddedPostgres(ids)
  const dir = options.dir ?? ownDirectory('postgres')
  const password = await initialise(install, dir, durable, ids).catch((error: unknown) => {
    if (!options.dir) rmSync(dir, { recursive: true, force: true })
    throw error
  })
  return serve({
    install,
    ids,
    dir,
    password,
    ephemeral: !options.dir,
    conf: { ...(durable ? {} : careless), ...settings },
  })
}

/**
 * A hot standby that streams from a running primary of version 18. `{ recovery_min_apply_delay: '2s' }` keeps it behind.
 * The primary must be quiet while its data is copied.
 */
export async function startStandby(
  primary: Postgres,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Postgres> {
  const ids = runAs()
  const install = embeddedPostgres(ids)
  const dir = ownDirectory('standby')
  const { username, password, port } = new URL(primary.url)
  await baseBackup(primary.url, path.join(primary.dir, 'data'), path.join(dir, 'data'), ids)
  if (ids.uid !== undefined && ids.gid !== undefined) chownSync(dir, ids.uid, ids.gid)
  const upstream = `host=127.0.0.1 port=${port} user=${username} password=${password}`
  const conf = { ...careless, wal_receiver_status_interval: '1s', primary_conninfo: upstream, ...settings }
  return serve({ install, ids, dir, password, ephemeral: true, conf })
}

interface Serving {
  readonly install: Installation
  readonly ids: Ids
  readonly dir: string
  readonly password: string
  /** Whether the folder goes with the server. */
  readonly ephemeral: boolean
  readonly conf: Readonly<Record<string, string | number>>
}

async function serve({ install, ids, dir, password, ephemeral, conf }: Serving): Promise<Postgres> {
  const port = await freePort()
  const args = Object.entries({ ...listen(port), ...conf }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const start = async () => {
    const child = guarded(path.join(install.bin, 'postgres'), ['-D', path.join(dir, 'data'), ...args], {
      dir,
      ids,
      env: install.env,
      ephemeral,
      end: 'SIGQUIT',
    })
    await child.until(/ready to accept (read-only )?connections/)
    return child
  }
  let server = await start()
  // who is leaving is let go: a pool's end() is over before its clients are gone, and nobody listens to them any more
  const end = (): Promise<void> => server.stop('SIGINT', 'SIGTERM')
  const stop = async (): Promise<void> => {
    await end()
    if (ephemeral) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  return {
    url: `postgres://shop:${password}@127.0.0.1:${port}/postgres`,
    port,
    bin: install.bin,
    dir,
    get pid() {
      return server.pid
    },
    log: () => server.log(),
    async kill9() {
      const family = [server.pid, ...childrenOf(server.pid)]
      for (const pid of family) kill(pid)
      await server.stop('SIGKILL')
    },
    async restart() {
      await end()
      server = await start()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const careless = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
const listen = (port: number) => ({
  listen_addresses: '127.0.0.1',
  port,
  unix_socket_directories: '',
  max_connections: 60,
  log_min_messages: 'log',
})

async function initialise(install: Installation, dir: string, durable: boolean, ids: Ids): Promise<string> {
  const secret = path.join(dir, 'password')
  if (existsSync(path.join(dir, 'data/PG_VERSION'))) return readFileSync(secret, 'utf8').trim()
  const password = randomBytes(12).toString('hex')
  writeFileSync(secret, `${password}\n`, { mode: 0o600 })
  if (ids.uid !== undefined && ids.gid !== undefined) for (const at of [dir, secret]) chownSync(at, ids.uid, ids.gid)
  const args = ['-D', path.join(dir, 'data'), '-U', 'shop', `--pwfile=${secret}`, '--auth=scram-sha-256', '-E', 'UTF8']
  args.push('--locale=C', ...install.locale, ...(durable ? [] : ['--no-sync']))
  await promisify(execFile)(path.join(install.bin, 'initdb'), args, {
    ...ids,
    cwd: dir,
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...install.env },
  })
  return password
}

/** Backends, and the workers beside them; only Linux tells without a program. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it went by itself in between
  }
}
