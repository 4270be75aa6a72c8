import type { Priority } from './gate.ts'

/** What the function of a pipeline is told about its call. */
export interface Context {
  /** 1 for the first attempt. */
  readonly attempt: number
  /** True for the second copy of a request that {@link hedge} sent. */
  readonly hedged: boolean
  /** Aborted when the attempt times out, the deadline passes, the caller leaves, or another copy wins. Made on first use. */
  readonly signal: AbortSignal
  /** Milliseconds until this attempt is given up; Infinity when nothing limits it. What {@link Pipeline.fetch} tells the server. */
  readonly remaining: number
}

/** The work a pipeline guards. */
export type Task<T> = (context: Context) => T | PromiseLike<T>

/** What one call may say about itself. */
export interface RunOptions {
  /** Ends the call at once: no further attempt, no timer left. */
  readonly signal?: AbortSignal
  /** Who is shed first when a limit is reached. @default 'normal' */
  readonly priority?: Priority
  /** Whether repeating this request is harmless: it is a read, or it carries an idempotency key. @default the retry's own `idempotent` */
  readonly idempotent?: boolean
  /** True when the function cannot be called twice (its body is a stream): no retry, no hedge. @default false */
  readonly once?: boolean
  /** A shorter total time for this call, in milliseconds: what is left of the caller's own deadline. */
  readonly deadline?: number
}
