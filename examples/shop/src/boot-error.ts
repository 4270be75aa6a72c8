/** Something the operator has to put right before the shop can run: told in one line, exit code 1. */
export class BootError extends Error {
  override readonly name = 'BootError'
}
