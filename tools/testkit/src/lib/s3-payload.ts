import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { crc32 } from 'node:zlib'

import type { Reply } from './s3-operations.ts'
import { sha256 } from './sigv4.ts'

/** The body as the client meant it, its hash and checksums checked; or why it is refused. */
export function decodePayload(
  sent: Buffer,
  headers: IncomingHttpHeaders,
): { body: Buffer } | (Reply & { code: string }) {
  const how = String(headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD')
  if (how.startsWith('STREAMING-AWS4')) return { status: 501, code: 'NotImplemented' }
  const whole = how === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' ? unchunk(sent) : { body: sent, trailers: {} }
  if (!whole) return { status: 400, code: 'IncompleteBody' }
  const { body, trailers } = whole
  if (/^[0-9a-f]{64}$/.test(how) && sha256(body) !== how) return { status: 400, code: 'XAmzContentSHA256Mismatch' }
  for (const [name, sum] of Object.entries(checksums)) {
    const claimed = headers[name] ?? trailers[name]
    if (claimed !== undefined && claimed !== sum(body)) return { status: 400, code: 'BadDigest' }
  }
  return { body }
}

const checksums: Readonly<Record<string, (body: Buffer) => string>> = {
  'content-md5': (body) => createHash('md5').update(body).digest('base64'),
  'x-amz-checksum-sha256': (body) => createHash('sha256').update(body).digest('base64'),
  'x-amz-checksum-crc32': (body) => {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    return sum.toString('base64')
  },
}

/** aws-chunked: `size in hex`, CRLF, bytes, CRLF, … `0`, CRLF, trailers. */
function unchunk(sent: Buffer): { body: Buffer; trailers: Record<string, string> } | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const end = sent.indexOf('\r\n', at)
    const size = Number.parseInt(sent.toString('latin1', at, end), 16)
    at = end + 2
    if (end < 0 || !(at + size <= sent.length)) return undefined
    if (size === 0) break
    parts.push(sent.subarray(at, at + size))
    at += size + 2
  }
  const trailers = sent.toString('latin1', at).matchAll(/^([^:\r\n]+): ?(.*?)\r?$/gm)
  const pairs = [...trailers].map(([, name, value]) => [name!.toLowerCase(), value!] as const)
  return { body: Buffer.concat(parts), trailers: Object.fromEntries(pairs) }
}
