import { createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { Cmac } from './cmac.ts'
import { gcmOpen, gcmSeal, gcmTagBytes } from './gcm.ts'
import { randomInto } from './random.ts'

const nonceBytes = 24
const commitmentBytes = 32
const sealedAt = nonceBytes + commitmentBytes
/** Bytes a sealed body has beyond its plaintext. */
export const xaesOverhead: number = sealedAt + gcmTagBytes

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

  /** @param key 32 bytes. */
  constructor(key: KeyObject) {
    if (key.symmetricKeySize !== 32) throw new RangeError('XAES-256-GCM takes a key of 32 bytes')
    this.#cmac = new Cmac(key)
    this.#commitment = this.#cmac.macBlocks(counterBlocks(0x43, Buffer.from('shop/e1-xaes')))
  }

  /** Seals the concatenation of `parts`, so that a kind byte and a string need no joining. */
  seal(aad: Uint8Array, parts: readonly (Uint8Array | string)[], nonce: Buffer = freshNonce()): Buffer {
    return Buffer.concat([nonce, this.#commitment, ...gcmSeal(this.messageKey(nonce), nonce.subarray(12), aad, parts)])
  }

  /** The plaintext, or `undefined` when the body is not authentic. */
  open(aad: Uint8Array, body: Buffer): Buffer | undefined {
    if (body.length < xaesOverhead) return undefined
    const nonce = body.subarray(0, nonceBytes)
    const committed = timingSafeEqual(body.subarray(nonceBytes, sealedAt), this.#commitment)
    // opened in any case, so that a wrong commitment takes as long as a wrong tag
    const plain = gcmOpen(this.messageKey(nonce), nonce.subarray(12), aad, body.subarray(sealedAt))
    return committed ? plain : undefined
  }

  /** The AES-256-GCM key of the first 12 bytes of a nonce (C2SP XAES-256-GCM, steps 3 to 5). */
  messageKey(nonce: Uint8Array): KeyObject {
    const derived = this.#cmac.macBlocks(counterBlocks(0x58, nonce))
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

function freshNonce(): Buffer {
  const nonce = Buffer.allocUnsafe(nonceBytes)
  randomInto(nonce, 0, nonceBytes)
  return nonce
}
