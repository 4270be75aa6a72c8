import { createCipheriv, createDecipheriv, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { Cipheriv, Decipheriv, KeyObject } from 'node:crypto'
import { HmacSha512, hmacHead } from './hmac-sha512.ts'
import { randomInto } from './random.ts'

/** Bytes of IV before the ciphertext. */
export const ivBytes = 16
/** Bytes of tag after it. */
export const tagBytes = 32
const zeroBlock = Buffer.alloc(16)
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
    for (let i = start + length; i < end; i++) frame[i] = padding
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

  /** Whether the body that stands from `aadEnd` to `end` is authentic. To be asked before {@link decrypt}, always. */
  authentic(frame: Buffer, aadEnd: number, end: number): boolean {
    const tagAt = end - tagBytes
    const length = tagAt - ivBytes - aadEnd
    if (length < 16 || length % 16 !== 0) return false
    frame.copy(this.#claimed, 0, tagAt, end)
    this.#computed.write(this.#mac(frame, aadEnd, tagAt), 0, tagBytes, 'latin1')
    return timingSafeEqual(this.#claimed, this.#computed)
  }

  /**
   * Decrypts bodies without their tags, one or many in a row. Each keeps its length: what stands where its IV stood means nothing,
   * after it comes the padded text. CBC chains through the IV as through any block, so nothing is left of one body in the next.
   */
  decrypt(bodies: Buffer): Buffer {
    const decipher = this.#decipher ?? createDecipheriv('aes-256-cbc', this.#key, zeroBlock).setAutoPadding(false)
    this.#decipher = undefined
    const opened = decipher.update(bodies)
    this.#decipher = decipher
    return opened
  }

  /** HMAC-SHA-512 over additional data, IV, ciphertext and the additional data's length in bits. */
  #mac(frame: Buffer, aadEnd: number, end: number): string {
    const bits = (aadEnd - hmacHead) * 8
    // the upper four bytes of the length are always zero
    for (let i = 0; i < 4; i++) frame[end + i] = 0
    frame.writeUInt32BE(bits, end + 4)
    return this.#hmac.mac(frame, end + 8)
  }
}

/**
 * Where the text ends that is padded from `start` to `end`; -1 when it is not. Only asked once the tag is right, so that telling
 * good padding from bad helps no attacker.
 */
export function textEnd(bytes: Buffer, start: number, end: number): number {
  const padding = bytes[end - 1] as number
  if (padding < 1 || padding > 16 || end - padding < start) return -1
  for (let i = end - padding; i < end; i++) if (bytes[i] !== padding) return -1
  return end - padding
}

/** A context that starts from a zero block, and says so in `chain`. */
function newCipher(key: KeyObject, chain: Buffer): Cipheriv {
  return createCipheriv('aes-256-cbc', key, chain.fill(0)).setAutoPadding(false)
}
