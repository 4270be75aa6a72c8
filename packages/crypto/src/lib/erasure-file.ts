import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Erasure, ErasureLedger } from './erasure-ledger.ts'
import { CryptoError } from './errors.ts'

/**
 * An erasure ledger in a file, one JSON line each, flushed to disk before `append` resolves. Keep it on other storage than the
 * database and out of the database's backups. One process writes it at a time.
 */
export function fileErasureLedger(path: string): ErasureLedger {
  let last: Promise<void> = Promise.resolve()
  return {
    append(erasure) {
      last = last.catch(() => {}).then(async () => appendLine(path, JSON.stringify(erasure)))
      return last
    },
    entries: () => readLines(path),
  }
}

async function appendLine(path: string, line: string): Promise<void> {
  await using file = await open(path, 'a+', 0o600)
  await dropTornLine(file)
  await file.write(`${line}\n`)
  await file.datasync()
}

/** A line without an end was being written when the process died: nobody was told that it is there. */
async function dropTornLine(file: Awaited<ReturnType<typeof open>>): Promise<void> {
  const { size } = await file.stat()
  const tail = Buffer.alloc(Math.min(size, 65_536))
  await file.read(tail, 0, tail.length, size - tail.length)
  if (size > 0 && tail.at(-1) !== 0x0a) await file.truncate(size - tail.length + tail.lastIndexOf(0x0a) + 1)
}

async function* readLines(path: string): AsyncGenerator<Erasure> {
  let number = 0
  const input = createReadStream(path)
  const missing = new Promise<boolean>((resolve, reject) => {
    input.once('open', () => resolve(false))
    input.once('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(true) : reject(error)))
  })
  if (await missing) return
  let held: string | undefined
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    if (held !== undefined) yield parse(held, number)
    held = line
    number++
  }
  // the last line may be torn
  if (held !== undefined && held !== '' && isWhole(held)) yield parse(held, number)
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

function parse(line: string, number: number): Erasure {
  try {
    const erasure = JSON.parse(line) as Erasure
    if (
      typeof erasure.keyRef === 'string' &&
      typeof erasure.subjectRef === 'string' &&
      typeof erasure.forgottenAt === 'string'
    )
      return erasure
  } catch {
    // told below, with the line's number
  }
  throw new CryptoError(
    'ERR_SHOP_CRYPTO_LEDGER',
    `line ${number} of the erasure ledger is damaged: an erasure may be lost, so nothing after it is replayed`,
  )
}
