import type { Client } from 'pg'

import type { Tuple } from '../src/lib/tuple.ts'

interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** A bare COPY of prepared chunks, over pg's own connection. */
export class CopyIn {
  readonly #text: string
  readonly #chunks: readonly Buffer[]
  readonly #done: (error?: Error) => void
  #failed: Error | undefined

  constructor(text: string, chunks: readonly Buffer[], done: (error?: Error) => void) {
    this.#text = text
    this.#chunks = chunks
    this.#done = done
  }

  submit(connection: CopyConnection): void {
    connection.query(this.#text)
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (const chunk of this.#chunks) connection.sendCopyFromChunk(chunk)
    connection.endCopyFrom()
  }

  handleError(error: Error): void {
    this.#failed = error
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#done(this.#failed)
  }
}

export function copyIn(client: Client, text: string, chunks: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const copy = new CopyIn(text, chunks, (error) => (error ? reject(error) : resolve()))
    client.query(copy as never)
  })
}

/** Tuples as the lines of COPY's text format, in chunks of 64 kB. */
export function copyChunks(lines: readonly string[]): Buffer[] {
  const all = Buffer.from(lines.join(''))
  const chunks: Buffer[] = []
  for (let at = 0; at < all.length; at += 65_536) chunks.push(all.subarray(at, at + 65_536))
  return chunks
}

/** Tuples in COPY's binary format. */
export function copyBinary(tuples: readonly Tuple[], columns: number): Buffer[] {
  const head = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
  const count = Buffer.alloc(2)
  count.writeInt16BE(columns)
  const all = Buffer.concat([head, ...tuples.flatMap((tuple) => [count, tuple]), Buffer.from([0xff, 0xff])])
  const chunks: Buffer[] = []
  for (let at = 0; at < all.length; at += 65_536) chunks.push(all.subarray(at, at + 65_536))
  return chunks
}
