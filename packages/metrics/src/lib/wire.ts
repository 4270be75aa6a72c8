/** Its length is one byte. */
const SHORT = 127

/** Writes the protocol buffers wire format: the few kinds of field the Prometheus messages have. */
export class Wire {
  #buffer: Buffer = Buffer.allocUnsafe(1024)
  #length = 0

  uint(field: number, value: number): void {
    this.#tag(field, 0)
    this.#varint(value)
  }

  sint(field: number, value: number): void {
    this.uint(field, value < 0 ? -value * 2 - 1 : value * 2)
  }

  double(field: number, value: number): void {
    this.#tag(field, 1)
    this.#room(8)
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  /** What {@link take} would give, in bytes. */
  get length(): number {
    return this.#length
  }

  string(field: number, value: string): void {
    this.#tag(field, 2)
    if (value.length <= SHORT && this.#plain(value)) return
    const size = Buffer.byteLength(value)
    this.#varint(size)
    this.#room(size)
    this.#length += this.#buffer.write(value, this.#length)
  }

  message(field: number, body: () => void): void {
    this.#tag(field, 2)
    this.#room(1)
    const start = ++this.#length
    body()
    const size = this.#length - start
    const extra = varintSize(size) - 1
    if (extra > 0) {
      this.#room(extra)
      this.#buffer.copyWithin(start + extra, start, this.#length)
    }
    this.#length = start - 1
    this.#varint(size)
    this.#length += size
  }

  /** What was written so far; the next write begins anew. */
  take(): Uint8Array {
    const taken = Uint8Array.prototype.slice.call(this.#buffer, 0, this.#length)
    this.#length = 0
    return taken
  }

  /** A short text of ASCII alone, which most are: asking Buffer for it costs several times as much. */
  #plain(value: string): boolean {
    this.#room(1 + value.length)
    const start = this.#length + 1
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) return false
      this.#buffer[start + i] = code
    }
    this.#buffer[this.#length] = value.length
    this.#length = start + value.length
    return true
  }

  #tag(field: number, kind: number): void {
    this.#varint(field * 8 + kind)
  }

  #varint(value: number): void {
    this.#room(10)
    let rest = value
    while (rest > 127) {
      this.#buffer[this.#length++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#length++] = rest
  }

  #room(size: number): void {
    if (this.#length + size <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

/** A length as it stands before each message of a delimited stream. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++
  return size
}
