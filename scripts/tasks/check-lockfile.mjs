// The lockfile must be usable everywhere: no registry host in it, and every family of native
// packages complete for the five platforms we support (a mirror that lags drops some silently).
import { readFileSync } from 'node:fs'

const text = readFileSync('pnpm-lock.yaml', 'utf8')
const bad = text.split('\n').filter((l) => /https?:\/\/|tarball:/.test(l))
const packages = [
  ...text
    .slice(text.indexOf('\npackages:\n'), text.indexOf('\nsnapshots:\n'))
    .matchAll(/^ {2}'?((?:@[^/\s]+\/)?[^@\s']+)@([^':\s(]+)/gm),
]
const families = new Map()
for (const [, name, version] of packages) {
  const m = /^(.*?[-/])(darwin|win32|windows|linux)-?(x64|arm64|64)(-gnu|-msvc)?$/.exec(name)
  if (!m) continue
  const key = `${m[1]}@${version}`
  if (!families.has(key)) families.set(key, new Set())
  families.get(key).add(`${m[2].replace('windows', 'win32')}-${m[3] === '64' ? 'x64' : m[3]}`)
}
const want = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64']
let failed = bad.length > 0
for (const l of bad) console.error(`a host in the lockfile: ${l.trim()}`)
for (const [key, have] of families) {
  const lack = want.filter((w) => !have.has(w))
  if (lack.length) {
    failed = true
    console.error(`${key} lacks ${lack.join(', ')}: pin an older version, or one the registry holds whole`)
  }
}
console.log(
  `${packages.length} packages, ${families.size} native families${failed ? '' : ', all complete; no registry host'}`,
)
process.exitCode = failed ? 1 : 0
