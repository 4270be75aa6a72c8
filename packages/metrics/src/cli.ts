#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { runCli } from './lib/cli.ts'

export { type CliWorld, runCli } from './lib/cli.ts'

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { env, stdout, stderr } = process
  void runCli(process.argv.slice(2), { env, stdout, stderr, cwd: process.cwd() }).then((code) => {
    process.exitCode = code
  })
}
