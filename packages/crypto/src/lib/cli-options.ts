import { readFile } from 'node:fs/promises'
import { CryptoError } from './errors.ts'
import { masterKeyset, openKeyset, parseKeyset } from './keyset.ts'
import type { Keyset } from './keyset.ts'
import { checkKeysetJson } from './keyset-json.ts'
import { environmentWrapper, fileWrapper } from './local-wrapper.ts'
import type { Screen } from './progress-bar.ts'
import type { KeyWrapper } from './wrapper.ts'

/** What the command line works with; a test gives its own. */
export interface CliWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
  readonly stderr: Screen
  readonly signal?: AbortSignal | undefined
}

/** Options by name, as `parseArgs` gives them. */
export type CliValues = Readonly<Record<string, string | boolean | undefined>>

/** @throws ERR_SHOP_CRYPTO_CLI */
export function required(values: CliValues, name: string): string {
  const value = values[name]
  if (typeof value !== 'string' || value === '') throw cliError(`--${name} is required`)
  return value
}

/** @throws ERR_SHOP_CRYPTO_CLI */
export function numberOf(values: CliValues, name: string): number | undefined {
  const value = values[name]
  if (value === undefined) return undefined
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 0) throw cliError(`--${name} must be a whole number`)
  return number
}

/** The key-encryption key that `--wrap-env NAME` or `--wrap-file PATH` names. */
export function wrapperOf(values: CliValues): KeyWrapper | undefined {
  const { 'wrap-env': variable, 'wrap-file': file } = values
  if (variable !== undefined && file !== undefined) throw cliError('--wrap-env and --wrap-file exclude each other')
  if (typeof variable === 'string') return environmentWrapper(variable)
  return typeof file === 'string' ? fileWrapper(file) : undefined
}

/** The keyset of `--keyset PATH`, or of `MASTER_ENCRYPTION_KEY`. */
export async function keysetOption(values: CliValues, { env }: CliWorld): Promise<Keyset> {
  const { keyset } = values
  if (typeof keyset !== 'string') return masterKeyset(env['MASTER_ENCRYPTION_KEY'] ?? '', 'MASTER_ENCRYPTION_KEY')
  const json = checkKeysetJson(await readFile(keyset, 'utf8'))
  const wrapper = wrapperOf(values)
  return wrapper === undefined ? parseKeyset(json) : openKeyset(json, wrapper)
}

/** A command line that makes no sense. */
export function cliError(message: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_CLI', message)
}
