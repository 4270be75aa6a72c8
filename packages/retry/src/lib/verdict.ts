/**
 * Whether sending again is safe:
 * - `always`: nothing was processed, any request may go again;
 * - `idempotent`: it may have been processed, so only an idempotent or keyed request may go again;
 * - `unknown`: it may have been committed and cannot be told; never retried blindly, whatever the request;
 * - `never`: trying again gives the same answer.
 */
export type Retryable = 'always' | 'idempotent' | 'unknown' | 'never'

/** One row of a classification table. */
export interface Row {
  readonly retry: Retryable
  /** Whether it counts against the dependency's health (the breaker), or the request alone was wrong. */
  readonly fault: boolean
  /** Whether it says "too much": the adaptive limit shrinks on it. */
  readonly overload: boolean
  readonly why: string
}

/** What the tables say of one error or result. */
export interface Verdict extends Row {
  /** The table that knew it; `none` when none did. */
  readonly domain: 'status' | 'network' | 'postgres' | 'stripe' | 'own' | 'language' | 'none'
  /** The row: `503`, `ECONNRESET`, `40001`. */
  readonly row: string
}

/** A row of a table; `fault` by default, no `overload` by default. */
export function row(retry: Retryable, why: string, marks: { fault?: boolean; overload?: boolean } = {}): Row {
  return { retry, why, fault: marks.fault ?? true, overload: marks.overload ?? false }
}
