export { pathWithin } from './lib/path-within.ts'
export { programArguments } from './lib/program-arguments.ts'
export { sql } from './lib/sql-sink.ts'
