import { createCipheriv, createDecipheriv, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { Cipheriv, Decipheriv, KeyObject } from 'node:crypto'
import { HmacSha512, hmacHead } from './hmac-sha512.ts'
import { randomInto } from './random.ts'

const ivBytes = 16
const tagBytes = 32
/** Bytes a sealed body has beyond its padded plaintext. */
export const cbcOverhead: number = ivBytes + tagBytes

/**
 * AES-256-CBC with HMAC-SHA-512 (AEAD_AES_256_CBC_HMAC_SHA_512, RFC 7518 section 5.2.5), made for short values.
 *
 * Works in place in a frame: `[128 for HMAC][additional data][IV][text][room for padding and tag]`.
 * Two things make it fast. The cipher context is kept: CBC chains from the last block it wrote, so XORing that block and the new
 * IV into the first block starts a new message without a new context. And HMAC is two one-shot hashes over key blocks made once.
 * A context is taken out while it is used, so one that threw half-way is never used again.
 */
export class CbcHs512 {
  readonly #key: KeyObject
  readonly #hmac: HmacSha512
  readonly #computed: Buffer = Buffer.alloc(tagBytes)
  readonly #claimed: Buffer = Buffer.alloc(tagBytes)
  readonly #sent: Buffer = Buffer.alloc(16)
  readonly #received: Buffer = Buffer.alloc(16)
  #cipher: Cipheriv | undefined
  #decipher: Decipheriv | undefined

  /** @param key 64 bytes: the MAC key, then the encryption key. */
  constructor(key: Uint8Array) {
    if (key.length !== 64) throw new RangeError('A256CBC-HS512 takes a key of 64 bytes')
    this.#key = createSecretKey(key.subarray(32))
    this.#hmac = new HmacSha512(key.subarray(0, 32))
  }

  /**
   * Seals `length` bytes of text that stand after the additional data and 16 free bytes for the IV.
   * @returns the end of the body (IV, ciphertext, tag), which starts at `aadEnd`.
   */
  seal(frame: Buffer, aadEnd: number, length: number, iv?: Uint8Array): number {
    const start = aadEnd + ivBytes
    if (iv === undefined) randomInto(frame, aadEnd, ivBytes)
    else frame.set(iv, aadEnd)
    const padding = 16 - (length % 16)
    const end = start + length + padding
    frame.fill(padding, start + length, end)
    const chain = this.#sent
    const cipher = this.#cipher ?? newCipher(this.#key, chain)
    this.#cipher = undefined
    for (let i = 0; i < 16; i++)
      frame[start + i] = (frame[start + i] as number) ^ (frame[aadEnd + i] as number) ^ (chain[i] as number)
    const sealed = cipher.update(frame.subarray(start, end))
    frame.set(sealed, start)
    sealed.copy(chain, 0, sealed.length - 16)
    this.#cipher = cipher
    frame.write(this.#mac(frame, aadEnd, end), end, tagBytes, 'latin1')
    return end + tagBytes
  }

  /**
   * Opens the body that stands from `aadEnd` to `end`, in place.
   * @returns the length of the text, which starts at `aadEnd + 16`; -1 when the body is not authentic.
   */
  open(frame: Buffer, aadEnd: number, end: number): number {
    const start = aadEnd + ivBytes
    const tagAt = end - tagBytes
    const length = tagAt - start
    if (length < 16 || length % 16 !== 0) return -1
    frame.copy(this.#claimed, 0, tagAt, end)
    this.#computed.write(this.#mac(frame, aadEnd, tagAt), 0, tagBytes, 'latin1')
    if (!timingSafeEqual(this.#claimed, this.#computed)) return -1
    const chain = this.#received
    const decipher = this.#decipher ?? newDecipher(this.#key, chain)
    this.#decipher = undefined
    const opened = decipher.update(frame.subarray(start, tagAt))
    for (let i = 0; i < 16; i++)
      opened[i] = (opened[i] as number) ^ (frame[aadEnd + i] as number) ^ (chain[i] as number)
    frame.copy(chain, 0, tagAt - 16, tagAt)
    this.#decipher = decipher
    frame.set(opened, start)
    opened.fill(0)
    return unpad(frame, start, tagAt)
  }

  /** HMAC-SHA-512 over additional data, IV, ciphertext and the additional data's length in bits. */
  #mac(frame: Buffer, aadEnd: number, end: number): string {
    frame.fill(0, end, end + 4)
    frame.writeUInt32BE((aadEnd - hmacHead) * 8, end + 4)
    return this.#hmac.mac(frame, end + 8)
  }
}

/** Only reached once the tag is right, so that telling good padding from bad helps no attacker. */
function unpad(frame: Buffer, start: number, end: number): number {
  const padding = frame[end - 1] as number
  if (padding < 1 || padding > 16) return -1
  for (let i = end - padding; i < end; i++) if (frame[i] !== padding) return -1
  return end - start - padding
}

/** A context that starts from a zero block, and says so in `chain`. */
function newCipher(key: KeyObject, chain: Buffer): Cipheriv {
  return createCipheriv('aes-256-cbc', key, chain.fill(0)).setAutoPadding(false)
}

function newDecipher(key: KeyObject, chain: Buffer): Decipheriv {
  return createDecipheriv('aes-256-cbc', key, chain.fill(0)).setAutoPadding(false)
}
