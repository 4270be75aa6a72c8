// Every name that a README or a guide imports from a package of ours is exported by that entry.
import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

import { consumer } from '../lib/packed.mjs'
import { root } from '../lib/run.mjs'

const resolve = createRequire(path.join(consumer, 'index.js')).resolve
const imports = /import\s+(type\s+)?\{([^}]*)\}\s+from\s+['"](@shop\/[^'"]+)['"]/g
let checked = 0

for (const file of globSync(['README.md', 'packages/*/README.md', 'docs/guides/*.md'], { cwd: root })) {
  const blocks = readFileSync(path.join(root, file), 'utf8').matchAll(
    /^```(?:ts|js|typescript|javascript)\b.*?\n(.*?)^```/gms,
  )
  for (const [, code] of blocks)
    for (const [, type, names, entry] of code.matchAll(imports)) await compare(file, entry, names, type)
}
console.log(`${checked} imported names exist`)

async function compare(file, entry, names, type) {
  let known
  try {
    known = Object.keys(await import(pathToFileURL(resolve(entry)).href))
  } catch {
    return fail(`${file}: there is no entry ${entry}`)
  }
  for (const name of names
    .split(',')
    .map((one) => one.trim().replace(/ as .*/, ''))
    .filter(Boolean)) {
    checked++
    if (!type && !name.startsWith('type ') && !known.includes(name)) fail(`${file}: ${entry} exports no ${name}`)
  }
}

function fail(message) {
  console.error(message)
  process.exitCode = 1
}
