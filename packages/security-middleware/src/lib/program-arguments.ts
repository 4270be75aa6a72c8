import { SecurityError } from './errors.ts'

/**
 * Arguments for `spawn` or `execFile` without a shell, checked as data: no NUL, and none that a program would take for an option
 * of its own (`--exec=…`) or for a file to read (`@file`). Options are yours to write, before these.
 * @throws ERR_SHOP_SECURITY_SINK
 * @example execFile('convert', ['-resize', '200x', '--', ...programArguments(upload, thumbnail)])
 */
export function programArguments(...values: readonly string[]): string[] {
  for (const value of values) {
    if (typeof value !== 'string' || value === '' || /^[-@]/.test(value) || /[\0\r\n]/.test(value)) {
      throw new SecurityError(
        'ERR_SHOP_SECURITY_SINK',
        'programArguments() got a value that is empty, begins with "-" or "@", or holds NUL or a line end.',
      )
    }
  }
  return [...values]
}
