import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { decodePayload } from './s3-payload.ts'
import { operations, type Reply, type StoredObject, type Upload } from './s3-operations.ts'
import { type Credentials, refuseSignature } from './sigv4.ts'

export interface S3Sink extends AsyncDisposable {
  /** The endpoint, path style: objects are at `<url>/<bucket>/<key>`; any bucket exists. */
  readonly url: string
  readonly credentials: Credentials
  /** By `bucket/key`. */
  readonly objects: Map<string, StoredObject>
  /** The code of every request refused: `SignatureDoesNotMatch`, `NoSuchKey`, … */
  readonly refused: readonly string[]
  /** Answers the next `times` requests with this status. */
  fail(status: number, times?: number): void
  close(): Promise<void>
}

/**
 * An S3 that keeps objects in memory and checks every signature and checksum: put, get (ranges), head,
 * delete, list, multipart. No versions, no policies, no chunk signatures.
 */
export async function s3(): Promise<S3Sink> {
  const secretAccessKey = randomBytes(15).toString('hex')
  const credentials = { accessKeyId: 'AKIATESTKIT', secretAccessKey, region: 'us-east-1' }
  const objects = new Map<string, StoredObject>()
  const uploads = new Map<string, Upload>()
  const refused: string[] = []
  const failures: number[] = []

  const answer = (request: IncomingMessage, sent: Buffer): Reply => {
    const failure = failures.shift()
    if (failure) return { status: failure, code: failure === 503 ? 'SlowDown' : 'InternalError' }
    const { method = '', url = '', headers } = request
    const code = refuseSignature({ method, url, headers }, credentials)
    if (code) return { status: 403, code }
    const payload = decodePayload(sent, headers)
    if ('code' in payload) return payload
    const { pathname, searchParams: query } = new URL(url, 'http://host')
    const key = decodeURIComponent(pathname.slice(1))
    const operation = operations[operationOf(method, key, query)]
    if (!operation) return { status: 501, code: 'NotImplemented' }
    return operation({ key, query, headers, body: payload.body, objects, uploads })
  }
  const server = createServer((request, response) => {
    void buffer(request).then(
      (sent) => {
        const { status, headers = {}, code, body = '' } = answer(request, sent)
        if (code) refused.push(code)
        const content = code ? `<?xml version="1.0"?><Error><Code>${code}</Code></Error>` : body
        const length = headers['content-length'] ?? Buffer.byteLength(content)
        const type = typeof content === 'string' && content ? { 'content-type': 'application/xml' } : {}
        response.writeHead(status, { ...type, ...headers, ...(status === 204 ? {} : { 'content-length': length }) })
        response.end(request.method === 'HEAD' ? undefined : content)
      },
      () => response.destroy(),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials,
    objects,
    refused,
    fail: (status, times = 1) => void failures.push(...Array<number>(times).fill(status)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** S3 tells its operations apart by method and by which parameters are there. */
function operationOf(method: string, key: string, query: URLSearchParams): string {
  if (query.has('uploads')) return `${method} uploads`
  if (query.has('uploadId')) return `${method} upload`
  return key.includes('/') && !key.endsWith('/') ? method : `${method} bucket`
}
