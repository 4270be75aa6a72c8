import { createCipheriv, createDecipheriv, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { Cmac, double, xorInto } from './cmac.ts'

/** Bytes a sealed body has beyond its plaintext. */
export const sivOverhead = 16

/**
 * AES-256-SIV (RFC 5297): deterministic, so equal values give equal tokens. It tells whoever reads the table which rows are equal,
 * and how often each value occurs: only for columns that must be joined or kept unique, and never for few possible values.
 */
export class Siv {
  readonly #mac: Cmac
  readonly #encryption: KeyObject

  /** @param key 64 bytes: the MAC key, then the encryption key. */
  constructor(key: Uint8Array) {
    if (key.length !== 64) throw new RangeError('AES-256-SIV takes a key of 64 bytes')
    this.#mac = new Cmac(createSecretKey(key.subarray(0, 32)))
    this.#encryption = createSecretKey(key.subarray(32))
  }

  /** The synthetic IV, then the ciphertext. */
  seal(aad: Uint8Array, plain: Uint8Array): Buffer {
    const iv = this.#s2v(aad, plain)
    return Buffer.concat([iv, createCipheriv('aes-256-ctr', this.#encryption, counter(iv)).update(plain)])
  }

  /** The plaintext, or `undefined` when the body is not authentic. */
  open(aad: Uint8Array, body: Buffer): Buffer | undefined {
    if (body.length < sivOverhead) return undefined
    const iv = body.subarray(0, 16)
    const plain = createDecipheriv('aes-256-ctr', this.#encryption, counter(iv)).update(body.subarray(16))
    if (timingSafeEqual(this.#s2v(aad, plain), iv)) return plain
    plain.fill(0)
    return undefined
  }

  #s2v(aad: Uint8Array, plain: Uint8Array): Buffer {
    const d = double(Buffer.from(this.#mac.mac(new Uint8Array(16))))
    xorInto(d, 0, this.#mac.mac(aad))
    if (plain.length >= 16) {
      const tail = Buffer.from(plain)
      xorInto(tail, tail.length - 16, d)
      return this.#mac.mac(tail)
    }
    double(d)
    for (let i = 0; i < plain.length; i++) d[i] = (d[i] as number) ^ (plain[i] as number)
    d[plain.length] = (d[plain.length] as number) ^ 0x80
    return this.#mac.mac(d)
  }
}

/** The IV with the two bits cleared that let implementations count in 32-bit words. */
function counter(iv: Uint8Array): Buffer {
  const start = Buffer.from(iv)
  start[8] = (start[8] as number) & 0x7f
  start[12] = (start[12] as number) & 0x7f
  return start
}
