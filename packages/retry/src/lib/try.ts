import type { Context } from './context.ts'

/** What a try asks of the call it belongs to. */
export interface Owner {
  /** Milliseconds until the try is given up. */
  remaining(): number
}

/** One invocation of the function, as the call sees it. */
export interface Try extends Context {
  /** When it started; 0 where no gate measures. */
  readonly started: number
  /** The breaker's era when it started. */
  readonly era: number
  /** Tells the function that nobody waits any more. */
  abort(reason: unknown): void
}

/** A second, third, … invocation, or a hedge. */
export class LaterTry implements Try {
  readonly attempt: number
  readonly hedged: boolean
  readonly started: number
  readonly era: number
  readonly #owner: Owner
  #controller: AbortController | undefined

  constructor(owner: Owner, attempt: number, hedged: boolean, started: number, era: number) {
    this.#owner = owner
    this.attempt = attempt
    this.hedged = hedged
    this.started = started
    this.era = era
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  get remaining(): number {
    return this.#owner.remaining()
  }

  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }
}
