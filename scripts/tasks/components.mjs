// Unpacks the real servers some tests talk to from Debian's own packages into .toolchain/debs: no root,
// nothing installed system-wide, no service started. Elsewhere it prints what to install.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'

import { components, debs, find } from '../../tools/testkit/src/lib/components.ts'
import { debian } from '../components/debian.mjs'
import { wrap } from '../components/wrappers.mjs'

const asked = process.argv.slice(2).filter((arg) => !arg.startsWith('-'))
const ifMissing = process.argv.includes('--if-missing') // from `npm test`: silent when all are there, never a failure
const missing = () => (asked.length > 0 ? asked : Object.keys(components)).filter((name) => !find(name).ok)

if (missing().length > 0 && existsSync('/usr/bin/apt-get')) {
  const work = path.join(debs, `work.${process.pid}`)
  const apt = debian(work, Number(process.env.SHOP_COMPONENTS_TIMEOUT ?? 15))
  try {
    apt.update()
    for (const name of missing()) fetch(apt, name, path.join(work, name))
  } catch (error) {
    console.error(`[components] ${error.message}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
if (!ifMissing) report()
if (missing().length > 0)
  console.error(`[components] still missing: ${missing().join(', ')}; tests that need them are skipped, and counted`)
process.exitCode = missing().length > 0 && !ifMissing ? 1 : 0

/** One folder per component, renamed into place when it is whole. */
function fetch(apt, name, draft) {
  const files = apt.closure(components[name].debian.map(apt.newest))
  const size = files.reduce((sum, file) => sum + file.size, 0) / 1e6
  console.error(`[components] ${name}: ${files.length} Debian packages, ${size.toFixed(1)} MB`)
  mkdirSync(path.join(draft, 'bin'), { recursive: true })
  apt.unpack(files, path.join(draft, 'root'))
  wrap(draft)
  rmSync(path.join(debs, name), { recursive: true, force: true })
  renameSync(draft, path.join(debs, name))
}

function report() {
  for (const name of Object.keys(components)) {
    const found = find(name)
    const what = found.ok
      ? `found    ${name.padEnd(13)} ${found.how}`
      : `MISSING  ${name.padEnd(13)} ${found.missing}: ${components[name].other}`
    console.log(what)
  }
}
