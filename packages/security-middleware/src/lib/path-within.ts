import { resolve, sep } from 'node:path'

import { SecurityError } from './errors.ts'

/**
 * Joins input to a folder and makes sure the result is inside it: no climbing, no absolute path, no NUL, no stream or drive of
 * Windows. Symbolic links are not followed here; where strangers may create them, compare `realpath` as well.
 * @throws ERR_SHOP_SECURITY_SINK
 * @example createReadStream(pathWithin(invoices, request.params.name))
 */
export function pathWithin(folder: string, ...parts: readonly string[]): string {
  const root = resolve(folder)
  for (const part of parts) {
    if (part.includes('\0') || part.includes(':')) throw refused()
    // a server of one kind may hand paths to one of the other
    if (part.split(/[/\\]/).includes('..') || /^[/\\]/.test(part)) throw refused()
  }
  const path = resolve(root, ...parts)
  if (path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)) return path
  throw refused()
}

const refused = (): SecurityError =>
  new SecurityError(
    'ERR_SHOP_SECURITY_SINK',
    'pathWithin() got a part that leads out of its folder, or holds NUL or ":".',
  )
