import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { gcmOpen, gcmSeal, gcmTagBytes } from './gcm.ts'

/** Plaintext bytes of every chunk but the last, which is always shorter. */
export const chunkBytes = 16_384
/** The same chunk, encrypted. */
export const sealedChunkBytes: number = chunkBytes + gcmTagBytes
/** Bytes of salt at the start. */
export const saltBytes = 24
const commitmentBytes = 32
/** Salt and commitment. */
export const chunkedHead: number = saltBytes + commitmentBytes
/** A message may not have more chunks than this: 4 PiB. */
const maxChunks = 2 ** 38

const label = Buffer.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0')
const noAad = Buffer.alloc(0)

/** The key, base nonce and commitment of one message of C2SP chunked encryption (Cobblestone-256: SHA-512 and AES-256-GCM). */
export class ChunkedMessage {
  readonly #key: KeyObject
  readonly #baseNonce: Buffer
  readonly #nonce: Buffer
  readonly commitment: Buffer

  /** @param key 32 uniformly random bytes. @param context bound to the message; may be empty. */
  constructor(key: Uint8Array, salt: Uint8Array, context: Uint8Array) {
    if (key.length !== 32) throw new RangeError('chunked encryption takes a key of 32 bytes')
    const okm = expand(key, Buffer.concat([label, salt, context]), 32 + 12 + commitmentBytes)
    this.#key = createSecretKey(okm.subarray(0, 32))
    this.#baseNonce = okm.subarray(32, 44)
    this.#nonce = Buffer.from(this.#baseNonce)
    this.commitment = okm.subarray(44)
    okm.fill(0, 0, 32)
  }

  /** Whether this is the message's commitment: checked before any chunk is opened. */
  committed(commitment: Uint8Array): boolean {
    return commitment.length === commitmentBytes && timingSafeEqual(commitment, this.commitment)
  }

  /** The chunk's ciphertext and its tag. */
  seal(index: number, chunk: Uint8Array): Buffer[] {
    const { text, tag } = gcmSeal(this.#key, this.#nonceOf(index), noAad, chunk)
    return [text, tag]
  }

  /** The chunk, or `undefined` when it is not authentic at this place. */
  open(index: number, sealed: Uint8Array): Buffer | undefined {
    return gcmOpen(this.#key, this.#nonceOf(index), noAad, sealed)
  }

  #nonceOf(index: number): Buffer {
    if (index >= maxChunks) throw new RangeError('the message has more than 2^38 chunks')
    const nonce = this.#nonce
    const base = this.#baseNonce
    for (let i = 11, rest = index; i > 6; i--) {
      nonce[i] = (base[i] as number) ^ (rest % 256)
      rest = Math.floor(rest / 256)
    }
    return nonce
  }
}

/** Encrypted bytes of a message of `length` bytes, head included. */
export function sealedLength(length: number): number {
  return chunkedHead + length + (Math.floor(length / chunkBytes) + 1) * gcmTagBytes
}

/** Plaintext bytes of a message of `sealed` bytes, head included; -1 when no message has that length. */
export function openedLength(sealed: number): number {
  const body = sealed - chunkedHead
  const last = body % sealedChunkBytes
  if (body < gcmTagBytes || last < gcmTagBytes) return -1
  return Math.floor(body / sealedChunkBytes) * chunkBytes + last - gcmTagBytes
}

/** HKDF-Expand with SHA-512 (RFC 5869, section 2.3): the input key is uniform already, so there is nothing to extract. */
function expand(key: Uint8Array, info: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let i = 1, made = 0; made < length; i++, made += 64) {
    const hmac = createHmac('sha512', key)
    const last = blocks.at(-1)
    if (last) hmac.update(last)
    blocks.push(hmac.update(info).update(Uint8Array.of(i)).digest())
  }
  return Buffer.concat(blocks).subarray(0, length)
}
