import { CryptoError } from './errors.ts'
import { checkNames, duration, optionError } from './options.ts'
import type { Duration } from './options.ts'
import { callService } from './service-call.ts'
import type { ServiceAnswer } from './service-call.ts'
import { signAws } from './sigv4.ts'
import type { AwsCredentials } from './sigv4.ts'
import type { KeyWrapper } from './wrapper.ts'

/** A key of AWS KMS. */
export interface AwsKmsOptions {
  /** Id, ARN or alias of a symmetric KMS key. */
  readonly keyId: string
  readonly region: string
  /** Credentials, or what fetches them: called before every request, so that a role's may expire. */
  readonly credentials: AwsCredentials | (() => AwsCredentials | Promise<AwsCredentials>)
  /** Bound by KMS to every wrapped key, and shown in CloudTrail. @default { application: 'shop-crypto' } */
  readonly encryptionContext?: Readonly<Record<string, string>>
  /** @default `https://kms.<region>.amazonaws.com` */
  readonly endpoint?: string
  /** For one attempt of three. @default '5s' */
  readonly timeout?: Duration
}

const optionNames = ['keyId', 'region', 'credentials', 'encryptionContext', 'endpoint', 'timeout']

/** Wraps keys by AWS KMS (Encrypt, Decrypt, GenerateDataKey). @throws ERR_SHOP_CRYPTO_OPTION */
export function awsKms(options: AwsKmsOptions): KeyWrapper {
  checkNames('awsKms', options, optionNames)
  const { keyId, region, credentials, encryptionContext: EncryptionContext = { application: 'shop-crypto' } } = options
  for (const name of ['keyId', 'region'] as const)
    if (typeof options[name] !== 'string' || options[name] === '')
      throw optionError('awsKms', name, 'must be a non-empty string')
  if (credentials === undefined) throw optionError('awsKms', 'credentials', 'must be given')
  const url = new URL(options.endpoint ?? `https://kms.${region}.amazonaws.com`)
  const timeout = duration('awsKms', 'timeout', options.timeout, 5000, 1, 60_000)

  const call = async (
    operation: string,
    input: object,
    signal: AbortSignal | undefined,
  ): Promise<ServiceAnswer['body']> => {
    const body = JSON.stringify({ KeyId: keyId, EncryptionContext, ...input })
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` }
    const answer = await callService({
      service: 'AWS KMS',
      url: url.href,
      body,
      timeout,
      signal,
      headers: async () =>
        signAws(
          { host: url.host, region, service: 'kms', headers, body, now: new Date() },
          typeof credentials === 'function' ? await credentials() : credentials,
        ),
    })
    if (answer.status === 200) return answer.body
    const named = answer.body['__type']
    const type = (typeof named === 'string' && /(\w+)$/.exec(named)?.[1]) || 'no type'
    const code =
      operation === 'Decrypt' && /^(InvalidCiphertext|IncorrectKey)/.test(type)
        ? 'ERR_SHOP_CRYPTO_KEY_WRAP'
        : 'ERR_SHOP_CRYPTO_ENVELOPE'
    throw new CryptoError(code, `AWS KMS ${operation} answered ${answer.status} (${type})`)
  }

  return {
    name: `aws-kms:${keyId}`,
    async wrap(key, signal) {
      return bytes(await call('Encrypt', { Plaintext: base64(key) }, signal), 'CiphertextBlob')
    },
    async unwrap(wrapped, signal) {
      return bytes(await call('Decrypt', { CiphertextBlob: base64(wrapped) }, signal), 'Plaintext')
    },
    async generateDataKey(signal) {
      const body = await call('GenerateDataKey', { KeySpec: 'AES_256' }, signal)
      return { key: bytes(body, 'Plaintext'), wrapped: bytes(body, 'CiphertextBlob') }
    },
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function bytes(body: ServiceAnswer['body'], name: string): Buffer {
  const value = body[name]
  if (typeof value !== 'string') throw new CryptoError('ERR_SHOP_CRYPTO_ENVELOPE', `AWS KMS answered without ${name}`)
  return Buffer.from(value, 'base64')
}
