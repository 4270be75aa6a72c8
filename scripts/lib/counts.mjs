import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { root } from './run.mjs'

// The testkit's reporter leaves vitest's counts here, `npm test` adds its own, and .ci/run reads them.
const file = path.join(root, '.toolchain/counts.json')

/** Undefined when no test run came to its end. */
export function readCounts() {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

export function writeCounts(counts) {
  writeFileSync(file, JSON.stringify(counts))
}

export function forgetCounts() {
  rmSync(file, { force: true })
}
