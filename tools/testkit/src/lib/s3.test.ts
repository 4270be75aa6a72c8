import aws4 from 'aws4'
import { expect, test } from 'vitest'

import { s3, type S3Sink } from './s3.ts'

test('an object comes back as it went, whole and in part', async () => {
  await using sink = await s3()
  const put = await send(sink, 'PUT', '/bucket/a/b', 'hello world', { 'x-amz-storage-class': 'GLACIER' })
  expect(put.status).toBe(200)
  const whole = await send(sink, 'GET', '/bucket/a/b')
  expect(await whole.text()).toBe('hello world')
  expect(whole.headers.get('x-amz-storage-class')).toBe('GLACIER')
  const part = await send(sink, 'GET', '/bucket/a/b', '', { Range: 'bytes=6-' })
  expect([part.status, await part.text()]).toEqual([206, 'world'])
  expect((await send(sink, 'HEAD', '/bucket/a/b')).headers.get('content-length')).toBe('11')
  expect((await send(sink, 'DELETE', '/bucket/a/b')).status).toBe(204)
  expect((await send(sink, 'GET', '/bucket/a/b')).status).toBe(404)
})

test('the wrong secret and a changed body are refused', async () => {
  await using sink = await s3()
  const stranger = { ...sink, credentials: { ...sink.credentials, secretAccessKey: 'guessed' } }
  expect((await send(stranger, 'PUT', '/bucket/key', 'text')).status).toBe(403)
  const { headers } = signed(sink, 'PUT', '/bucket/key', 'text')
  expect(
    (await fetch(`${sink.url}/bucket/key`, { method: 'PUT', body: 'txet', headers: headers as Record<string, string> }))
      .status,
  ).toBe(400)
  const wrong = { 'x-amz-checksum-crc32': 'AAAAAA==' }
  expect((await send(sink, 'PUT', '/bucket/key', 'text', wrong)).status).toBe(400)
  expect(sink.refused).toEqual(['SignatureDoesNotMatch', 'XAmzContentSHA256Mismatch', 'BadDigest'])
  expect(sink.objects.size).toBe(0)
})

test('a list is cut into pages', async () => {
  await using sink = await s3()
  for (const name of ['x/1', 'x/2', 'x/3', 'y/1']) await send(sink, 'PUT', `/bucket/${name}`, name)
  const first = await (await send(sink, 'GET', '/bucket?list-type=2&max-keys=2&prefix=x%2F')).text()
  expect(first).toContain('<IsTruncated>true')
  expect(keys(first)).toEqual(['x/1', 'x/2'])
  const token = encodeURIComponent(/<NextContinuationToken>(.*?)</.exec(first)![1]!)
  const second = await send(sink, 'GET', `/bucket?continuation-token=${token}&list-type=2&prefix=x%2F`)
  expect(keys(await second.text())).toEqual(['x/3'])
})

test('parts become an object once they are named as they came', async () => {
  await using sink = await s3()
  const begun = await (await send(sink, 'POST', '/bucket/key?uploads=')).text()
  const id = /<UploadId>(.*?)</.exec(begun)![1]!
  const etags: string[] = []
  for (const [i, text] of ['one', 'two'].entries()) {
    const { headers } = await send(sink, 'PUT', `/bucket/key?partNumber=${i + 1}&uploadId=${id}`, text)
    etags.push(headers.get('etag')!)
  }
  const parts = (...tags: string[]): string =>
    tags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join('')
  const complete = (body: string): Promise<Response> => send(sink, 'POST', `/bucket/key?uploadId=${id}`, body)
  expect((await complete(parts(etags[1]!, etags[0]!))).status).toBe(400)
  expect((await complete(parts(...etags))).status).toBe(200)
  expect(sink.objects.get('bucket/key')!.body.toString()).toBe('onetwo')
  expect((await complete(parts(...etags))).status).toBe(404)
})

test('a chunked body is put together and its trailing checksum checked', async () => {
  await using sink = await s3()
  const body = (sum: string): string => `3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:${sum}\r\n\r\n`
  const how = { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' }
  expect((await send(sink, 'PUT', '/bucket/key', body('NhCmhg=='), how)).status).toBe(200)
  expect(sink.objects.get('bucket/key')!.body.toString()).toBe('hello')
  expect((await send(sink, 'PUT', '/bucket/key', body('AAAAAA=='), how)).status).toBe(400)
  expect((await send(sink, 'PUT', '/bucket/key', '5\r\nhel', how)).status).toBe(400)
})

test('it fails as often as it is told to', async () => {
  await using sink = await s3()
  sink.fail(503, 2)
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await send(sink, 'PUT', '/bucket/key', 'text')).status)
  expect(statuses).toEqual([503, 503, 200])
})

type Target = Pick<S3Sink, 'url' | 'credentials'>

function signed({ url, credentials }: Target, method: string, path: string, body: string, headers = {}): aws4.Request {
  const { host } = new URL(url)
  const request = { service: 's3', region: credentials.region, host, method, path, headers, ...(body ? { body } : {}) }
  return aws4.sign(request, credentials)
}

async function send(sink: Target, method: string, path: string, body = '', extra = {}): Promise<Response> {
  const { headers } = signed(sink, method, path, body, extra)
  return fetch(sink.url + path, { method, headers: headers as Record<string, string>, ...(body ? { body } : {}) })
}

const keys = (text: string): string[] => [...text.matchAll(/<Key>(.*?)</g)].map(([, key]) => key!)
