/**
 * A key-encryption key: what stands between a keyset at rest and its keys. It may live in a file, in the environment, or in a
 * service; only loading and rotating ever call it, encrypting and decrypting never do.
 */
export interface KeyWrapper {
  /** Names the wrapper in the keyset: `env:…`, `file:…`, `aws-kms:…`, `vault-transit:…`. */
  readonly name: string
  wrap(key: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
  /** @throws ERR_SHOP_CRYPTO_KEY_WRAP when the wrapped key is not authentic. */
  unwrap(wrapped: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
  /** A fresh 32-byte key and its wrapped form, made by the service itself where it can. */
  generateDataKey(signal?: AbortSignal): Promise<{ readonly key: Uint8Array; readonly wrapped: Uint8Array }>
}
