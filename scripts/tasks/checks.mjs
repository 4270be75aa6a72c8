// What .ci/run does after `npm test`: every check once, to the end, whatever the one before found.
// `npm run checks lint size` runs some of them.
import { writeFileSync } from 'node:fs'
import path from 'node:path'

import { readCounts } from '../lib/counts.mjs'
import { node, root, task, tool } from '../lib/run.mjs'

const check = (name, args) => node(path.join(root, 'scripts/checks', `${name}.mjs`), args)
const checks = {
  lockfile: () => task('check-lockfile'),
  lint: () => tool('oxlint', ['--type-aware', '--quiet']),
  format: () => tool('oxfmt', ['--check']),
  unused: () => tool('knip', ['--no-progress']),
  build: () => tool('turbo', ['run', 'build', '--continue', '--output-logs=errors-only']),
  pack: () => check('pack'),
  'entries on Node 22': () => check('entries', ['22']),
  'entries on Node 24': () => check('entries', ['24']),
  'entries on Node 26': () => check('entries', ['26']),
  publint: () => check('publint'),
  declarations: () => check('declarations'),
  'each entry alone': () => check('alone'),
  size: () => check('size'),
  readme: () => check('readme'),
  docs: () => task('docs'),
}

const asked = process.argv.slice(2)
const results = []
for (const [name, run] of Object.entries(checks)) {
  if (asked.length > 0 && !asked.some((part) => name.includes(part))) continue
  console.log(`\n--- ${name}`)
  const start = performance.now()
  const code = await run()
  results.push({ name, ok: code === 0, seconds: (performance.now() - start) / 1000 })
}

console.log()
for (const { name, ok, seconds } of results)
  console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name}  ${seconds.toFixed(1)} s`)
const tests =
  asked.length > 0 ? { passed: 0, failed: 0, skipped: 0 } : (readCounts() ?? { passed: 0, failed: 1, skipped: 0 })
for (const failure of tests.failures ?? []) console.log(`FAILED  ${failure}`)
const passed = tests.passed + results.filter(({ ok }) => ok).length
const failed = tests.failed + results.filter(({ ok }) => !ok).length
writeFileSync(path.join(root, '.toolchain/checked'), '')
console.log(`${passed} passed, ${failed} failed, ${tests.skipped} skipped`)
process.exitCode = failed > 0 ? 1 : 0
