import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** What the user can mend: printed without a stack. */
export class SetupError extends Error {}

export function say(line) {
  process.stderr.write(`[setup] ${line}\n`)
}
