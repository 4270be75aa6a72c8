/** What a claim is asked with. */
export interface ClaimOptions {
  /** A digest of the request; another one under the same key is a mismatch. */
  readonly fingerprint: string
  /** Milliseconds after which an unfinished claim may be taken over: its holder is taken for dead. */
  readonly lease: number
  /** The caller's transaction, where the store can work in one: the claim then lives and dies with it. */
  readonly tx?: unknown
}

/** What a claim gives. */
export type Claim =
  | { readonly state: 'claimed'; readonly token: string }
  | { readonly state: 'in-flight' }
  | { readonly state: 'completed'; readonly result?: unknown }
  | { readonly state: 'mismatch' }

/**
 * Remembers what was done: claim before, complete after, release when nothing was done. Exactly one caller gets `claimed` while
 * the lease lasts. Webhook de-duplication has the same shape.
 */
export interface IdempotencyStore {
  claim(key: string, options: ClaimOptions): Claim | Promise<Claim>
  /** The work is done; `result` (JSON) is what later claims get. Nothing happens when the token no longer holds the claim. */
  complete(token: string, result?: unknown, tx?: unknown): void | Promise<void>
  /** The work was not done: the next claim may do it. */
  release(token: string, tx?: unknown): void | Promise<void>
}
