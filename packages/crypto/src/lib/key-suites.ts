import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CbcHs512 } from './cbc-hs512.ts'
import { deriveKey } from './hkdf.ts'
import { Siv } from './siv.ts'
import { Xaes } from './xaes.ts'

/** Bytes of every root key. */
export const rootBytes = 32

/**
 * The suites of one root key. Each suite has a key of its own, derived by HKDF-SHA-512 under its name, on first use:
 * the root itself encrypts nothing, and a suite's key is of no use to another.
 */
export class KeySuites {
  readonly #root: KeyObject
  #cbcHs512: CbcHs512 | undefined
  #xaes: Xaes | undefined
  #siv: Siv | undefined
  #chunked: Buffer | undefined

  constructor(root: KeyObject) {
    this.#root = root
  }

  sameAs(other: KeySuites): boolean {
    return this.#root.equals(other.#root)
  }

  get cbcHs512(): CbcHs512 {
    return (this.#cbcHs512 ??= new CbcHs512(deriveKey(this.#root, 'A256CBC-HS512', 64)))
  }

  get xaes(): Xaes {
    return (this.#xaes ??= new Xaes(createSecretKey(deriveKey(this.#root, 'XAES-256-GCM', 32))))
  }

  get siv(): Siv {
    return (this.#siv ??= new Siv(deriveKey(this.#root, 'AES-256-SIV', 64)))
  }

  /** A key of 32 bytes for one purpose beside encryption. */
  derive(purpose: string): Buffer {
    return deriveKey(this.#root, purpose, 32)
  }

  /** The input key of C2SP chunked encryption. */
  get chunked(): Buffer {
    return (this.#chunked ??= deriveKey(this.#root, 'C2SP chunked AES-256-GCM', 32))
  }
}
