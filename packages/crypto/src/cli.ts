#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runCli } from './lib/cli.ts'

export { runCli } from './lib/cli.ts'
export type { CliWorld } from './lib/cli-options.ts'

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const aborter = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => aborter.abort(new Error(`stopped by ${signal}`)))
  const { env, stdin, stdout, stderr } = process
  void runCli(process.argv.slice(2), { env, stdin, stdout, stderr, signal: aborter.signal }).then((code) => {
    process.exitCode = code
  })
}
