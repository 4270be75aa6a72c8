import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Ids } from './run-as.ts'

/** A child that dies with this process, however this process dies. */
export interface Guarded {
  readonly pid: number
  readonly dir: string
  /** Everything it wrote so far on either stream, the last megabyte of it. */
  log(): string
  /** Rejects with its log when it exits before `line` was seen. */
  until(line: RegExp | string): Promise<void>
  /** Signals it, where `gently` is given half a second after that, and waits until it is gone; killed after ten. Its folder stays. */
  stop(signal?: NodeJS.Signals, gently?: NodeJS.Signals): Promise<void>
  readonly exited: Promise<void>
}

// The watchdog costs one sh per child: its stdin ends when we do, kill -9 included. A line on stdin means
// that we stopped the child ourselves; otherwise it ends it (children of its own included) and its folder.
const watchdog = `read said
[ "$said" = stopped ] && exit
kill -"$2" "$1" 2>/dev/null
n=0; while kill -0 "$1" 2>/dev/null && [ $n -lt 30 ]; do sleep 0.1; n=$((n+1)); done
kill -KILL "$1" 2>/dev/null
[ -z "$3" ] || { sleep 0.3; rm -rf "$3"; }`

export interface GuardedOptions {
  readonly env?: Record<string, string>
  readonly ids?: Ids
  /** Where it runs. */
  readonly dir: string
  /** The watchdog removes `dir` too. @default true */
  readonly ephemeral?: boolean
  /** What ends it quickly and cleanly. @default 'SIGKILL' */
  readonly end?: NodeJS.Signals
}

export function guarded(file: string, args: readonly string[], options: GuardedOptions): Guarded {
  const { dir, ids = {}, ephemeral = true, end = 'SIGKILL' } = options
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC', ...options.env }
  const child = spawn(file, args, { ...ids, env, cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const guard = watch(child.pid, end, ephemeral ? dir : '')
  let log = ''
  const take = (data: Buffer): void => {
    log = (log + data).slice(-1_000_000)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  for (const handle of [child, child.stdout, child.stderr] as unknown as { unref?(): void }[]) handle.unref?.()
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      take(Buffer.from(String(error)))
      resolve()
    })
    child.once('exit', () => resolve())
  })
  return {
    pid: child.pid ?? 0,
    dir,
    log: () => log,
    exited,
    async until(line) {
      let gone = false
      void exited.then(() => (gone = true))
      while (!(typeof line === 'string' ? log.includes(line) : line.test(log))) {
        await new Promise((resolve) => setTimeout(resolve, gone ? 50 : 5)) // its last words come after its end
        if (gone) throw new Error(`${path.basename(file)} exited: ${log.trim()}`)
      }
    },
    async stop(signal = end, gently) {
      child.ref()
      if (gently && child.kill(gently)) await Promise.race([exited, sleep(500, undefined, { ref: false })])
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
      clearTimeout(late)
      guard?.stdin?.end('stopped\n')
    },
  }
}

function watch(pid: number | undefined, end: NodeJS.Signals, dir: string): ChildProcess | undefined {
  if (process.platform === 'win32' || pid === undefined) return undefined
  const guard = spawn('/bin/sh', ['-c', watchdog, 'watchdog', String(pid), end.slice(3), dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.unref()
  ;(guard.stdin as unknown as net.Socket).unref()
  guard.stdin?.on('error', () => {})
  return guard
}

/** A folder that goes with this process, for what ends by itself when this process does. */
export function guardedDirectory(name: string): { readonly dir: string; remove(): Promise<void> } {
  const dir = ownDirectory(name)
  const guard = watch(process.pid, 'SIGTERM', dir)
  const remove = async (): Promise<void> => {
    await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    guard?.stdin?.end('stopped\n')
  }
  return { dir, remove }
}

/** A folder of a component's own; whoever starts the component removes it. */
export function ownDirectory(name: string): string {
  return mkdtempSync(path.join(os.tmpdir(), `shop-${name}-`))
}

/** A port on 127.0.0.1 that nothing listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Waits until something answers HTTP at `url` with 2xx. */
export async function answering(url: string, child: Guarded): Promise<void> {
  let gone = false
  void child.exited.then(() => (gone = true))
  for (;;) {
    if (gone) throw new Error(`nothing answers at ${url}: ${child.log().trim()}`)
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
