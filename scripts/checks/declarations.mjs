// The declarations of every entry resolve for a consumer in every mode an ES module can be resolved in.
import { packed } from '../lib/packed.mjs'
import { tool } from '../lib/run.mjs'

const quietly = ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-summary']
for (const { tarball } of packed()) {
  if ((await tool('@arethetypeswrong/cli', [tarball, ...quietly], { bin: 'attw' })) !== 0) process.exitCode = 1
}
