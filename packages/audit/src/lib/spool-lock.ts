import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { AuditError } from './errors.ts'

/**
 * Makes a spool directory this process's own. The lock names the process and when it started, so that one left by a
 * killed process is taken over, also where its number was given to another, as in containers.
 * @throws ERR_SHOP_AUDIT_SPOOL_LOCKED
 */
export function lockSpool(directory: string): Disposable {
  const file = path.join(directory, 'lock')
  const mine = `${process.pid} ${startOf(process.pid) ?? ''}`
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid = 0, started = ''] = readFileSync(file, 'utf8').split(' ')
    if (attempt > 3 || held.has(file) || isAlive(Number(pid), started))
      throw new AuditError('ERR_SHOP_AUDIT_SPOOL_LOCKED', `the spool directory belongs to living process ${pid}`)
    rmSync(file, { force: true })
  }
  held.add(file)
  return {
    [Symbol.dispose]() {
      if (held.delete(file)) rmSync(file, { force: true })
    },
  }
}

const held = new Set<string>()

function isAlive(pid: number, started: string): boolean {
  if (pid === process.pid) return false
  const now = startOf(pid)
  if (now !== undefined && started !== '') return now === started
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process started, in the kernel's ticks; only Linux tells. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
