import type { CbcHs512 } from './cbc-hs512.ts'

const batchBytes = 65_536

/** Tokens longer than this gain nothing from a batch. */
export const maxBatched = 1024

/** Bodies under one key, whose tags are right, that wait to be decrypted by one call: most of a short value's cost is the call. */
export class OpenBatch {
  readonly #bodies: Buffer = Buffer.allocUnsafe(batchBytes)
  readonly #indexes: number[] = []
  readonly #ends: number[] = []
  #cipher: CbcHs512 | undefined
  #filled = 0

  /** Takes a body without its tag; `false` when it is full, or waits for another key. */
  add(cipher: CbcHs512, frame: Buffer, start: number, end: number, index: number): boolean {
    if (this.#filled + end - start > batchBytes || (this.#cipher !== undefined && this.#cipher !== cipher)) return false
    this.#cipher = cipher
    this.#filled += frame.copy(this.#bodies, this.#filled, start, end)
    this.#indexes.push(index)
    this.#ends.push(this.#filled)
    return true
  }

  /** Decrypts what waits and hands each body over: its index, and where it stands. */
  decrypt(each: (index: number, opened: Buffer, start: number, end: number) => void): void {
    if (this.#cipher === undefined) return
    const opened = this.#cipher.decrypt(this.#bodies.subarray(0, this.#filled))
    let start = 0
    for (let i = 0; i < this.#indexes.length; i++) {
      const end = this.#ends[i] as number
      each(this.#indexes[i] as number, opened, start, end)
      start = end
    }
    opened.fill(0)
    this.#cipher = undefined
    this.#filled = 0
    this.#indexes.length = 0
    this.#ends.length = 0
  }
}
