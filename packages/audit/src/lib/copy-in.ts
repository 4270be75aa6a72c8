import type { Client, ClientBase, Submittable } from 'pg'

import { type Tuple, tupleColumns } from './tuple.ts'

/** What a COPY needs of pg's connection beyond its published types. */
interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** Bytes of one protocol message: pg copies each into a buffer it keeps. */
const CHUNK = 65_536

/** A COPY FROM STDIN of bytes that are ready, over pg's own connection; `callback` and `query_timeout` are pg's names. */
class CopyIn implements Submittable {
  readonly #text: string
  readonly #bytes: Buffer
  readonly query_timeout: number | undefined
  callback: (error?: Error | null) => void

  constructor(text: string, bytes: Buffer, timeout: number | undefined, done: (error?: Error | null) => void) {
    this.#text = text
    this.#bytes = bytes
    this.query_timeout = timeout
    this.callback = done
  }

  readonly submit: Submittable['submit'] = (connection) => connection.query(this.#text)

  handleCopyInResponse(connection: CopyConnection): void {
    for (let at = 0; at < this.#bytes.length; at += CHUNK)
      connection.sendCopyFromChunk(this.#bytes.subarray(at, at + CHUNK))
    connection.endCopyFrom()
  }

  handleError(error: Error): void {
    this.callback(error)
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback()
  }
}

/** Runs a COPY FROM STDIN, and what stands behind it in the same text, within `timeout` milliseconds. */
export function copyIn(client: ClientBase, text: string, bytes: Buffer, timeout?: number): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(text, bytes, timeout, (error) => (error ? reject(error) : resolve())))
  })
}

/** Whether the client speaks the protocol itself, one query after the other: a native or pipelined one cannot copy. */
export function canCopy(client: ClientBase): boolean {
  const { connection, pipeline } = client as Client & { connection?: Partial<CopyConnection>; pipeline?: boolean }
  return typeof connection?.sendCopyFromChunk === 'function' && pipeline !== true
}

const head = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

/** Tuples in COPY's binary format, with the transaction's position as their last column if one is given. */
export function copyBytes(tuples: readonly Tuple[], position?: bigint): Buffer {
  const more = position === undefined ? 0 : 12
  const size = tuples.reduce((sum, tuple) => sum + 2 + tuple.length + more, head.length + 2)
  const bytes = Buffer.allocUnsafe(size)
  head.copy(bytes)
  let at = head.length
  for (const tuple of tuples) {
    at = bytes.writeInt16BE(tupleColumns.length + (more && 1), at)
    at += tuple.copy(bytes, at)
    if (position === undefined) continue
    at = bytes.writeInt32BE(8, at)
    at = bytes.writeBigInt64BE(position, at)
  }
  bytes.writeInt16BE(-1, at)
  return bytes
}
