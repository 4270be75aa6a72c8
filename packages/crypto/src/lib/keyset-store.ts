import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { checkKeysetJson } from './keyset-json.ts'
import type { KeysetJson } from './keyset-json.ts'

/** Where a keyset is kept, for all processes that use it. */
export interface KeysetStore {
  /** `undefined` when there is none yet. */
  load(): Promise<KeysetJson | undefined>
  /** Saves `next` if the stored keyset still is `previous`; otherwise changes nothing and returns `false`. */
  save(next: KeysetJson, previous: KeysetJson | undefined): Promise<boolean>
}

/** A keyset in a file: replaced whole, flushed, readable by its owner only. */
export function fileKeysetStore(path: string): KeysetStore {
  const load = async (): Promise<KeysetJson | undefined> => {
    try {
      return checkKeysetJson(await readFile(path, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
  return {
    load,
    async save(next, previous) {
      const lock = `${path}.lock`
      const held = await acquire(lock)
      if (held === undefined) return false
      try {
        if (JSON.stringify(await load()) !== JSON.stringify(previous)) return false
        const temporary = `${path}.${randomBytes(4).toString('hex')}`
        const file = await open(temporary, 'wx', 0o600)
        await file.writeFile(`${JSON.stringify(checkKeysetJson(next), null, 2)}\n`)
        await file.sync()
        await file.close()
        await rename(temporary, path)
        return true
      } finally {
        await held.close()
        await rm(lock)
      }
    },
  }
}

/** A save takes milliseconds, so a lock this old was left by a process that died. */
const abandonedAfter = 30_000

async function acquire(lock: string): Promise<FileHandle | undefined> {
  try {
    return await open(lock, 'wx')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Infinity }))
    if (Date.now() - mtimeMs > abandonedAfter) await rm(lock, { force: true })
    return undefined
  }
}
