import { createHash, createSecretKey, hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { inflateSync } from 'node:zlib'
import { corpus } from '@shop/testkit'
import { describe, expect, it } from 'vitest'
import { blindMac } from './blind-mac.ts'
import { CbcHs512, ivBytes, tagBytes, textEnd } from './cbc-hs512.ts'
import { chunkBytes, chunkedHead, ChunkedMessage, openedLength, saltBytes, sealedChunkBytes } from './chunked.ts'
import { Cmac } from './cmac.ts'
import { gcmOpen, gcmSeal } from './gcm.ts'
import { hkdf512 } from './hkdf.ts'
import { HmacSha512, hmacHead } from './hmac-sha512.ts'
import { unwrapKey, wrapKey } from './kwp.ts'
import { legacyReader } from './legacy.ts'
import { Siv } from './siv.ts'
import { Xaes, xaesOverhead, xaesTextAt } from './xaes.ts'

interface Vector extends Readonly<Record<string, unknown>> {
  readonly tcId: number
  readonly comment: string
  readonly flags?: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
}
interface Group extends Readonly<Record<string, unknown>> {
  readonly tests: readonly Vector[]
}

/** Runs `check` on every case whose parameters the suite has; `skip` names why another is left out. Says how many of each. */
function wycheproof(
  file: string,
  skip: (group: Group, vector: Vector) => string | undefined,
  check: (vector: Vector, bytes: (name: string) => Buffer, group: Group) => void,
): { run: number; left: Record<string, number> } {
  const { numberOfTests, testGroups } = JSON.parse(
    readFileSync(path.join(corpus('crypto/wycheproof'), file), 'utf8'),
  ) as { numberOfTests: number; testGroups: readonly Group[] }
  const left: Record<string, number> = {}
  let run = 0
  for (const group of testGroups)
    for (const vector of group.tests) {
      const reason = skip(group, vector)
      if (reason !== undefined) {
        left[reason] = (left[reason] ?? 0) + 1
        continue
      }
      run++
      try {
        check(vector, (name) => Buffer.from(vector[name] as string, 'hex'), group)
      } catch (error) {
        throw new Error(`${file} case ${vector.tcId} (${vector.comment}, ${vector.result})`, { cause: error })
      }
    }
  expect(run + Object.values(left).reduce((a, b) => a + b, 0)).toBe(numberOfTests)
  return { run, left }
}

const all = (): undefined => undefined
const secret = (bytes: Uint8Array) => createSecretKey(bytes)

function cbcFrame(aad: Buffer, body: number): Buffer {
  const frame = Buffer.alloc(hmacHead + aad.length + body + 64)
  frame.set(aad, hmacHead)
  return frame
}

function sealCbc(key: Buffer, iv: Buffer, aad: Buffer, message: Buffer): Buffer {
  const frame = cbcFrame(aad, message.length + 64)
  const aadEnd = hmacHead + aad.length
  frame.set(message, aadEnd + 16)
  return Buffer.from(frame.subarray(aadEnd, new CbcHs512(key).seal(frame, aadEnd, message.length, iv)))
}

function openCbc(cipher: CbcHs512, aad: Buffer, body: Buffer): Buffer | undefined {
  const frame = cbcFrame(aad, body.length)
  const aadEnd = hmacHead + aad.length
  frame.set(body, aadEnd)
  const end = aadEnd + body.length
  if (!cipher.authentic(frame, aadEnd, end)) return undefined
  const opened = cipher.decrypt(frame.subarray(aadEnd, end - tagBytes))
  const to = textEnd(opened, ivBytes, opened.length)
  return to < 0 ? undefined : opened.subarray(ivBytes, to)
}

const sealGcm = ({ text, tag }: { text: Buffer; tag: Buffer }): Buffer => Buffer.concat([text, tag])

function sealXaes(xaes: Xaes, aad: Buffer, plain: Buffer, nonce: Buffer): Buffer {
  const work = Buffer.alloc(plain.length + xaesOverhead)
  work.set(plain, xaesTextAt)
  return work.subarray(0, xaes.seal(aad, work, plain.length, nonce))
}

/** Opens every chunk in order: the prefix that was opened, and whether it is the whole. */
function openChunked(key: Buffer, context: Buffer, sealed: Buffer): { whole: boolean; plain: Buffer } {
  const plain: Buffer[] = []
  const end = (whole: boolean) => ({ whole, plain: Buffer.concat(plain) })
  if (sealed.length < chunkedHead) return end(false)
  const message = new ChunkedMessage(key, sealed.subarray(0, saltBytes), context)
  if (!message.committed(sealed.subarray(saltBytes, chunkedHead))) return end(false)
  for (let index = 0, at = chunkedHead; ; index++, at += sealedChunkBytes) {
    const chunk = message.open(index, sealed.subarray(at, at + sealedChunkBytes))
    if (chunk === undefined) return end(false)
    plain.push(chunk)
    if (chunk.length < chunkBytes) return end(openedLength(sealed.length) === plain.reduce((n, c) => n + c.length, 0))
  }
}

describe('known answers', () => {
  it('A256CBC-HS512: Wycheproof', () => {
    const result = wycheproof('a256cbc_hs512_test.json', all, (vector, bytes) => {
      const body = Buffer.concat([bytes('iv'), bytes('ct'), bytes('tag')])
      const opened =
        vector['iv'] !== undefined && bytes('key').length === 64 && bytes('iv').length === 16
          ? openCbc(new CbcHs512(bytes('key')), bytes('aad'), body)
          : undefined
      if (vector.result === 'valid') {
        expect(opened).toEqual(bytes('msg'))
        expect(sealCbc(bytes('key'), bytes('iv'), bytes('aad'), bytes('msg'))).toEqual(body)
      } else expect(opened).toBeUndefined()
    })
    expect(result).toEqual({ run: 94, left: {} })
  })

  it('A256CBC-HS512: RFC 7518 B.3, and one kept context over all Wycheproof messages of one key in any order', () => {
    const known = JSON.parse(readFileSync(path.join(corpus('crypto'), 'known-answers.json'), 'utf8')) as {
      'A256CBC-HS512': Record<string, string>
    }
    const hex = (name: string) => Buffer.from(known['A256CBC-HS512'][name] as string, 'hex')
    const body = sealCbc(hex('key'), hex('iv'), hex('aad'), hex('plaintext'))
    expect(body).toEqual(Buffer.concat([hex('iv'), hex('ciphertext'), hex('tag')]))
    const kept = new CbcHs512(hex('key'))
    for (let i = 0; i < 50; i++) {
      const aad = Buffer.alloc(i, 3)
      const text = Buffer.alloc(i * 7, i)
      expect(openCbc(kept, aad, sealCbc(hex('key'), hex('iv'), aad, text))).toEqual(text)
      const frame = cbcFrame(aad, text.length + 64)
      frame.set(text, hmacHead + i + 16)
      const end = kept.seal(frame, hmacHead + i, text.length)
      expect(openCbc(new CbcHs512(hex('key')), aad, frame.subarray(hmacHead + i, end))).toEqual(text)
    }
  })

  it('AES-256-GCM inside XAES and chunked encryption: Wycheproof', () => {
    const result = wycheproof(
      'aes_gcm_test.json',
      (group) =>
        group['keySize'] !== 256
          ? `${Number(group['keySize'])}-bit key`
          : group['ivSize'] !== 96
            ? 'nonce is not 96 bits'
            : undefined,
      (vector, bytes) => {
        const sealed = Buffer.concat([bytes('ct'), bytes('tag')])
        const opened = gcmOpen(secret(bytes('key')), bytes('iv'), bytes('aad'), sealed)
        if (vector.result === 'valid') {
          expect(opened).toEqual(bytes('msg'))
          expect(sealGcm(gcmSeal(secret(bytes('key')), bytes('iv'), bytes('aad'), bytes('msg')))).toEqual(sealed)
        } else expect(opened).toBeUndefined()
      },
    )
    expect(result).toEqual({ run: 66, left: { '128-bit key': 108, '192-bit key': 103, 'nonce is not 96 bits': 39 } })
  })

  it('XAES-256-GCM: C2SP known answers and 10,000 accumulated', () => {
    const known = JSON.parse(readFileSync(path.join(corpus('crypto'), 'known-answers.json'), 'utf8')) as {
      'XAES-256-GCM': { cases: readonly Record<string, string>[]; accumulated: Record<string, string> }
    }
    for (const vector of known['XAES-256-GCM'].cases) {
      const hex = (name: string) => Buffer.from(vector[name] as string, 'hex')
      const xaes = new Xaes(secret(hex('key')))
      expect(xaes.messageKey(hex('nonce')).export()).toEqual(hex('derivedKey'))
      const body = sealXaes(xaes, hex('aad'), hex('plaintext'), hex('nonce'))
      expect(body.subarray(56)).toEqual(hex('ciphertext'))
      expect(xaes.open(hex('aad'), body)).toEqual(hex('plaintext'))
    }
    expect(accumulatedXaes(10_000)).toBe(known['XAES-256-GCM'].accumulated['iterations10000'])
  })

  it('AES-256-SIV: Wycheproof', () => {
    const result = wycheproof(
      'aes_siv_cmac_test.json',
      (group) => (group['keySize'] === 512 ? undefined : `${Number(group['keySize'])}-bit key`),
      (vector, bytes) => {
        const siv = new Siv(bytes('key'))
        const opened = siv.open(bytes('aad'), bytes('ct'))
        if (vector.result === 'valid') {
          expect(opened).toEqual(bytes('msg'))
          expect(siv.seal(bytes('aad'), bytes('msg'))).toEqual(bytes('ct'))
        } else expect(opened).toBeUndefined()
      },
    )
    expect(result).toEqual({ run: 147, left: { '256-bit key': 148, '384-bit key': 147 } })
  })

  it('C2SP chunked encryption: Wycheproof', () => {
    const result = wycheproof('c2sp_chunked_encryption_aes_256_gcm_test.json', all, (vector, bytes) => {
      const sealed = inflateSync(bytes('ct'))
      if (vector.flags?.includes('InvalidKeySize')) {
        expect(() => new ChunkedMessage(bytes('key'), Buffer.alloc(24), bytes('ctx'))).toThrow(RangeError)
        return
      }
      const { whole, plain } = openChunked(bytes('key'), bytes('ctx'), sealed)
      expect(whole).toBe(vector.result === 'valid')
      expect(plain.length).toBe(vector['msgLength'] ?? 0)
      if (vector['msgSha512'] !== undefined) expect(hash('sha512', plain)).toBe(vector['msgSha512'])
      if (!whole) return
      const message = new ChunkedMessage(bytes('key'), sealed.subarray(0, saltBytes), bytes('ctx'))
      const again: Buffer[] = [sealed.subarray(0, saltBytes), message.commitment]
      for (let at = 0, index = 0; at <= plain.length; at += chunkBytes)
        again.push(...message.seal(index++, plain.subarray(at, at + chunkBytes)))
      expect(Buffer.concat(again).equals(sealed)).toBe(true)
    })
    expect(result).toEqual({ run: 35, left: {} })
  })

  it('AES-CMAC: Wycheproof', () => {
    const result = wycheproof(
      'aes_cmac_test.json',
      (group) => ([128, 192, 256].includes(group['keySize'] as number) ? undefined : 'no AES key size'),
      (vector, bytes, group) => {
        const mac = new Cmac(secret(bytes('key'))).mac(bytes('msg'))
        const agrees = mac.subarray(0, (group['tagSize'] as number) / 8).equals(bytes('tag'))
        expect(agrees).toBe(vector.result === 'valid')
      },
    )
    expect(result).toEqual({ run: 306, left: { 'no AES key size': 5 } })
  })

  it('HKDF-SHA-512: Wycheproof', () => {
    const result = wycheproof(
      'hkdf_sha512_test.json',
      (_, vector) =>
        vector.result === 'invalid' ? 'longer than HKDF gives: no length here is a parameter' : undefined,
      (vector, bytes) =>
        expect(hkdf512(bytes('ikm'), bytes('salt'), bytes('info'), vector['size'] as number)).toEqual(bytes('okm')),
    )
    expect(result).toEqual({ run: 80, left: { 'longer than HKDF gives: no length here is a parameter': 3 } })
  })

  it('HMAC-SHA-512 of the hot path: Wycheproof', () => {
    const result = wycheproof(
      'hmac_sha512_test.json',
      (group) => ((group['keySize'] as number) > 1024 ? 'key longer than a block: no key here is' : undefined),
      (vector, bytes, group) => {
        const frame = Buffer.concat([Buffer.alloc(hmacHead), bytes('msg')])
        const mac = Buffer.from(new HmacSha512(bytes('key')).mac(frame, frame.length), 'latin1')
        expect(mac.subarray(0, (group['tagSize'] as number) / 8).equals(bytes('tag'))).toBe(vector.result === 'valid')
      },
    )
    expect(result).toEqual({ run: 174, left: {} })
  })

  it('HMAC-SHA-256 of blind indexes: Wycheproof', () => {
    const result = wycheproof('hmac_sha256_test.json', all, (vector, bytes, group) => {
      const mac = blindMac(secret(bytes('key')), bytes('msg'))
      expect(mac.subarray(0, (group['tagSize'] as number) / 8).equals(bytes('tag'))).toBe(vector.result === 'valid')
    })
    expect(result).toEqual({ run: 174, left: {} })
  })

  it('AES-256-KWP of local key-encryption keys: Wycheproof', () => {
    const result = wycheproof(
      'aes_kwp_test.json',
      (group) => (group['keySize'] === 256 ? undefined : `${Number(group['keySize'])}-bit key`),
      (vector, bytes) => {
        const unwrapped = unwrapKey(secret(bytes('key')), bytes('ct'))
        if (vector.result === 'invalid') expect(unwrapped).toBeUndefined()
        else {
          expect(unwrapped).toEqual(bytes('msg'))
          expect(wrapKey(secret(bytes('key')), bytes('msg'))).toEqual(bytes('ct'))
        }
      },
    )
    expect(result).toEqual({ run: 94, left: { '128-bit key': 75, '192-bit key': 85 } })
  })

  it('AES-256-CBC of legacy values: Wycheproof', () => {
    const result = wycheproof(
      'aes_cbc_pkcs5_test.json',
      (group) => (group['keySize'] === 256 ? undefined : `${Number(group['keySize'])}-bit key`),
      (vector, bytes) => {
        const reader = legacyReader({ key: vector['key'] as string, until: '2999-01-01' })
        const read = reader.read(`${vector['iv'] as string}:${vector['ct'] as string}`)
        if (vector.result === 'valid') expect(read).toEqual(bytes('msg'))
        else expect(read).toBeUndefined()
      },
    )
    expect(result).toEqual({ run: 72, left: { '128-bit key': 72, '192-bit key': 72 } })
  })
})

/** C2SP's accumulated test: inputs from one SHAKE-128, ciphertexts into another. */
function accumulatedXaes(iterations: number): string {
  const random = createHash('shake128', { outputLength: iterations * (32 + 24 + 2 + 510) }).digest()
  const out = createHash('shake128', { outputLength: 32 })
  let at = 0
  const read = (length: number): Buffer => random.subarray(at, (at += length))
  const readVector = (): Buffer => read(read(1)[0] as number)
  for (let i = 0; i < iterations; i++) {
    const key = read(32)
    const nonce = read(24)
    const plaintext = readVector()
    const aad = readVector()
    out.update(sealXaes(new Xaes(secret(key)), aad, plaintext, nonce).subarray(56))
  }
  return out.digest('hex')
}
