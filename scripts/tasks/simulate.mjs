// npm run simulate [seeds]: @shop/retry's configurations in its simulated world, as a table and a plot.
import { node } from '../lib/run.mjs'

process.exitCode = await node('packages/retry/bench/simulate-table.ts', process.argv.slice(2))
