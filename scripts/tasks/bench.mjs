// npm run bench [name] [part of a file name]: every bench in turn; what falls short is printed, not failed.
import { node } from '../lib/run.mjs'
import { scripts } from '../lib/workspace.mjs'

for (const file of scripts('bench', process.argv.slice(2))) {
  console.log(`\n# ${file}`)
  if ((await node(file, [], { flags: ['--expose-gc'] })) !== 0) process.exitCode = 1
}
