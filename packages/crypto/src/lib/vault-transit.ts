import { CryptoError } from './errors.ts'
import { checkNames, duration, optionError } from './options.ts'
import type { Duration } from './options.ts'
import { callService } from './service-call.ts'
import type { KeyWrapper } from './wrapper.ts'

/** A key of HashiCorp Vault's (or OpenBao's) Transit engine. */
export interface VaultTransitOptions {
  /** `https://vault.example:8200` */
  readonly address: string
  /** Name of the Transit key. */
  readonly key: string
  /** A token, or what fetches one: called before every request, so that it may be renewed. */
  readonly token: string | (() => string | Promise<string>)
  /** Where the engine is mounted. @default 'transit' */
  readonly mount?: string
  readonly namespace?: string
  /** For one attempt of three. @default '5s' */
  readonly timeout?: Duration
}

const optionNames = ['address', 'key', 'token', 'mount', 'namespace', 'timeout']

/** Wraps keys by Vault Transit (encrypt, decrypt, datakey). @throws ERR_SHOP_CRYPTO_OPTION */
export function vaultTransit(options: VaultTransitOptions): KeyWrapper {
  checkNames('vaultTransit', options, optionNames)
  const { address, key, token, mount = 'transit', namespace } = options
  for (const [name, value] of Object.entries({ address, key, mount }))
    if (typeof value !== 'string' || value === '') throw optionError('vaultTransit', name, 'must be a non-empty string')
  if (token === undefined) throw optionError('vaultTransit', 'token', 'must be given')
  const timeout = duration('vaultTransit', 'timeout', options.timeout, 5000, 1, 60_000)

  const call = async (
    operation: string,
    input: object,
    member: string,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, unknown>> => {
    const answer = await callService({
      service: 'Vault Transit',
      url: new URL(`/v1/${mount}/${operation}/${encodeURIComponent(key)}`, address).href,
      body: JSON.stringify(input),
      timeout,
      signal,
      headers: async () => ({
        'content-type': 'application/json',
        'x-vault-token': typeof token === 'function' ? await token() : token,
        'x-vault-request': 'true',
        ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      }),
    })
    const data = answer.body['data'] as Record<string, unknown> | undefined
    if (answer.status === 200 && typeof data?.[member] === 'string') return data
    const code =
      operation === 'decrypt' && answer.status === 400 ? 'ERR_SHOP_CRYPTO_KEY_WRAP' : 'ERR_SHOP_CRYPTO_ENVELOPE'
    throw new CryptoError(
      code,
      `Vault Transit ${operation} answered ${answer.status}${answer.status === 200 ? ` without ${member}` : ''}`,
    )
  }

  return {
    name: `vault-transit:${mount}/${key}`,
    async wrap(plain, signal) {
      const data = await call('encrypt', { plaintext: Buffer.from(plain).toString('base64') }, 'ciphertext', signal)
      return Buffer.from(String(data['ciphertext']))
    },
    async unwrap(wrapped, signal) {
      const data = await call('decrypt', { ciphertext: Buffer.from(wrapped).toString('latin1') }, 'plaintext', signal)
      return Buffer.from(String(data['plaintext']), 'base64')
    },
    async generateDataKey(signal) {
      const data = await call('datakey/plaintext', { bits: 256 }, 'plaintext', signal)
      return { key: Buffer.from(String(data['plaintext']), 'base64'), wrapped: Buffer.from(String(data['ciphertext'])) }
    },
  }
}
