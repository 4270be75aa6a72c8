import { createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { Cmac } from './cmac.ts'
import { gcmOpen, gcmSeal, gcmTagBytes } from './gcm.ts'
import { randomInto } from './random.ts'

const nonceBytes = 24
const commitmentBytes = 32
/** Where the text stands in a body. */
export const xaesTextAt: number = nonceBytes + commitmentBytes
/** Bytes a sealed body has beyond its plaintext. */
export const xaesOverhead: number = xaesTextAt + gcmTagBytes

/**
 * XAES-256-GCM (C2SP) with a key commitment: nonce, commitment, ciphertext, tag.
 *
 * GCM alone does not commit: one ciphertext can be made to open under two keys. The commitment is two CMAC blocks over constants,
 * so it is a function of the key alone: an attacker has no nonce to play with, a collision of two keys costs 2^128, and a key's
 * commitment is computed once. It says no more than the key id beside it.
 */
export class Xaes {
  readonly #cmac: Cmac
  readonly #commitment: Buffer
  readonly #blocks: Buffer = counterBlocks(0x58, Buffer.alloc(12))

  /** @param key 32 bytes. */
  constructor(key: KeyObject) {
    if (key.symmetricKeySize !== 32) throw new RangeError('XAES-256-GCM takes a key of 32 bytes')
    this.#cmac = new Cmac(key)
    this.#commitment = this.#cmac.macBlocks(counterBlocks(0x43, Buffer.from('shop/e1-xaes')))
  }

  /**
   * Seals `length` bytes of text that stand in `work` after {@link xaesTextAt} free bytes, in place.
   * @returns the end of the body, which starts at 0.
   */
  seal(aad: Uint8Array, work: Buffer, length: number, nonce?: Uint8Array): number {
    if (nonce === undefined) randomInto(work, 0, nonceBytes)
    else work.set(nonce, 0)
    work.set(this.#commitment, nonceBytes)
    const end = xaesTextAt + length
    const sealed = gcmSeal(this.messageKey(work), work.subarray(12, nonceBytes), aad, work.subarray(xaesTextAt, end))
    work.set(sealed.text, xaesTextAt)
    work.set(sealed.tag, end)
    return end + gcmTagBytes
  }

  /** The plaintext, or `undefined` when the body is not authentic. */
  open(aad: Uint8Array, body: Buffer): Buffer | undefined {
    if (body.length < xaesOverhead) return undefined
    const committed = timingSafeEqual(body.subarray(nonceBytes, xaesTextAt), this.#commitment)
    // opened in any case, and with a tag spoilt, so that a wrong commitment fails as a wrong tag does and takes as long
    if (!committed) body[body.length - 1] = (body[body.length - 1] as number) ^ 1
    const plain = gcmOpen(this.messageKey(body), body.subarray(12, nonceBytes), aad, body.subarray(xaesTextAt))
    return committed ? plain : undefined
  }

  /** The AES-256-GCM key of the first 12 bytes of a nonce (C2SP XAES-256-GCM, steps 3 to 5). */
  messageKey(nonce: Uint8Array): KeyObject {
    const blocks = this.#blocks
    for (let j = 0; j < 12; j++) blocks[20 + j] = blocks[4 + j] = nonce[j] as number
    const derived = this.#cmac.macBlocks(blocks)
    const key = createSecretKey(derived)
    derived.fill(0)
    return key
  }
}

/** NIST SP 800-108 counter blocks 1 and 2 with a 16-bit counter, a one-letter label and a 12-byte context. */
function counterBlocks(letter: number, context: Uint8Array): Buffer {
  const blocks = Buffer.alloc(32)
  for (let i = 0; i < 2; i++) {
    blocks[i * 16 + 1] = i + 1
    blocks[i * 16 + 2] = letter
    for (let j = 0; j < 12; j++) blocks[i * 16 + 4 + j] = context[j] as number
  }
  return blocks
}
