/**
 * What the trail needs of subject keys: a key of its own for every person, so that destroying it makes everything
 * sealed under it unreadable, in backups too. `cryptoSubjectKeys` gives them from `@shop/crypto`.
 */
export interface SubjectKeys {
  /**
   * Encrypts under the subject's key, making one when there is none. The context is bound, not stored.
   * `undefined` for a subject who was forgotten: the event is recorded with its commitments and without the values.
   */
  seal(
    subject: string,
    plaintext: Uint8Array,
    context: string,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Decrypts; `undefined` once the key is destroyed. */
  open(subject: string, sealed: Uint8Array, context: string): Promise<Uint8Array | undefined>
  /** Destroys the subject's key for good. @returns whether there was one */
  forget(subject: string): Promise<boolean>
  /** Whether the subject was forgotten. */
  isForgotten(subject: string): Promise<boolean>
}
