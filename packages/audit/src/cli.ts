#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { runCli } from './lib/cli-run.ts'

export type { CliIo } from './lib/cli-io.ts'
export type { CliConfig } from './lib/cli-privacy.ts'
export { runCli } from './lib/cli-run.ts'

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  const { argv, env, stderr, stdout } = process
  stdout.on('error', () => process.exit()) // the reader has seen enough: head, less
  void runCli(argv.slice(2), {
    out: (line) => void stdout.write(`${line}\n`),
    err: (text) => void stderr.write(text),
    terminal: stderr.isTTY,
    env,
    signal: interrupt.signal,
  }).then((code) => {
    process.exitCode = code
  })
}
