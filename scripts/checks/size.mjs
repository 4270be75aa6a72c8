// Tarball bytes, bytes of our own code per entry (minified, brotli) and what importing it reads, against
// scripts/budgets.json: figures that are equal on every machine. With --update it writes today's and a tenth.
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'

import { build } from 'esbuild'

import { consumer, packed } from '../lib/packed.mjs'
import { root } from '../lib/run.mjs'

const file = path.join(root, 'scripts/budgets.json')
const budgets = JSON.parse(readFileSync(file, 'utf8'))
const update = process.argv.includes('--update')
const resolve = createRequire(path.join(consumer, 'index.js')).resolve

async function compressed(entry) {
  const options = { bundle: true, minify: true, write: false, format: 'esm', platform: 'node', target: 'node22' }
  const { outputFiles } = await build({
    ...options,
    entryPoints: [resolve(entry)],
    packages: 'external',
    logLevel: 'error',
  })
  const code = outputFiles[0].contents
  return { gzip: gzipSync(code).length, brotli: brotliCompressSync(code).length }
}

/** What a fresh process reads to import this: modules, ours and others', and their bytes. Time would differ by machine. */
function loaded(entry) {
  const script = `
    import { statSync } from 'node:fs'
    import { registerHooks } from 'node:module'
    import { fileURLToPath } from 'node:url'
    const files = new Map()
    registerHooks({ load(url, context, next) {
      if (url.startsWith('file:')) files.set(url, statSync(fileURLToPath(url)).size)
      return next(url, context)
    } })
    await import(${JSON.stringify(entry)})
    console.log(JSON.stringify({ modules: files.size, source: [...files.values()].reduce((sum, one) => sum + one, 0) }))`
  const options = { cwd: consumer, encoding: 'utf8' }
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], options))
}

const found = {}
for (const { manifest, tarball, entries } of packed()) {
  found[manifest.name] = { tarball: statSync(tarball).size }
  for (const entry of entries) {
    found[manifest.name][entry] = { ...(await compressed(entry)), ...loaded(entry) }
  }
}

console.log('entry  gzip  brotli  modules imported  their bytes')
for (const [name, { tarball, ...entries }] of Object.entries(found)) {
  console.log(`${name} tarball ${tarball}`)
  compare(`${name} tarball`, tarball, budgets[name]?.tarball)
  for (const [entry, figures] of Object.entries(entries)) {
    console.log(`${entry}  ${Object.values(figures).join('  ')}`)
    for (const what of ['brotli', 'modules', 'source'])
      compare(`${entry} ${what}`, figures[what], budgets[name]?.[entry]?.[what])
  }
}
if (update) writeFileSync(file, `${JSON.stringify(found, (key, value) => room(key, value), 2)}\n`)

function room(key, value) {
  if (typeof value !== 'number') return value
  return key === 'modules' ? Math.ceil(value * 1.1) : Math.ceil((value * 1.1) / 50) * 50
}

function compare(what, value, budget) {
  if (update || value <= (budget ?? -1)) return
  const allowed = budget === undefined ? 'no budget yet' : `the budget is ${budget}`
  console.error(`${what}: ${value}; ${allowed} (size.mjs --update writes one)`)
  process.exitCode = 1
}
