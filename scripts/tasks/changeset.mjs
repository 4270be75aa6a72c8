import { tool } from '../lib/run.mjs'

process.exitCode = await tool('@changesets/cli', process.argv.slice(2), { bin: 'changeset' })
