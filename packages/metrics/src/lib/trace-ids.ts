import { randomFillSync } from 'node:crypto'

const POOL = Buffer.alloc(8192)
let used = POOL.length

/** A random trace id: 32 hexadecimal digits, never all zero. */
export function newTraceId(): string {
  return randomHex(16)
}

/** A random span id: 16 hexadecimal digits, never all zero. */
export function newSpanId(): string {
  return randomHex(8)
}

// one draw from the system for hundreds of ids
function randomHex(bytes: number): string {
  if (used + bytes > POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  const hex = POOL.toString('hex', used, (used += bytes))
  return /[^0]/.test(hex) ? hex : randomHex(bytes)
}
