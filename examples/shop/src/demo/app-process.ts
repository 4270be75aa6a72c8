import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { BootError } from '../boot-error.ts'

/** One of the two apps, in a process of its own. */
export interface App extends AsyncDisposable {
  readonly name: string
  readonly url: string
  /** Rejects when the app ends without being asked to. */
  readonly exited: Promise<never>
}

/** Starts an app and waits until it listens. It ends with us, kill -9 included: its IPC channel closes then. */
export async function startApp(name: string, url: string, env: Readonly<Record<string, string>>): Promise<App> {
  const main = fileURLToPath(new URL(`../../../${name}/src/main.ts`, import.meta.url))
  const child = fork(main, {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let complaint = ''
  child.stderr?.on('data', (text) => {
    complaint = (complaint + String(text)).slice(-10_000)
    if (started) process.stderr.write(`[${name}] ${String(text)}`)
  })
  let started = false
  const gone = once(child, 'exit').then(([code]) => {
    throw new BootError(complaint.trim() || `${name} ended with exit code ${code}`)
  })
  gone.catch(() => {})
  await Promise.race([once(child, 'message'), gone])
  started = true
  return {
    name,
    url,
    exited: gone,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}
