import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, describe, expect, it, onTestFinished } from 'vitest'

import { type Anchor, fileAnchor, parseAnchorFile, s3Anchor, webhookAnchor } from './anchor.ts'
import { checkpointSigner } from './checkpoint.ts'
import { signRequest } from './s3.ts'

const signer = checkpointSigner({ name: 'shop.test/audit', key: generateKeyPairSync('ed25519').privateKey })
const note = (size: number): string =>
  signer.sign({ origin: signer.name, size, root: Buffer.alloc(32, size), extensions: ['sealed now'] })
const directory = mkdtempSync(path.join(tmpdir(), 'shop-audit-anchor-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const put = (anchor: Anchor, size: number): Promise<void> => anchor.put(note(size), size, AbortSignal.timeout(5000))

interface Received {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

async function listen(status: () => number): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({
        method: request.method!,
        path: request.url!,
        headers: request.headers as Record<string, string>,
        body,
      })
      response.writeHead(status()).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

describe('anchors outside the database', () => {
  it('a file: appended, and read back as the checkpoints it was given', async () => {
    const anchor = fileAnchor({ path: path.join(directory, 'checkpoints') })
    for (const size of [1, 2, 3]) await put(anchor, size)
    expect(parseAnchorFile(readFileSync(path.join(directory, 'checkpoints'), 'utf8'))).toEqual([
      note(1),
      note(2),
      note(3),
    ])
    await expect(put(fileAnchor({ path: path.join(directory, 'no/such') }), 1)).rejects.toMatchObject({
      code: 'ERR_SHOP_AUDIT_ANCHOR',
    })
  })

  it('a webhook: posted as text, and an answer other than 2xx is a failure', async () => {
    let status = 204
    const { url, received } = await listen(() => status)
    const anchor = webhookAnchor({ url, headers: { authorization: 'Bearer t' } })
    await put(anchor, 7)
    expect(received).toMatchObject([{ method: 'POST', body: note(7), headers: { authorization: 'Bearer t' } }])
    status = 500
    await expect(put(anchor, 8)).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_ANCHOR' })
  })

  it('S3: an object a checkpoint, signed so that a store which checks accepts it', async () => {
    const keys = { accessKeyId: 'AKID', secretAccessKey: 'secret', region: 'eu-central-1' }
    const { url, received } = await listen(() => {
      const { method, path: at, headers, body } = received.at(-1)!
      const { authorization, ...sent } = headers
      const names = /SignedHeaders=([^,]+)/.exec(authorization!)![1]!.split(';')
      const again = signRequest(keys, {
        method,
        host: sent['host']!,
        path: at,
        body,
        headers: Object.fromEntries(
          names.filter((name) => !/^(host|x-amz-(date|content-sha256))$/.test(name)).map((name) => [name, sent[name]!]),
        ),
        now: new Date(sent['x-amz-date']!.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z')),
      })
      return again['authorization'] === authorization ? 200 : 403
    })
    const options = { endpoint: url, bucket: 'audit', prefix: 'shop/', ...keys }
    await put(s3Anchor({ ...options, lockDays: 3650 }), 42)
    expect(received[0]).toMatchObject({
      method: 'PUT',
      path: '/audit/shop/0000000000000042.checkpoint',
      body: note(42),
      headers: { 'x-amz-object-lock-mode': 'COMPLIANCE' },
    })
    await expect(put(s3Anchor({ ...options, secretAccessKey: 'other' }), 43)).rejects.toMatchObject({
      code: 'ERR_SHOP_AUDIT_ANCHOR',
    })
  })

  it('S3: has the signature AWS publishes for its example', () => {
    const headers = signRequest(
      {
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
        region: 'us-east-1',
      },
      {
        method: 'PUT',
        host: 'examplebucket.s3.amazonaws.com',
        path: '/test$file.text',
        body: 'Welcome to Amazon S3.',
        headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
        now: new Date('2013-05-24T00:00:00Z'),
      },
    )
    expect(headers['authorization']).toContain(
      'Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    )
  })

  it.each([
    ['a file without a path', () => fileAnchor({ path: '' })],
    ['a webhook that is no URL', () => webhookAnchor({ url: 'ftp://x' })],
    [
      'S3 without a bucket',
      () => s3Anchor({ endpoint: 'https://s3.test', region: 'r', bucket: '', accessKeyId: 'a', secretAccessKey: 'b' }),
    ],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SHOP_AUDIT_OPTION' }))
  })
})
