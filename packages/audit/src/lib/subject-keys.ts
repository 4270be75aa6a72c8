/**
 * What the trail needs of subject keys: a key of its own for every person, so that destroying it makes everything
 * sealed under it unreadable, in backups too. `cryptoSubjectKeys` gives them from `@shop/crypto`.
 */
export interface SubjectKeys {
  /** Encrypts under the subject's key, making one when there is none. The context is bound, not stored. */
  seal(subject: string, plaintext: Uint8Array, context: string): Uint8Array | Promise<Uint8Array>
  /** Decrypts; `undefined` once the key is destroyed. */
  open(subject: string, sealed: Uint8Array, context: string): Promise<Uint8Array | undefined>
  /** Destroys the subject's key for good. */
  forget(subject: string): Promise<void>
}
