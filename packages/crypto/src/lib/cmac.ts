import { createCipheriv } from 'node:crypto'
import type { Cipheriv, KeyObject } from 'node:crypto'

/** AES-CMAC (NIST SP 800-38B, RFC 4493) under one key, with kept cipher contexts. */
export class Cmac {
  readonly #key: KeyObject
  readonly #k1: Buffer
  readonly #k2: Buffer
  readonly #chain: Buffer = Buffer.alloc(16)
  #cbc: Cipheriv | undefined
  #ecb: Cipheriv | undefined

  constructor(key: KeyObject) {
    this.#key = key
    this.#k1 = double(this.#block(Buffer.alloc(16)))
    this.#k2 = double(Buffer.from(this.#k1))
  }

  /** The MAC of a message, 16 bytes. */
  mac(message: Uint8Array): Buffer {
    const blocks = Math.max(1, Math.ceil(message.length / 16))
    const padded = Buffer.alloc(blocks * 16)
    padded.set(message)
    const whole = message.length === padded.length
    if (!whole) padded[message.length] = 0x80
    xorInto(padded, padded.length - 16, whole ? this.#k1 : this.#k2)
    const chain = this.#chain
    const cbc =
      this.#cbc ?? createCipheriv(`aes-${bits(this.#key)}-cbc`, this.#key, chain.fill(0)).setAutoPadding(false)
    this.#cbc = undefined
    xorInto(padded, 0, chain)
    const out = cbc.update(padded)
    out.copy(chain, 0, out.length - 16)
    this.#cbc = cbc
    return out.subarray(out.length - 16)
  }

  /** The MACs of several messages of exactly one block each, in one call. */
  macBlocks(messages: Buffer): Buffer {
    for (let at = 0; at < messages.length; at += 16) xorInto(messages, at, this.#k1)
    const macs = this.#block(messages)
    // the messages are the caller's, and stay as they were
    for (let at = 0; at < messages.length; at += 16) xorInto(messages, at, this.#k1)
    return macs
  }

  #block(blocks: Buffer): Buffer {
    const ecb = this.#ecb ?? createCipheriv(`aes-${bits(this.#key)}-ecb`, this.#key, null).setAutoPadding(false)
    this.#ecb = undefined
    const out = ecb.update(blocks)
    this.#ecb = ecb
    return out
  }
}

/** Doubles a block in GF(2^128), in place. */
export function double(block: Buffer): Buffer {
  const carry = (block[0] as number) >>> 7
  for (let i = 0; i < 15; i++) block[i] = (((block[i] as number) << 1) & 0xff) | ((block[i + 1] as number) >>> 7)
  block[15] = (((block[15] as number) << 1) & 0xff) ^ (carry * 0x87)
  return block
}

/** XORs 16 bytes of `mask` into `block` at `at`. */
export function xorInto(block: Buffer, at: number, mask: Uint8Array): void {
  for (let i = 0; i < 16; i++) block[at + i] = (block[at + i] as number) ^ (mask[i] as number)
}

function bits(key: KeyObject): number {
  return (key.symmetricKeySize as number) * 8
}
