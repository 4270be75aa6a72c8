import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cliError, keysetOption } from './cli-options.ts'
import type { CliValues, CliWorld } from './cli-options.ts'
import { ProgressBar } from './progress-bar.ts'
import { createDecryptStream, createEncryptStream } from './stream.ts'
import { createVault } from './vault.ts'

/**
 * `shop-crypto encrypt|decrypt IN OUT`, `-` for stdin or stdout. A file appears whole or not at all: what fails half-way, a truncated
 * backup above all, leaves nothing behind that looks like one.
 */
export async function fileCommand(
  action: 'encrypt' | 'decrypt',
  paths: readonly string[],
  values: CliValues,
  world: CliWorld,
): Promise<number> {
  const [from, to] = paths
  if (from === undefined || to === undefined || paths.length > 2)
    throw cliError(`${action} takes an input and an output, - for stdin and stdout`)
  const vault = createVault({ keyset: await keysetOption(values, world) })
  const context = { table: 'file', column: 'content', row: (values['context'] as string | undefined) ?? 'file' }
  const stream = action === 'encrypt' ? createEncryptStream(vault, context) : createDecryptStream(vault, context)
  const total = from === '-' ? 0 : (await stat(from)).size
  const progress = new ProgressBar(action, 'bytes', world.stderr)
  const temporary = to === '-' ? undefined : `${to}.${randomBytes(4).toString('hex')}.part`
  const source = from === '-' ? world.stdin : createReadStream(from, { highWaterMark: 262_144 })
  const sink =
    temporary === undefined ? world.stdout : createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true })
  try {
    await pipeline(
      source,
      meter((done) => progress.show(done, total)),
      stream,
      sink,
      {
        ...(world.signal && { signal: world.signal }),
        end: temporary !== undefined,
      },
    )
    if (temporary !== undefined) await rename(temporary, to)
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true })
    throw error
  } finally {
    progress.end()
  }
  return 0
}

function meter(told: (done: number) => void): Transform {
  let done = 0
  return new Transform({
    transform(data: Buffer, _encoding, next): void {
      done += data.length
      told(done)
      next(null, data)
    },
  })
}
