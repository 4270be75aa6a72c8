import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../lib/run.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
await run('turbo', ['run', 'build', 'typecheck', '--output-logs=errors-only'])
// vitest 5 writes a token file into the user's data directory at every start: give it one of ours.
await run('vitest', ['run', ...process.argv.slice(2)], { env: { XDG_DATA_HOME: path.join(root, '.toolchain', 'xdg') } })
