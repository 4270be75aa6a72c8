import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(4096)
let used = pool.length
let lastTime = 0
let counter = 0

/** A UUID version 7 (RFC 9562) for a time in milliseconds; those of one process and one millisecond stay in order. */
export function uuidv7(time: number): string {
  if (used > pool.length - 10) {
    randomFillSync(pool)
    used = 0
  }
  const at = used
  used += 10
  if (time > lastTime) {
    lastTime = time
    counter = pool.readUInt16BE(at) & 0x7ff
  } else {
    counter++
  }
  // 12 bits of counter, then 10 more that take what overflows: 4 million events a millisecond stay in order
  const high = counter & 0xfff
  const low = (counter >> 12) & 0x3fff
  const hex = time.toString(16).padStart(12, '0')
  const a = (0x7000 | high).toString(16)
  const b = (0x8000 | low).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${a}-${b}-${pool.toString('hex', at + 2, at + 8)}`
}

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Whether it is a UUID in lower case, the only form the trail keeps. */
export function isUuid(text: string): boolean {
  return form.test(text)
}

/** The milliseconds inside a version 7 UUID; `undefined` for any other. */
export function timeOfUuid(uuid: string): number | undefined {
  return uuid[14] === '7' ? Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16) : undefined
}
