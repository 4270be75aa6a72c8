// Tarball bytes, bytes of our own code per entry (minified, brotli) and what importing it costs, against
// scripts/budgets.json. With --update it writes today's figures and a tenth (importing: a half, for noise).
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
  return { brotli: brotliCompressSync(code).length, gzip: gzipSync(code).length }
}

/** CPU microseconds of a fresh process that runs this and ends; the least of five. */
function cpu(code) {
  const script = `${code};process.on('exit', () => { const { user, system } = process.cpuUsage(); console.log(user + system) })`
  const once = () =>
    Number(
      execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: consumer, encoding: 'utf8' }),
    )
  return Math.min(...Array.from({ length: 5 }, once))
}

const empty = cpu('')

/** How many times an empty process importing costs; between machines that differs by half. A noisy turn is taken again. */
function load(entry, budget = Infinity) {
  let least = Infinity
  for (let turn = 0; turn === 0 || (turn < 3 && least > budget); turn++)
    least = Math.min(least, cpu(`import ${JSON.stringify(entry)}`) / empty)
  return least
}

const found = {}
for (const { manifest, tarball, entries } of packed()) {
  found[manifest.name] = { tarball: statSync(tarball).size }
  for (const entry of entries) {
    found[manifest.name][entry] = {
      ...(await compressed(entry)),
      load: load(entry, budgets[manifest.name]?.[entry]?.load),
    }
  }
}

console.log('entry  gzip  brotli  import (times an empty Node)')
for (const [name, { tarball, ...entries }] of Object.entries(found)) {
  console.log(`${name} tarball ${tarball}`)
  compare(`${name} tarball`, tarball, budgets[name]?.tarball)
  for (const [entry, { gzip, brotli, load }] of Object.entries(entries)) {
    console.log(`${entry}  ${gzip}  ${brotli}  ${load.toFixed(2)}`)
    compare(`${entry} brotli`, brotli, budgets[name]?.[entry]?.brotli)
    compare(`${entry} import`, load, budgets[name]?.[entry]?.load)
  }
}
if (update) writeFileSync(file, `${JSON.stringify(found, (key, value) => room(key, value), 2)}\n`)

function room(key, value) {
  if (typeof value !== 'number') return value
  return key === 'load' ? Math.ceil(value * 15) / 10 : Math.ceil((value * 1.1) / 50) * 50
}

function compare(what, value, budget) {
  if (update || value <= (budget ?? -1)) return
  const allowed = budget === undefined ? 'no budget yet' : `the budget is ${budget}`
  console.error(`${what}: ${value}; ${allowed} (size.mjs --update writes one)`)
  process.exitCode = 1
}
