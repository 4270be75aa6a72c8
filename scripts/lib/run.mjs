import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

// Everything below a task ends with the task, kill -9 included.
const orphan = new URL('orphan.mjs', import.meta.url).href

/** Runs a script under this Node and gives its exit code. */
export function node(script, args = [], { env, cwd = root, flags = [] } = {}) {
  const argv = ['--disable-warning=ExperimentalWarning', `--import=${orphan}`, ...flags, script, ...args]
  const child = spawn(process.execPath, argv, { cwd, stdio: 'inherit', env: { ...process.env, ...env } })
  const hand = (signal) => child.kill(signal)
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, hand)
  process.on('SIGINT', ignore) // the child has it from the terminal too, and ends first
  const parent = process.ppid
  const watch = setInterval(() => process.ppid === parent || child.kill('SIGTERM'), 300)
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      clearInterval(watch)
      for (const one of ['SIGTERM', 'SIGHUP']) process.off(one, hand)
      process.off('SIGINT', ignore)
      if (signal) process.exit(1)
      resolve(code)
    })
  })
}

/** Runs a dependency's command line under this Node and gives its exit code. */
export function tool(name, args, { bin = name, ...options } = {}) {
  const dir = path.join(root, 'node_modules', name)
  const { bin: bins } = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8'))
  return node(path.join(dir, typeof bins === 'string' ? bins : bins[bin]), args, options)
}

/** Another task, in a process of its own. */
export function task(name, args = []) {
  return node(path.join(root, 'scripts/tasks', `${name}.mjs`), args)
}

function ignore() {}
