// entries.mjs 22: every entry of every tarball loads with require() and with import under that Node, and
// gives the same names; every program answers --help.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { consumer, packed } from '../lib/packed.mjs'
import { root } from '../lib/run.mjs'
import { nodeOf } from '../setup/toolchain.mjs'

const pins = JSON.parse(readFileSync(path.join(root, 'scripts/toolchain.json'), 'utf8'))
const version = [pins.node, ...pins.alsoTested].find((one) => one.startsWith(`${process.argv[2]}.`))
const node = process.versions.node === version ? process.execPath : await nodeOf(version)

const script = `
for (const entry of process.argv.slice(1)) {
  const names = Object.keys(require(entry)).filter((name) => name !== 'module.exports')
  import(entry).then((module) => {
    const lost = Object.keys(module).filter((name) => !names.includes(name))
    if (lost.length) throw new Error(entry + ': require() does not give ' + lost)
  })
}`

function run(what, args) {
  const { status, stderr } = spawnSync(node, args, { cwd: consumer, encoding: 'utf8', timeout: 60_000 })
  if (status === 0 && !/Warning/.test(stderr)) return
  console.error(`${what} on Node ${version}:\n${stderr.trim()}`)
  process.exitCode = 1
}

for (const { dir, manifest, entries } of packed()) {
  run(`require and import of ${entries.join(', ')}`, ['--eval', script, ...entries])
  for (const [name, file] of Object.entries(manifest.bin ?? {})) run(`${name} --help`, [path.join(dir, file), '--help'])
}
if (!process.exitCode)
  console.log(`${packed().flatMap(({ entries }) => entries).length} entries load on Node ${version}`)
