import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/** A process that starts something and says its pid and folder; it is then killed without a word. */
async function orphan(script: string): Promise<{ pid: number; dir: string }> {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout)) {
    child.kill('SIGKILL')
    return JSON.parse(line)
  }
  throw new Error('the process said nothing')
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test.each([
  [
    'a program',
    `import { guarded, ownDirectory } from '${here('./spawn.ts')}'
    const child = guarded('/bin/sleep', ['600'], { dir: ownDirectory('sleep') })
    console.log(JSON.stringify({ pid: child.pid, dir: child.dir }))
    setInterval(() => {}, 1000)`,
  ],
  [
    'PostgreSQL',
    `import { startPostgres } from '${here('../postgres.ts')}'
    const { pid, dir } = await startPostgres()
    console.log(JSON.stringify({ pid, dir }))
    setInterval(() => {}, 1000)`,
  ],
])('%s and its folder do not outlive a killed parent', async (_, script) => {
  const { pid, dir } = await orphan(script)
  await expect.poll(() => alive(pid), { timeout: 10_000 }).toBe(false)
  await expect.poll(() => existsSync(dir), { timeout: 10_000 }).toBe(false)
})
