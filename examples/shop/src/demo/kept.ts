import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a demo leaves for the next one: its data and the keys they are sealed and signed with. */
export const kept: string = fileURLToPath(new URL('../../../../.toolchain/demo/', import.meta.url))

/** A key of the kept data, made on first use. A demo's may lie beside its data; yours never should. */
export function keptKey(name: string, make: () => string): string {
  const file = path.join(kept, name)
  mkdirSync(kept, { recursive: true })
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

/** One demo at a time works on the kept data; a claim whose process is gone does not count. */
export function claimKept(): boolean {
  const file = path.join(kept, 'pid')
  mkdirSync(kept, { recursive: true })
  if (existsSync(file) && isRunning(Number(readFileSync(file, 'utf8')))) return false
  writeFileSync(file, String(process.pid))
  return true
}

function isRunning(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0)
  } catch {
    return false
  }
}
