import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { root } from './run.mjs'

// `npm test` leaves its count here, for .ci/run to add its own to; the testkit's reporter writes vitest's part.
const file = path.join(root, '.toolchain/counts.json')

export function readCounts() {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 0, skipped: 0 }
}

export function writeCounts(counts) {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(counts))
}

export function forgetCounts() {
  rmSync(file, { force: true })
}
