import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import aws4 from 'aws4'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { awsKms } from './aws-kms.ts'
import { openKeyset } from './keyset.ts'
import { createKeyset } from './keyset-edit.ts'
import { vaultTransit } from './vault-transit.ts'
import { createVault } from './vault.ts'
import type { KeyWrapper } from './wrapper.ts'

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'session',
}
const kek = randomBytes(32)

function wrap(plain: Buffer, context: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', kek, nonce).setAAD(Buffer.from(context))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function unwrap(blob: Buffer, context: string): Buffer | undefined {
  if (blob.length < 28) return undefined
  const decipher = createDecipheriv('aes-256-gcm', kek, blob.subarray(0, 12))
    .setAAD(Buffer.from(context))
    .setAuthTag(blob.subarray(-16))
  const plain = decipher.update(blob.subarray(12, -16))
  try {
    decipher.final()
    return plain
  } catch {
    return undefined
  }
}

interface Reply {
  readonly status: number
  readonly body: unknown
}

/** KMS as its API reference describes it, with signatures judged by an independent implementation. */
function kmsReply(headers: IncomingHttpHeaders, text: string, host: string): Reply {
  const date = String(headers['x-amz-date'])
  const expected = aws4.sign(
    {
      host, path: '/', method: 'POST', service: 'kms', region: 'eu-central-1', body: text,
      headers: { 'Content-Type': String(headers['content-type']), 'X-Amz-Target': String(headers['x-amz-target']), 'X-Amz-Date': date },
    },
    credentials,
  ) // prettier-ignore
  const signatureOf = (header: unknown): string | undefined => /Signature=(\w+)/.exec(String(header))?.[1]
  if (signatureOf(headers.authorization) !== signatureOf(expected.headers?.['Authorization']))
    return { status: 400, body: { __type: 'com.amazonaws.kms#InvalidSignatureException' } }
  const input = JSON.parse(text) as Record<string, never>
  const context = JSON.stringify(input['EncryptionContext'])
  if (input['KeyId'] !== 'alias/shop')
    return { status: 400, body: { __type: 'NotFoundException', message: 'no such key' } }
  switch (String(headers['x-amz-target'])) {
    case 'TrentService.Encrypt':
      return {
        status: 200,
        body: { CiphertextBlob: wrap(Buffer.from(input['Plaintext']!, 'base64'), context).toString('base64') },
      }
    case 'TrentService.Decrypt': {
      const plain = unwrap(Buffer.from(input['CiphertextBlob']!, 'base64'), context)
      return plain
        ? { status: 200, body: { Plaintext: plain.toString('base64') } }
        : { status: 400, body: { __type: 'InvalidCiphertextException' } }
    }
    case 'TrentService.GenerateDataKey': {
      const key = randomBytes(32)
      return {
        status: 200,
        body: { Plaintext: key.toString('base64'), CiphertextBlob: wrap(key, context).toString('base64') },
      }
    }
    default:
      return { status: 400, body: { __type: 'UnknownOperationException' } }
  }
}

/** Vault's Transit engine as its HTTP API documentation describes it. */
function transitReply(headers: IncomingHttpHeaders, text: string, url: string): Reply {
  if (headers['x-vault-token'] !== 's.token' || headers['x-vault-namespace'] !== 'shop')
    return { status: 403, body: { errors: ['permission denied'] } }
  const input = JSON.parse(text) as Record<string, string>
  const sealed = (plain: Buffer): string => `vault:v1:${wrap(plain, '').toString('base64')}`
  switch (url) {
    case '/v1/transit/encrypt/shop%20key':
      return {
        status: 200,
        body: { data: { ciphertext: sealed(Buffer.from(input['plaintext']!, 'base64')), key_version: 1 } },
      }
    case '/v1/transit/decrypt/shop%20key': {
      const plain = /^vault:v1:/.test(input['ciphertext']!)
        ? unwrap(Buffer.from(input['ciphertext']!.slice(9), 'base64'), '')
        : undefined
      return plain
        ? { status: 200, body: { data: { plaintext: plain.toString('base64') } } }
        : { status: 400, body: { errors: ['invalid ciphertext'] } }
    }
    case '/v1/transit/datakey/plaintext/shop%20key': {
      const key = randomBytes(32)
      return { status: 200, body: { data: { plaintext: key.toString('base64'), ciphertext: sealed(key) } } }
    }
    default:
      return { status: 404, body: { errors: [] } }
  }
}

describe('key services', () => {
  let server: Server
  let endpoint: string
  let requests = 0
  let fail: ((n: number) => Reply | 'hang' | undefined) | undefined
  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = ''
      request.setEncoding('utf8').on('data', (data: string) => (text += data))
      request.on('end', () => {
        const failed = fail?.(++requests)
        if (failed === 'hang') return
        const { status, body } =
          failed ??
          (request.url === '/'
            ? kmsReply(request.headers, text, String(request.headers.host))
            : transitReply(request.headers, text, String(request.url)))
        response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(typeof body === 'string' ? body : JSON.stringify(body))
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const kms = (options: object = {}): KeyWrapper =>
    awsKms({ keyId: 'alias/shop', region: 'eu-central-1', credentials, endpoint, ...options })
  const transit = (options: object = {}): KeyWrapper =>
    vaultTransit({
      address: endpoint,
      key: 'shop key',
      token: () => Promise.resolve('s.token'),
      namespace: 'shop',
      ...options,
    })
  const each: readonly (readonly [string, (options?: object) => KeyWrapper, string])[] = [
    ['AWS KMS', kms, 'aws-kms:alias/shop'],
    ['Vault Transit', transit, 'vault-transit:transit/shop key'],
  ]

  it.each(each)('%s: wraps, unwraps, makes data keys, and carries a keyset', async (_, make, name) => {
    const wrapper = make()
    expect(wrapper.name).toBe(name)
    const key = randomBytes(32)
    expect(await wrapper.unwrap(await wrapper.wrap(key))).toEqual(key)
    const made = await wrapper.generateDataKey()
    expect(await wrapper.unwrap(made.wrapped)).toEqual(made.key)
    const json = await createKeyset({ wrapper })
    const context = { table: 't', column: 'c', row: 1 }
    const token = createVault({ keyset: await openKeyset(json, wrapper) }).encrypt('x', context)
    expect(createVault({ keyset: await openKeyset(json, make()) }).decrypt(token, context)).toBe('x')
  })

  it.each(each)('%s: what it did not wrap is ERR_SHOP_CRYPTO_KEY_WRAP', async (_, make) => {
    await expect(make().unwrap(Buffer.from('nonsense'))).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_KEY_WRAP' })
  })

  it.each(each)('%s: a refusal is told with its status, not with its body', async (_, make) => {
    fail = () => ({
      status: 403,
      body: { __type: 'AccessDeniedException', message: 'arn:secret', errors: ['arn:secret'] },
    })
    const error = await make()
      .generateDataKey()
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'ERR_SHOP_CRYPTO_ENVELOPE', message: expect.stringContaining('403') })
    expect((error as Error).message).not.toContain('arn:secret')
    fail = () => ({ status: 200, body: '{}' })
    await expect(make().generateDataKey()).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_ENVELOPE' })
    fail = () => ({ status: 200, body: 'null' })
    await expect(make().wrap(Buffer.alloc(32))).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_ENVELOPE' })
    fail = undefined
  })

  it.each(each)('%s: is tried three times when it is busy or broken, and never waits for ever', async (_, make) => {
    requests = 0
    fail = (n) =>
      n === 1
        ? { status: 500, body: 'oops' }
        : n === 2
          ? { status: 400, body: { __type: 'ThrottlingException' } }
          : undefined
    const made = await make().generateDataKey()
    expect(requests).toBe(3)
    fail = () => 'hang'
    await expect(make({ timeout: '30ms' }).unwrap(made.wrapped)).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_ENVELOPE',
    })
    await expect(make().unwrap(made.wrapped, AbortSignal.timeout(20))).rejects.toBeInstanceOf(Error)
    fail = undefined
  })

  it('AWS KMS: a wrong signature, key or encryption context is refused', async () => {
    const wrapped = await kms().wrap(randomBytes(32))
    await expect(kms({ encryptionContext: { application: 'other' } }).unwrap(wrapped)).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_KEY_WRAP',
    })
    await expect(
      kms({ credentials: () => ({ ...credentials, secretAccessKey: 'wrong' }) }).unwrap(wrapped),
    ).rejects.toThrow('InvalidSignatureException')
    await expect(kms({ keyId: 'alias/other' }).unwrap(wrapped)).rejects.toThrow('NotFoundException')
  })

  it('check their options', () => {
    for (const bad of [{ keyId: '' }, { region: 1 }, { credentials: undefined }, { timeout: 'long' }, { other: 1 }])
      expect(() => kms(bad)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_OPTION' }))
    for (const bad of [{ key: '' }, { address: 1 }, { token: undefined }, { timeout: -1 }, { other: 1 }])
      expect(() => transit(bad)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_OPTION' }))
  })
})
