/**
 * What a claim found. `claimed`: yours to do, under a token; `in-flight`: somebody is at it, and their lease runs;
 * `completed`: it is done; `mismatch`: the key was claimed for something else.
 */
export type Claim =
  | { readonly state: 'claimed'; readonly token: string }
  | { readonly state: 'in-flight' }
  | { readonly state: 'completed'; readonly result?: unknown }
  | { readonly state: 'mismatch' }

/** How a claim is made. */
export interface ClaimOptions<Tx = unknown> {
  /** What the key stands for: the same key with another fingerprint is a mismatch. */
  readonly fingerprint: string
  /** Milliseconds after which another may take over, should this process have died. */
  readonly lease: number
  /** The caller's open transaction, for a store that lives in the same database: the claim then holds exactly if it commits. */
  readonly tx?: Tx
}

/**
 * Remembers what has been done, so that it is not done twice: claim, then complete or release. The port is structural:
 * the idempotency stores of `@shop/retry` are of the same shape, and either takes the other's.
 */
export interface ClaimStore<Tx = unknown> {
  claim(key: string, options: ClaimOptions<Tx>): Claim | Promise<Claim>
  /** Done, with a result that later claims are told. @throws when the lease ran out and another took over. */
  complete(token: string, result?: unknown): void | Promise<void>
  /** Not done: the next claim may have it at once. */
  release(token: string): void | Promise<void>
  /** For the order guard: records a position, and tells whether it is not before the one already there. */
  advance?(key: string, position: number, tx?: Tx): boolean | Promise<boolean>
}
