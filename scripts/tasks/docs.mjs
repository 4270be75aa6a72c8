import { node } from '../lib/run.mjs'

process.exitCode = await node('docs/build.mjs', process.argv.slice(2))
