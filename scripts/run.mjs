#!/usr/bin/env node
// The one way in: `npm start`, `npm test` and every `npm run …` come through here. It runs on any Node
// from 18 up with nothing installed, so it and scripts/setup import built-ins only.
//   1. the pinned pnpm, and the pinned Node where the running one is out of range, go under .toolchain/;
//   2. pnpm installs what the lockfile names, unless nothing changed since the last time;
//   3. the task in scripts/tasks runs under that Node, with that pnpm first on PATH.
// Outside the checkout it writes npm's and pnpm's own download caches and nothing else.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'

import { environment, homeFallback } from './setup/environment.mjs'
import { install } from './setup/install.mjs'
import { locked } from './setup/lock.mjs'
import { root, SetupError } from './setup/say.mjs'
import { toolchain } from './setup/toolchain.mjs'

async function main() {
  const [task, ...args] = process.argv.slice(2)
  const tasks = path.join(root, 'scripts/tasks')
  const file = path.join(tasks, `${task}.mjs`)
  if (!task || !fs.existsSync(file)) {
    const known = fs.readdirSync(tasks).map((name) => path.basename(name, '.mjs'))
    throw new SetupError(`no task "${task ?? ''}"; there is: ${known.join(', ')}`)
  }
  homeFallback()
  const { node, env } = await locked(async () => {
    const tools = await toolchain()
    const env = environment(tools)
    await install(tools, env)
    return { node: tools.node, env }
  })
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', file, ...args], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  // a terminal's Ctrl-C reaches the child by itself; a plain kill of this process has to be handed on
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  // npm runs us through `sh -c`: a signal to npm kills that shell and leaves us, kill -9 leaves the shell as well.
  // Notice, and stop the child.
  const parent = process.ppid
  const npm = parentOfShell()
  setInterval(() => (process.ppid === parent && parentOfShell() === npm) || child.kill('SIGTERM'), 300).unref()
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 1 : (code ?? 1)
  })
}

/** On Linux, who started the `sh -c` that started us; undefined where there is none. */
function parentOfShell() {
  const about = `/proc/${process.ppid}`
  try {
    if (!fs.readFileSync(`${about}/cmdline`, 'utf8').startsWith('sh\0-c\0')) return undefined
    return /^PPid:\s*(\d+)/m.exec(fs.readFileSync(`${about}/status`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

main().catch((error) => {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`\n[setup] ${error.message}\n`)
  process.exitCode = 1
})
