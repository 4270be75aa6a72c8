// npm run soak [name] [part of a file name]: the long forms of the fault, fuzz and concurrency tests.
import { node } from '../lib/run.mjs'
import { scripts } from '../lib/workspace.mjs'

const failed = []
for (const file of scripts('soak', process.argv.slice(2))) {
  console.log(`\n# ${file}`)
  if ((await node(file)) !== 0) failed.push(file)
}
if (failed.length > 0) console.error(`\nFAILED: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 ? 1 : 0
