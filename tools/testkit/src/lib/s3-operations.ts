import { createHash, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export interface StoredObject {
  readonly body: Buffer
  /** Content type, metadata, storage class and the like as sent, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly etag: string
  readonly modified: Date
}

export interface Upload {
  readonly headers: Readonly<Record<string, string>>
  readonly parts: Map<number, Buffer>
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: string | Buffer
  /** S3's name for the error. */
  readonly code?: string
}

interface Call {
  /** `bucket/key` */
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly objects: Map<string, StoredObject>
  readonly uploads: Map<string, Upload>
}

/** By method, and by what the operation is on when that is no object. */
export const operations: Readonly<Record<string, (call: Call) => Reply>> = {
  PUT: put,
  GET: get,
  HEAD: head,
  DELETE: ({ key, objects }) => (objects.delete(key), { status: 204 }),
  'GET bucket': list,
  'HEAD bucket': () => ({ status: 200 }),
  'PUT bucket': () => ({ status: 200 }),
  'POST uploads': begin,
  'PUT upload': part,
  'POST upload': complete,
  'DELETE upload': ({ query, uploads }) => (uploads.delete(query.get('uploadId')!) ? { status: 204 } : noUpload),
}

const noKey: Reply = { status: 404, code: 'NoSuchKey' }
const noUpload: Reply = { status: 404, code: 'NoSuchUpload' }

function put({ key, headers, body, objects }: Call): Reply {
  if (headers['if-none-match'] === '*' && objects.has(key)) return { status: 412, code: 'PreconditionFailed' }
  const etag = etagOf(body)
  objects.set(key, { body, headers: kept(headers), etag, modified: new Date() })
  return { status: 200, headers: { etag } }
}

function get(call: Call): Reply {
  const found = call.objects.get(call.key)
  if (!found) return noKey
  const { body } = found
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(call.headers.range ?? '') ?? []
  if (from === undefined || (from === '' && to === '')) return { status: 200, headers: described(found), body }
  const start = from === '' ? Math.max(0, body.length - Number(to)) : Number(from)
  const end = from === '' || to === '' ? body.length - 1 : Math.min(Number(to), body.length - 1)
  if (start > end) return { status: 416, code: 'InvalidRange' }
  const range = { 'content-range': `bytes ${start}-${end}/${body.length}`, 'content-length': end - start + 1 }
  return { status: 206, headers: { ...described(found), ...range }, body: body.subarray(start, end + 1) }
}

function head({ key, objects }: Call): Reply {
  const found = objects.get(key)
  return found ? { status: 200, headers: described(found) } : noKey
}

function list({ key, query, objects }: Call): Reply {
  const bucket = `${key.replace(/\/$/, '')}/`
  const after = query.get('continuation-token') ?? query.get('start-after') ?? ''
  const all = [...objects]
    .filter(([name]) => name.startsWith(bucket + (query.get('prefix') ?? '')))
    .map(([name, object]) => [name.slice(bucket.length), object] as const)
    .filter(([name]) => name > after)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const page = all.slice(0, Number(query.get('max-keys') ?? 1000))
  const more = all.length > page.length
  const contents = page.map(
    ([name, { body, etag, modified }]) =>
      `<Contents><Key>${xml(name)}</Key><LastModified>${modified.toISOString()}</LastModified>` +
      `<ETag>${xml(etag)}</ETag><Size>${body.length}</Size></Contents>`,
  )
  const token = more ? `<NextContinuationToken>${xml(page.at(-1)?.[0] ?? '')}</NextContinuationToken>` : ''
  const head = `<KeyCount>${page.length}</KeyCount><IsTruncated>${more}</IsTruncated>${token}`
  return { status: 200, body: `<ListBucketResult>${head}${contents.join('')}</ListBucketResult>` }
}

function begin({ headers, uploads }: Call): Reply {
  const id = randomBytes(8).toString('hex')
  uploads.set(id, { headers: kept(headers), parts: new Map() })
  const body = `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`
  return { status: 200, body }
}

function part({ query, body, uploads }: Call): Reply {
  const upload = uploads.get(query.get('uploadId')!)
  if (!upload) return noUpload
  upload.parts.set(Number(query.get('partNumber')), body)
  return { status: 200, headers: { etag: etagOf(body) } }
}

/** Takes the parts the client names, and only when it names them as they came. */
function complete({ key, query, body, objects, uploads }: Call): Reply {
  const id = query.get('uploadId')!
  const upload = uploads.get(id)
  if (!upload) return noUpload
  const named = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, text]) => ({
    number: Number(/<PartNumber>(\d+)/.exec(text!)?.[1]),
    etag: /<ETag>(?:&quot;|")?([0-9a-f]+)/.exec(text!)?.[1],
  }))
  const parts = named.map(({ number }) => upload.parts.get(number))
  const right = named.every(({ etag }, i) => parts[i] && etagOf(parts[i]) === `"${etag}"`)
  if (named.length === 0 || !right) return { status: 400, code: 'InvalidPart' }
  const bytes = parts as Buffer[]
  const etag = `"${md5(Buffer.concat(bytes.map((one) => md5(one)))).toString('hex')}-${bytes.length}"`
  objects.set(key, { body: Buffer.concat(bytes), headers: upload.headers, etag, modified: new Date() })
  uploads.delete(id)
  const result = `<ETag>${xml(etag)}</ETag>`
  return { status: 200, body: `<CompleteMultipartUploadResult>${result}</CompleteMultipartUploadResult>` }
}

function described({ headers, body, etag, modified }: StoredObject): Record<string, string | number> {
  return { ...headers, etag, 'content-length': body.length, 'last-modified': modified.toUTCString() }
}

function kept(headers: IncomingHttpHeaders): Record<string, string> {
  const kinds = /^(content-(type|encoding|disposition|language)|cache-control|expires|x-amz-(meta-.*|storage-class))$/
  const pairs = Object.entries(headers).filter(([name]) => kinds.test(name))
  return Object.fromEntries(pairs.map(([name, value]) => [name, String(value)]))
}

const md5 = (data: Buffer): Buffer => createHash('md5').update(data).digest()
const etagOf = (data: Buffer): string => `"${md5(data).toString('hex')}"`
const xml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
