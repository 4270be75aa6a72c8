/** What a failed statement means for what it should have written. */
export type Fault =
  /** The connection, the server or a lock: the same rows may pass later, and may already be there. */
  | 'transient'
  /** The rows themselves are refused: they will never pass. */
  | 'data'

/** Sorts a driver's error by SQLSTATE; one without a state is a lost connection. */
export function faultOf(error: unknown): Fault {
  const state: unknown = (error as { code?: unknown } | undefined)?.code
  return typeof state === 'string' && /^2[23][0-9A-Z]{3}$/.test(state) ? 'data' : 'transient'
}
