/**
 * Why a call failed:
 * `open` the circuit was open; `limit` a limit, bulkhead or throttle shed it; `budget` it failed and the retry budget was empty;
 * `deadline` the total time was up; `aborted` the caller's signal, or the pipeline was disposed; `error` the function's own error.
 */
export type Reason = 'open' | 'budget' | 'deadline' | 'limit' | 'aborted' | 'error'

/** A call that succeeded. */
export interface Success<T> {
  readonly ok: true
  readonly value: T
}

/** A call that failed, as a value. */
export interface Failure {
  readonly ok: false
  readonly reason: Reason
  readonly error: unknown
  /** How often the function was called, hedges not counted. */
  readonly attempts: number
}

/** What `tryRun` gives. */
export type Result<T> = Success<T> | Failure
