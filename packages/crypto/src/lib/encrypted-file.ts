import { chunkBytes, openedLength, sealedChunkBytes } from './chunked.ts'
import type { ChunkedMessage } from './chunked.ts'
import type { FieldContext } from './context.ts'
import { refusal } from './refusal.ts'
import { openHead, streamHead } from './stream.ts'
import type { Vault } from './vault.ts'

/** What random access needs of a file: `node:fs/promises`' FileHandle fits as it is. */
export interface RandomReader {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  stat(): Promise<{ readonly size: number }>
}

/** An encrypted file that is read in parts: each read opens only the chunks it touches. */
export class EncryptedFile {
  readonly #reader: RandomReader
  readonly #message: ChunkedMessage
  readonly #context: FieldContext
  /** Plaintext bytes, authenticated. */
  readonly size: number

  constructor(reader: RandomReader, message: ChunkedMessage, context: FieldContext, size: number) {
    this.#reader = reader
    this.#message = message
    this.#context = context
    this.size = size
  }

  /** The bytes from `start`, at most `length` of them, fewer at the end. @throws DecryptionError */
  async read(start: number, length: number): Promise<Buffer> {
    const end = Math.min(this.size, start + length)
    if (!(start >= 0) || start >= end) return Buffer.alloc(0)
    const parts: Buffer[] = []
    for (let index = Math.floor(start / chunkBytes); index * chunkBytes < end; index++) {
      const chunk = await this.readChunk(index)
      const from = index * chunkBytes
      parts.push(chunk.subarray(Math.max(0, start - from), Math.min(chunk.length, end - from)))
    }
    return Buffer.concat(parts)
  }

  /** One chunk. @throws DecryptionError */
  async readChunk(index: number): Promise<Buffer> {
    const sealed = Buffer.alloc(sealedChunkBytes)
    const { bytesRead } = await readFully(this.#reader, sealed, streamHead + index * sealedChunkBytes)
    const chunk = this.#message.open(index, sealed.subarray(0, bytesRead))
    if (chunk === undefined) throw refusal('failed-check', this.#context)
    return chunk
  }
}

/**
 * Opens an encrypted file for random access. The last chunk is opened at once, so that a truncated file never opens.
 * @throws DecryptionError
 */
export async function openEncryptedFile(
  reader: RandomReader,
  vault: Vault,
  context: FieldContext,
): Promise<EncryptedFile> {
  const { size: sealed } = await reader.stat()
  const size = openedLength(sealed - 6)
  if (size < 0) throw refusal('malformed', context)
  const head = Buffer.alloc(streamHead)
  await readFully(reader, head, 0)
  const file = new EncryptedFile(reader, openHead(vault, head, context), context, size)
  await file.readChunk(Math.floor(size / chunkBytes))
  return file
}

async function readFully(reader: RandomReader, into: Buffer, position: number): Promise<{ bytesRead: number }> {
  let bytesRead = 0
  while (bytesRead < into.length) {
    const got = await reader.read(into, bytesRead, into.length - bytesRead, position + bytesRead)
    if (got.bytesRead === 0) break
    bytesRead += got.bytesRead
  }
  return { bytesRead }
}
