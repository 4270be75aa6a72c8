import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, randomFillSync, scryptSync } from 'node:crypto'
import { createRequire } from 'node:module'
import { decryptStringSync, encryptStringSync, generateKey, parseKeySync } from '@47ng/cloak'
import { buildDecrypt } from '@aws-crypto/decrypt-node'
import { buildEncrypt } from '@aws-crypto/encrypt-node'
import { RawAesKeyringNode, RawAesWrappingSuiteIdentifier } from '@aws-crypto/raw-aes-keyring-node'
import { gcm } from '@noble/ciphers/aes.js'
import { CompactEncrypt, compactDecrypt } from 'jose'

/** A way to turn a string into a string and back, bound to `aad` where it can be. */
export interface Peer {
  readonly name: string
  readonly encrypt: (text: string) => string | Promise<string>
  readonly decrypt: (token: string) => string | Promise<string>
}

const require = createRequire(import.meta.url)

/** What the library binds by itself, given to those that take additional data. */
export const aad: Buffer = Buffer.from('tenant-1/customers/phone/1234567')

/**
 * `aes-256-gcm` by hand, as good as it gets: a reused KeyObject, nonces out of a pool, context as additional data, one buffer,
 * base64url with a marker. No commitment, no checks of the text's form.
 */
export function rawGcm(): Peer {
  const key = createSecretKey(randomBytes(32))
  const pool = Buffer.alloc(12 * 256)
  let used = pool.length
  const nonce = (): Buffer => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    return pool.subarray(used, (used += 12))
  }
  const seal = (text: string): Buffer => {
    const iv = nonce()
    const cipher = createCipheriv('aes-256-gcm', key, iv)
    cipher.setAAD(aad)
    const body = cipher.update(text, 'utf8')
    cipher.final()
    return Buffer.concat([iv, body, cipher.getAuthTag()])
  }
  return {
    name: 'raw aes-256-gcm',
    encrypt: (text) => `v1.${seal(text).toString('base64url')}`,
    decrypt: (token) => {
      const bytes = Buffer.from(token.slice(3), 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
      decipher.setAAD(aad)
      decipher.setAuthTag(bytes.subarray(-16))
      return decipher.update(bytes.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8')
    },
  }
}

/** The usual snippet: CBC, with the key derived by scrypt for every value. */
function scryptCbc(): Peer {
  const secret = randomBytes(16).toString('hex')
  return {
    name: 'cbc, scrypt per call',
    encrypt: (text) => {
      const iv = randomBytes(16)
      const cipher = createCipheriv('aes-256-cbc', scryptSync(secret, 'salt', 32), iv)
      return `${iv.toString('hex')}:${cipher.update(text, 'utf8', 'hex')}${cipher.final('hex')}`
    },
    decrypt: (token) => {
      const [iv, body] = token.split(':') as [string, string]
      const decipher = createDecipheriv('aes-256-cbc', scryptSync(secret, 'salt', 32), Buffer.from(iv, 'hex'))
      return decipher.update(body, 'hex', 'utf8') + decipher.final('utf8')
    },
  }
}

function cloak(): Peer {
  const key = parseKeySync(generateKey())
  return {
    name: '@47ng/cloak',
    encrypt: (text) => encryptStringSync(text, key),
    decrypt: (token) => decryptStringSync(token, key),
  }
}

function noble(): Peer {
  const key = randomBytes(32)
  return {
    name: '@noble/ciphers gcm',
    encrypt: (text) => {
      const nonce = randomBytes(12)
      return Buffer.concat([nonce, gcm(key, nonce, aad).encrypt(Buffer.from(text))]).toString('base64url')
    },
    decrypt: (token) => {
      const bytes = Buffer.from(token, 'base64url')
      return Buffer.from(gcm(key, bytes.subarray(0, 12), aad).decrypt(bytes.subarray(12))).toString()
    },
  }
}

function jose(): Peer {
  const key = randomBytes(32)
  const header = { alg: 'dir', enc: 'A256GCM' }
  return {
    name: 'jose dir A256GCM',
    encrypt: async (text) => new CompactEncrypt(Buffer.from(text)).setProtectedHeader(header).encrypt(key),
    decrypt: async (token) => Buffer.from((await compactDecrypt(token, key)).plaintext).toString(),
  }
}

interface TinkAead {
  encrypt(plain: Uint8Array, aad: Uint8Array): Promise<Uint8Array>
  decrypt(sealed: Uint8Array, aad: Uint8Array): Promise<Uint8Array>
}

async function tink(): Promise<Peer> {
  // its bundle is made for browsers
  Object.assign(globalThis, { self: globalThis })
  const { aead, generateNewKeysetHandle } = require('tink-crypto') as {
    aead: { register(): void; aes256GcmKeyTemplate(): unknown; Aead: unknown }
    generateNewKeysetHandle(template: unknown): Promise<{ getPrimitive(kind: unknown): Promise<TinkAead> }>
  }
  aead.register()
  const primitive = await (await generateNewKeysetHandle(aead.aes256GcmKeyTemplate())).getPrimitive(aead.Aead)
  return {
    name: 'tink-crypto',
    encrypt: async (text) => Buffer.from(await primitive.encrypt(Buffer.from(text), aad)).toString('base64url'),
    decrypt: async (token) => Buffer.from(await primitive.decrypt(Buffer.from(token, 'base64url'), aad)).toString(),
  }
}

interface CipherSweetField {
  encryptValue(text: string, aad: string): Promise<string>
  decryptValue(token: string, aad: string): Promise<string | Buffer>
}

async function cipherSweet(): Promise<Peer> {
  const { CipherSweet, StringProvider, FIPSCrypto, EncryptedField } = require('ciphersweet-js') as Record<
    string,
    new (...args: unknown[]) => CipherSweetField
  >
  const engine = new CipherSweet!(new StringProvider!(randomBytes(32).toString('hex')), new FIPSCrypto!())
  const field = await (EncryptedField as unknown as { build(...args: unknown[]): Promise<CipherSweetField> }).build(
    engine,
    'customers',
    'phone',
  )
  return {
    name: 'ciphersweet-js FIPS',
    encrypt: async (text) => field.encryptValue(text, '1234567'),
    decrypt: async (token) => String(await field.decryptValue(token, '1234567')),
  }
}

/** With a raw AES keyring, so that no key service is asked, and as it comes: each message is signed. */
function awsEncryptionSdk(): Peer {
  const keyring = new RawAesKeyringNode({
    keyNamespace: 'bench',
    keyName: 'master',
    unencryptedMasterKey: Uint8Array.from(randomBytes(32)),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })
  const { encrypt } = buildEncrypt()
  const { decrypt } = buildDecrypt()
  const encryptionContext = { tenant: 'tenant-1', table: 'customers', column: 'phone', row: '1234567' }
  return {
    name: 'AWS Encryption SDK',
    encrypt: async (text) => (await encrypt(keyring, text, { encryptionContext })).result.toString('base64url'),
    decrypt: async (token) => (await decrypt(keyring, Buffer.from(token, 'base64url'))).plaintext.toString(),
  }
}

/** Every peer that installs here. */
export async function peers(): Promise<readonly Peer[]> {
  return [cloak(), noble(), jose(), await tink(), await cipherSweet(), awsEncryptionSdk(), scryptCbc()]
}
