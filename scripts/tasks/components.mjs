// Unpacks the optional real servers from the distribution's own packages into .toolchain/debs: no root,
// no service started, nothing installed system-wide. Debian and Ubuntu; elsewhere it prints what to install.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { debs, find, spec } from '../lib/components.mjs'

const wanted = process.argv.slice(2).filter((a) => !a.startsWith('-'))
const names = (wanted.length ? wanted : Object.keys(spec)).filter((n) => !find(n).ok)
if (names.length === 0) {
  report()
  process.exit(0)
}
if (process.platform !== 'linux' || !fs.existsSync('/usr/bin/apt-get')) {
  for (const n of names) console.log(`${n}: ${spec[n].other}`)
  process.exit(1)
}
for (const d of ['lists/partial', 'cache/archives/partial', 'root', 'bin', 'files'])
  fs.mkdirSync(path.join(debs, d), { recursive: true })
const opts = [
  '-o',
  `Dir::State::lists=${debs}/lists`,
  '-o',
  `Dir::Cache=${debs}/cache`,
  '-o',
  'Debug::NoLocking=1',
  '-o',
  'APT::Sandbox::User=',
]
const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
const apt = (args) =>
  execFileSync('apt-get', [...opts, ...args], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  })
const known = (pattern) =>
  spawnSync('apt-cache', [...opts, 'pkgnames', pattern.split('*')[0]], { env, encoding: 'utf8', maxBuffer: 1 << 26 })
    .stdout.split('\n')
    .filter((n) => new RegExp(`^${pattern.replaceAll('*', '\\d+')}$`).test(n))
    .sort()
    .reverse()[0]

try {
  apt(['update', '-qq'])
} catch (err) {
  console.error(`apt cannot reach its mirror: ${String(err.stderr).trim().split('\n').at(-1)}`)
  process.exit(1)
}
const packages = names
  .flatMap((n) => spec[n].debian)
  .map((p) => {
    const optional = p.endsWith('?')
    const found = known(p.replace('?', ''))
    if (!found && !optional) throw new Error(`this distribution has no ${p}`)
    return found
  })
  .filter(Boolean)
const skip =
  /^(perl|libperl|postgresql-common|postgresql-client-common|ssl-cert|sysvinit|init-system-helpers|libjson-perl|ucf|systemd|dbus|adduser|fonts-|libjs-)/
const uris = apt(['install', '-y', '--no-install-recommends', '--print-uris', ...packages])
  .split('\n')
  .map((l) => /^'([^']+)' (\S+) (\d+)/.exec(l))
  .filter(Boolean)
  .map(([, uri, file, size]) => ({ uri, file, size: Number(size) }))
  .filter((u) => !skip.test(u.file))
// --print-uris gives MD5 or no hash at all (security suite); the signed package index has the SHA256.
const shas = new Map()
const shown = execFileSync(
  'apt-cache',
  [
    ...opts,
    'show',
    '--no-all-versions',
    ...uris.map((u) => {
      const [n, v] = u.file.split('_')
      return `${n}=${decodeURIComponent(v)}`
    }),
  ],
  { env, encoding: 'utf8', maxBuffer: 1 << 27 },
)
for (const stanza of shown.split('\n\n')) {
  const file = /^Filename: .*?([^/\n]+)$/m.exec(stanza)?.[1]
  const sum = /^SHA256: (\S+)$/m.exec(stanza)?.[1]
  if (file && sum) shas.set(file, sum)
}
for (const u of uris) {
  const sum =
    shas.get(decodeURIComponent(path.posix.basename(new URL(u.uri).pathname))) ??
    shas.get(path.posix.basename(new URL(u.uri).pathname))
  if (!sum) throw new Error(`the package index has no SHA256 for ${u.file}`)
  u.hash = `SHA256:${sum}`
}
console.log(
  `${packages.join(' ')}: ${uris.length} packages, ${(uris.reduce((n, u) => n + u.size, 0) / 1e6).toFixed(1)} MB`,
)
for (const u of uris) {
  const to = path.join(debs, 'files', u.file)
  execFileSync('/usr/lib/apt/apt-helper', [...opts, 'download-file', u.uri, to, u.hash], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  execFileSync('dpkg-deb', ['-x', to, path.join(debs, 'root')])
  fs.rmSync(to)
}
const libs = []
for (const d of ['usr/lib', 'lib']) {
  const at = path.join(debs, 'root', d)
  if (fs.existsSync(at)) for (const n of fs.readdirSync(at)) if (/-linux-gnu/.test(n)) libs.push(path.join(at, n))
}
for (const dir of ['usr/bin', 'usr/sbin', ...globPg()]) {
  const at = path.join(debs, 'root', dir)
  if (!fs.existsSync(at)) continue
  for (const n of fs.readdirSync(at)) {
    const target = path.join(at, n)
    if (!fs.existsSync(target) || !fs.statSync(target).isFile()) continue
    if (dir.includes('postgresql') && /^(postgres|initdb|pg_ctl)$/.test(n)) continue // reached by path, beside their own share/
    fs.writeFileSync(
      path.join(debs, 'bin', n),
      `#!/bin/sh\nLD_LIBRARY_PATH='${libs.join(':')}' exec '${target}' "$@"\n`,
      { mode: 0o755 },
    )
  }
}
fs.writeFileSync(path.join(debs, 'libs'), libs.join(':'))
fs.rmSync(path.join(debs, 'lists'), { recursive: true, force: true })
fs.rmSync(path.join(debs, 'cache'), { recursive: true, force: true })
report()

function globPg() {
  const at = path.join(debs, 'root/usr/lib/postgresql')
  return fs.existsSync(at) ? fs.readdirSync(at).map((v) => `usr/lib/postgresql/${v}/bin`) : []
}
function report() {
  for (const n of Object.keys(spec)) {
    const f = find(n)
    console.log(`${f.ok ? 'found  ' : 'MISSING'} ${n.padEnd(13)} ${f.ok ? f.how : f.missing}`)
  }
}
