/** Cuts what arrives in any lengths into pieces of one length, holding at most one piece. */
export class Pieces {
  readonly #held: Buffer
  #length = 0
  size: number

  /** @param limit the largest `size` will ever be. */
  constructor(size: number, limit: number = size) {
    this.size = size
    this.#held = Buffer.allocUnsafeSlow(limit)
  }

  /** Each whole piece, valid until the next is asked for. Run it to its end. */
  *take(data: Buffer): Generator<Buffer> {
    let at = 0
    if (this.#length > 0) {
      at = data.copy(this.#held, this.#length, 0, this.size - this.#length)
      this.#length += at
      if (this.#length < this.size) return
      this.#length = 0
      yield this.#held.subarray(0, this.size)
    }
    while (data.length - at >= this.size) {
      const start = at
      at += this.size
      yield data.subarray(start, at)
    }
    this.#length = data.copy(this.#held, 0, at)
  }

  /** What is left: shorter than a piece. */
  rest(): Buffer {
    return this.#held.subarray(0, this.#length)
  }
}
