import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Run a dependency's command line (or, with no package, a script) under this very Node; exit as it does when it fails. */
export async function run(pkg, args, { bin, env } = {}) {
  let file = []
  if (pkg) {
    const dir = path.join(root, 'node_modules', pkg)
    const { bin: bins } = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8'))
    file = [path.join(dir, typeof bins === 'string' ? bins : bins[bin ?? pkg])]
  }
  const child = spawn(process.execPath, [...file, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  const code = await new Promise((resolve) => child.on('exit', (c, s) => resolve(s ? 1 : c)))
  if (code !== 0) process.exit(code)
}
