// node scripts/run.mjs shell: your shell with the project's Node, pnpm and tools first on its path.
import { spawnSync } from 'node:child_process'

const shell = process.env.SHELL ?? (process.platform === 'win32' ? 'cmd.exe' : '/bin/sh')
process.exitCode = spawnSync(shell, process.argv.slice(2), { stdio: 'inherit' }).status ?? 1
