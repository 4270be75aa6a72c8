// The packing mistakes publint knows, on the tarballs.
import { packed } from '../lib/packed.mjs'
import { tool } from '../lib/run.mjs'

for (const { tarball } of packed()) if ((await tool('publint', [tarball, '--strict'])) !== 0) process.exitCode = 1
