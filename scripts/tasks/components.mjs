// Unpacks the real servers some tests talk to from Debian's own packages into .toolchain/debs: no root,
// nothing installed system-wide, no service started. Elsewhere it prints what to install.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { components, debs, find } from '../../tools/testkit/src/lib/components.ts'

const asked = process.argv.slice(2).filter((arg) => !arg.startsWith('-'))
const quiet = process.argv.includes('--if-missing')
const names = (asked.length > 0 ? asked : Object.keys(components)).filter((name) => !find(name).ok)
const work = path.join(debs, `work.${process.pid}`)
const minutes = Number(process.env.SHOP_COMPONENTS_TIMEOUT ?? 10)
const deadline = Date.now() + minutes * 60_000

// What Debian's packages pull in for services and desktops, and no test needs.
const unneeded =
  /^(perl|libperl|postgresql-common|postgresql-client-common|ssl-cert|sysvinit|init-system-helpers|libjson-perl|ucf|systemd|dbus|adduser|fonts-|libjs-)/

const options = ['-o', `Dir::State::lists=${work}/lists`, '-o', `Dir::Cache=${work}/cache`]
options.push('-o', 'Debug::NoLocking=1', '-o', 'APT::Sandbox::User=', '-o', 'Acquire::Retries=2')
options.push('-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20')

/** The time left bounds every program, so that a mirror that stalls cannot hold the tests up. */
function run(program, args) {
  const timeout = Math.max(1, deadline - Date.now())
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  try {
    return execFileSync(program, args, {
      env,
      timeout,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 27,
    })
  } catch (error) {
    const why =
      error.code === 'ETIMEDOUT'
        ? `took longer than ${minutes} minutes`
        : String(error.stderr).trim().split('\n').at(-1)
    throw new Error(`${path.basename(program)} ${args.at(-1)}: ${why}`)
  }
}

/** `postgresql-*` is the newest there is. */
function newest(pattern) {
  const matches = new RegExp(`^${pattern.replaceAll('*', '\\d+')}$`)
  const all = run('apt-cache', [...options, 'pkgnames', pattern.split('*')[0]]).split('\n')
  const found = all.filter((name) => matches.test(name)).sort(new Intl.Collator('en', { numeric: true }).compare)
  if (found.length === 0) throw new Error(`this distribution has no ${pattern}`)
  return found.at(-1)
}

/** Every package to fetch: those named (again, should they be installed) and what of their needs is missing. */
function closure(packages) {
  const lines = run('apt-get', [
    ...options,
    'install',
    '-y',
    '--reinstall',
    '--no-install-recommends',
    '--print-uris',
    ...packages,
  ])
  const files = [...lines.matchAll(/^'([^']+)' (\S+) (\d+)/gm)]
    .map(([, uri, file, size]) => ({ uri, file, size: Number(size) }))
    .filter(({ file }) => !unneeded.test(file))
  // --print-uris gives MD5 or nothing; the signed index has the SHA-256
  const wanted = files.map(({ file }) => file.split('_').slice(0, 2).map(decodeURIComponent).join('='))
  const sums = new Map()
  for (const stanza of run('apt-cache', [...options, 'show', '--no-all-versions', ...wanted]).split('\n\n')) {
    const name = /^Filename: .*?([^/\n]+)$/m.exec(stanza)?.[1]
    const sum = /^SHA256: (\S+)$/m.exec(stanza)?.[1]
    if (name && sum) sums.set(decodeURIComponent(name), sum)
  }
  return files.map((file) => {
    const sum = sums.get(decodeURIComponent(path.posix.basename(new URL(file.uri).pathname)))
    if (!sum) throw new Error(`the package index has no SHA-256 for ${file.file}`)
    return { ...file, sum: `SHA256:${sum}` }
  })
}

/** One folder per component, renamed into place when it is whole. */
function unpack(name) {
  const at = path.join(work, name)
  mkdirSync(path.join(at, 'bin'), { recursive: true })
  const files = closure(components[name].debian.map(newest))
  console.error(
    `[components] ${name}: ${files.length} Debian packages, ${(files.reduce((sum, { size }) => sum + size, 0) / 1e6).toFixed(1)} MB`,
  )
  for (const { uri, file, sum } of files) {
    const deb = path.join(work, file)
    run('/usr/lib/apt/apt-helper', [...options, 'download-file', uri, deb, sum])
    run('dpkg-deb', ['-x', deb, path.join(at, 'root')])
    rmSync(deb)
  }
  const libs = ['usr/lib', 'lib'].flatMap((dir) =>
    entries(path.join(at, 'root', dir))
      .filter((n) => n.includes('-linux-gnu'))
      .map((n) => `root/${dir}/${n}`),
  )
  writeFileSync(path.join(at, 'libs'), libs.join(':'))
  const postgres = entries(path.join(at, 'root/usr/lib/postgresql')).map(
    (version) => `usr/lib/postgresql/${version}/bin`,
  )
  for (const dir of ['usr/bin', 'usr/sbin', ...postgres, 'usr/lib/chromium']) {
    for (const program of entries(path.join(at, 'root', dir))) wrap(at, dir, program, libs)
  }
  rmSync(path.join(debs, name), { recursive: true, force: true })
  renameSync(at, path.join(debs, name))
}

/** Programs find their libraries beside them; a later folder wins (chromium's own over Debian's script). */
function wrap(at, dir, program, libs) {
  const target = path.join(at, 'root', dir, program)
  if (!existsSync(target) || !statSync(target).isFile() || !(statSync(target).mode & 0o111)) return
  const search = libs.map((lib) => `$here/${lib}`).join(':')
  const script = `#!/bin/sh\nhere=\${0%/*}/..\nLD_LIBRARY_PATH="${search}" exec "$here/root/${dir}/${program}" "$@"\n`
  writeFileSync(path.join(at, 'bin', program), script, { mode: 0o755 })
}

function entries(dir) {
  return existsSync(dir) ? readdirSync(dir) : []
}

function report() {
  for (const name of Object.keys(components)) {
    const found = find(name)
    console.log(
      found.ok
        ? `found    ${name.padEnd(13)} ${found.how}`
        : `MISSING  ${name.padEnd(13)} ${found.missing}: ${components[name].other}`,
    )
  }
}

if (names.length > 0 && existsSync('/usr/bin/apt-get')) {
  try {
    for (const dir of ['lists/partial', 'cache/archives/partial']) mkdirSync(path.join(work, dir), { recursive: true })
    run('apt-get', [...options, 'update', '-qq'])
    for (const name of names) unpack(name)
  } catch (error) {
    console.error(`[components] ${error.message}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
if (!quiet) report()
const missing = names.filter((name) => !find(name).ok)
if (missing.length > 0)
  console.error(`[components] still missing: ${missing.join(', ')}; tests that need them are skipped, and counted`)
process.exitCode = missing.length > 0 && !quiet ? 1 : 0
