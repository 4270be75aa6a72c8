import { run } from '../lib/run.mjs'

await run('@changesets/cli', process.argv.slice(2), { bin: 'changeset' })
