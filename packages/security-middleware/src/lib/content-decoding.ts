import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'

/** A content encoding that can be undone. */
export type ContentEncoding = 'gzip' | 'deflate' | 'br'

const decoders = { gzip: promisify(gunzip), deflate: promisify(inflate), br: promisify(brotliDecompress) }

/** Undoes a content encoding into at most `limit` bytes, however much it claims to hold. */
export async function decoded(
  bytes: Uint8Array,
  encoding: ContentEncoding,
  limit: number,
): Promise<Uint8Array | 'bytes' | 'malformed'> {
  try {
    return await decoders[encoding](bytes, { maxOutputLength: limit })
  } catch (error) {
    return (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'bytes' : 'malformed'
  }
}

/** Whether a Content-Encoding is one of those allowed. */
export function isEncoding(value: string, allowed: readonly ContentEncoding[]): value is ContentEncoding {
  return (allowed as readonly string[]).includes(value)
}
