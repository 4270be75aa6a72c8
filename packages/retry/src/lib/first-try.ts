import type { Task } from './context.ts'
import type { Plan } from './plan.ts'
import type { Owner, Try } from './try.ts'

/**
 * The first invocation of the function: its context and its caller's promise. One is made per call, so its fields are plain:
 * defining private names costs a tenth of the whole call.
 */
export class FirstTry implements Try {
  readonly started: number
  readonly era: number
  readonly task: Task<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** Who knows better how much time is left, once somebody does. */
  owner: Owner
  private controller: AbortController | undefined

  constructor(
    plan: Plan,
    task: Task<unknown>,
    started: number,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.started = started
    this.era = plan.era.era
    this.task = task
    this.resolve = resolve
    this.reject = reject
    this.owner = plan
    this.controller = undefined
  }

  get attempt(): number {
    return 1
  }

  get hedged(): boolean {
    return false
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    return this.controller.signal
  }

  get remaining(): number {
    return this.owner.remaining()
  }

  abort(reason: unknown): void {
    this.controller ??= new AbortController()
    this.controller.abort(reason)
  }
}
