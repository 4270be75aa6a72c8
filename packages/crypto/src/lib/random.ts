import { randomFillSync } from 'node:crypto'

const pool = Buffer.allocUnsafeSlow(4096)
let used = pool.length

/** Fills `target` from `at` with `length` random bytes out of a pool, and wipes them there: one system call serves hundreds of tokens. */
export function randomInto(target: Buffer, at: number, length: number): void {
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  for (let i = 0; i < length; i++) {
    target[at + i] = pool[used + i] as number
    pool[used + i] = 0
  }
  used += length
}
