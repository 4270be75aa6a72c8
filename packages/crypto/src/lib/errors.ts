/** Every code this package raises, with what it means. The README's table lists the same codes; a test compares them. */
export const codes = {
  ERR_SHOP_CRYPTO_OPTION: 'An option is unknown, of the wrong type or out of range.',
  ERR_SHOP_CRYPTO_MASTER_KEY: 'The master key is missing or is not 64 hexadecimal characters.',
  ERR_SHOP_CRYPTO_KEYSET: 'A keyset is malformed: bad JSON, duplicate id, no single primary, wrong key length.',
  ERR_SHOP_CRYPTO_KEY_STATE: 'A key cannot do what was asked in its state.',
  ERR_SHOP_CRYPTO_KEY_WINDOW: 'The primary key may not encrypt now: before notBefore or after notAfter.',
  ERR_SHOP_CRYPTO_KEY_WRAP: 'A key could not be wrapped or unwrapped by its key-encryption key.',
  ERR_SHOP_CRYPTO_CONTEXT: 'The context is incomplete or too long: table, column and row are required.',
  ERR_SHOP_CRYPTO_VALUE: 'The value is of a type that cannot be encrypted and read back unchanged.',
  ERR_SHOP_CRYPTO_TOO_LARGE: 'The value is longer than maxBytes.',
  ERR_SHOP_CRYPTO_PHONE: 'The text is not a phone number that can be normalised to E.164.',
  ERR_SHOP_CRYPTO_DECRYPT: 'The token could not be decrypted. Which check failed is told only on a channel.',
  ERR_SHOP_CRYPTO_INDEX_UNSAFE: 'The planner refuses this blind index: too wide, too narrow or on too few values.',
  ERR_SHOP_CRYPTO_SUBJECT_UNKNOWN: 'The data subject has no key.',
  ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN: 'The data subject was forgotten: the key no longer exists.',
  ERR_SHOP_CRYPTO_LEDGER: 'A line of the erasure ledger is damaged.',
  ERR_SHOP_CRYPTO_ENVELOPE: 'The envelope service (KMS, Transit) answered with an error or not in time.',
  ERR_SHOP_CRYPTO_REENCRYPT: 'A re-encryption or migration run cannot start or go on.',
  ERR_SHOP_CRYPTO_CLI: 'The command line is incomplete or contradicts itself.',
} as const

/** A stable error code of this package. */
export type CryptoErrorCode = keyof typeof codes

/** The one error class of this package. Its message names what to change and never holds a key or a plaintext. */
export class CryptoError extends Error {
  override readonly name: string = 'CryptoError'
  readonly code: CryptoErrorCode
  constructor(code: CryptoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * A token that cannot be decrypted, whatever the reason: malformed, unknown or destroyed key, wrong context, failed check.
 * Code, message and shape never differ; the reason is published on `shop:crypto:decrypt-failed`.
 */
export class DecryptionError extends CryptoError {
  override readonly name: string = 'DecryptionError'
  constructor() {
    super('ERR_SHOP_CRYPTO_DECRYPT', 'the token could not be decrypted')
  }
}
