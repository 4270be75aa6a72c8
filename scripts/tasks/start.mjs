import { node } from '../lib/run.mjs'

process.exitCode = await node('examples/shop/src/start.ts', process.argv.slice(2))
