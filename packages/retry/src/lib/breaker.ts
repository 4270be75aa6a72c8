import type { Piece } from './compile.ts'
import type { Duration } from './duration.ts'
import { retryEvents } from './events.ts'
import { type Gate, NO_ERA, type Outcome, Refusal, type Waiter } from './gate.ts'
import { decimal, duration, integer, oneOf, optional, readOptions } from './options.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import { Strategy } from './strategy.ts'
import { CountWindow, TimeWindow, type Window } from './window.ts'

/** How {@link breaker} decides. */
export interface BreakerOptions {
  /** The last so many calls are looked at. @default 100 */
  readonly calls?: number
  /** Looks at the last while instead of the last calls. */
  readonly window?: Duration
  /** How many calls must be in the window before a rate means anything. @default 20 */
  readonly minimum?: number
  /** The share of failures that opens the circuit. @default 0.7, because a dependency that answers every second call is worth calling */
  readonly failureRate?: number
  /** So many failures in a row open it too, whatever the rate. @default off */
  readonly consecutive?: number
  /** A call that takes longer is slow. @default off, and then no clock is read */
  readonly slowerThan?: Duration
  /** The share of slow calls that opens the circuit. @default 0.8 */
  readonly slowRate?: number
  /** How long it stays open the first time. @default '100ms' */
  readonly openFor?: Duration
  /** What each reopening multiplies that with. @default 2 */
  readonly growth?: number
  /** The longest it stays open. @default '500ms' */
  readonly maxOpenFor?: Duration
  /** How many probes must succeed before it closes; each success admits two more at a time. @default 3 */
  readonly probes?: number
  /** How many calls may wait for the probes; the others fail at once. @default 10 */
  readonly waiters?: number
  /** Starts forced: `open` refuses all, `disabled` does nothing, `metrics` counts and never refuses. @default 'auto' */
  readonly mode?: BreakerMode
  /** The name in events. @default the pipeline's */
  readonly name?: string
}

/** What a breaker is told to do, whatever it sees. */
export type BreakerMode = 'auto' | 'open' | 'disabled' | 'metrics'

/** What a breaker does now; each state carries only what is legal in it. */
export type BreakerState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: number; readonly why: string }
  | { readonly kind: 'half-open'; readonly passed: number; readonly probing: number }
  | { readonly kind: 'forced-open' | 'disabled' | 'metrics-only' }

/** A change of state, as told to listeners. */
export interface BreakerChange {
  readonly from: BreakerState['kind']
  readonly to: BreakerState['kind']
  readonly why: string
}

type Listener = (change: BreakerChange) => void

/** Closed for so many times the longest open time, a breaker forgets how often it reopened. */
const STEADY = 10

const CLOSED = { kind: 'closed' } as const satisfies BreakerState
const FORCED = {
  open: { kind: 'forced-open' },
  disabled: { kind: 'disabled' },
  metrics: { kind: 'metrics-only' },
} as const satisfies Readonly<Record<Exclude<BreakerMode, 'auto'>, BreakerState>>

/** A circuit breaker: stops sending to what fails, and asks again a little at a time. */
export class Breaker extends Strategy implements Gate {
  readonly piece: Piece
  readonly timed: boolean
  /** Counts the changes of state. */
  era = 0
  readonly #window: Window
  readonly #timeWindow: TimeWindow | undefined
  readonly #minimum: number
  readonly #failureRate: number
  readonly #consecutive: number
  readonly #slowerThan: number
  readonly #slowRate: number
  readonly #openFor: number
  readonly #growth: number
  readonly #maxOpenFor: number
  readonly #probes: number
  readonly #waiters: number
  readonly #waiting: Waiter[] = []
  readonly #listeners = new Set<Listener>()
  #runtime: Runtime = systemRuntime
  #name: string | undefined
  #state: BreakerState = CLOSED
  #passing = true
  #counting = true
  #inRow = 0
  #reopened = 0
  #closedAt = 0

  constructor(options?: BreakerOptions) {
    super()
    const read = readOptions('breaker', options, {
      calls: integer(1, 10_000_000, 100),
      window: optional(duration('100ms', '1h', '10s')),
      minimum: integer(1, 10_000_000, 20),
      failureRate: decimal(0.01, 1, 0.7),
      consecutive: optional(integer(1, 1_000_000, 1)),
      slowerThan: optional(duration(1, '1h', '1s')),
      slowRate: decimal(0.01, 1, 0.8),
      openFor: duration(1, '1h', '100ms'),
      growth: decimal(1, 10, 2),
      maxOpenFor: duration(1, '24h', '500ms'),
      probes: integer(1, 1000, 3),
      waiters: integer(0, 10_000, 10),
      mode: oneOf(['auto', 'open', 'disabled', 'metrics'], 'auto'),
      name: (_option, value) => (value === undefined ? undefined : String(value)),
    })
    this.#timeWindow = read.window === undefined ? undefined : new TimeWindow(read.window)
    this.#window = this.#timeWindow ?? new CountWindow(read.calls)
    this.#minimum = read.window === undefined ? Math.min(read.minimum, read.calls) : read.minimum
    this.#failureRate = read.failureRate
    this.#consecutive = read.consecutive ?? Infinity
    this.#slowerThan = read.slowerThan ?? Infinity
    this.#slowRate = read.slowRate
    this.#openFor = read.openFor
    this.#growth = read.growth
    this.#maxOpenFor = Math.max(read.maxOpenFor, read.openFor)
    this.#probes = read.probes
    this.#waiters = read.waiters
    this.#name = read.name
    this.timed = read.slowerThan !== undefined
    this.piece = { kind: 'breaker', gate: this }
    this.force(read.mode)
  }

  /** What it does now. */
  get state(): BreakerState {
    return this.#state
  }

  /** What it has seen: calls in the window, failures and slow calls among them. */
  get counts(): { readonly total: number; readonly failed: number; readonly slow: number } {
    const { total, failed, slow } = this.#window
    return { total, failed, slow }
  }

  /** Tells it what to do, whatever it sees; `auto` gives the decision back to it. */
  force(mode: BreakerMode): void {
    if (
      mode === 'auto' &&
      (this.#state.kind === 'closed' || this.#state.kind === 'open' || this.#state.kind === 'half-open')
    )
      return
    this.#become(mode === 'auto' ? CLOSED : FORCED[mode], 'forced')
  }

  /** Opens it because somebody else has seen enough: the quorum of a cluster. Does nothing unless it is closed. */
  open(why: string): void {
    if (this.#state.kind === 'closed') this.#trip(why)
  }

  /** Calls back on each change of state; returns what ends that. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  attach(pipeline: string, runtime: Runtime): void {
    this.#name ??= pipeline
    this.#runtime = runtime
  }

  enter(): Refusal | undefined {
    return this.#passing ? undefined : this.#enterSlowly()
  }

  wait(waiter: Waiter): boolean {
    if (this.#state.kind !== 'half-open' || this.#waiting.length >= this.#waiters) return false
    this.#waiting.push(waiter)
    return true
  }

  forget(waiter: Waiter): void {
    const at = this.#waiting.indexOf(waiter)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  leave(outcome: Outcome, elapsedMs: number, era: number): void {
    // a later gate refused what this one had let in: its place as a probe is free again
    if (era === NO_ERA && this.#state.kind === 'half-open' && this.#state.probing > 0)
      return this.#probed('ignored', false)
    if (era !== this.era) return
    if (outcome === 'ok' && this.#counting) return this.#succeeded(elapsedMs)
    const failed = outcome !== 'ok' && outcome !== 'answered'
    if (this.#state.kind === 'half-open') return this.#probed(outcome, failed)
    if (outcome === 'ignored' || this.#state.kind === 'disabled') return
    this.#window.add(failed, elapsedMs > this.#slowerThan, this.#timeWindow ? this.#runtime.coarse() : 0)
    this.#inRow = failed ? this.#inRow + 1 : 0
    if ((failed || elapsedMs > this.#slowerThan) && this.#state.kind === 'closed') this.#judge()
  }

  /** What happens nearly always, kept short. */
  #succeeded(elapsedMs: number): void {
    const slow = elapsedMs > this.#slowerThan
    this.#window.add(false, slow, this.#timeWindow === undefined ? 0 : this.#runtime.coarse())
    this.#inRow = 0
    if (slow && this.#state.kind === 'closed') this.#judge()
  }

  #judge(): void {
    const { total, failed, slow } = this.#window
    if (this.#inRow >= this.#consecutive) return this.#trip(`${this.#inRow} failures in a row`)
    if (total < this.#minimum) return
    if (failed >= total * this.#failureRate) this.#trip(`${failed} of ${total} calls failed`)
    else if (slow >= total * this.#slowRate) this.#trip(`${slow} of ${total} calls were slow`)
  }

  #trip(why: string): void {
    const now = this.#runtime.now()
    if (this.#state.kind === 'closed' && now - this.#closedAt > STEADY * this.#maxOpenFor) this.#reopened = 0
    const openFor = Math.min(this.#maxOpenFor, this.#openFor * this.#growth ** this.#reopened++)
    // spread, so that a fleet that opened together does not ask again together
    const until = now + openFor * (0.75 + this.#runtime.random() / 2)
    this.#become({ kind: 'open', until, why }, why)
  }

  #enterSlowly(): Refusal | undefined {
    const state = this.#state
    if (state.kind === 'open') {
      const left = state.until - this.#runtime.now()
      if (left > 0)
        return new Refusal('open', 'ERR_SHOP_RETRY_OPEN', `${this.#name}: the circuit is open (${state.why})`, left)
      this.#become({ kind: 'half-open', passed: 0, probing: 1 }, 'asking again')
      return undefined
    }
    if (state.kind !== 'half-open')
      return new Refusal('open', 'ERR_SHOP_RETRY_OPEN', `${this.#name}: the circuit is forced open`)
    if (state.probing >= this.#ramp(state.passed)) return this.#busy
    this.#state = { ...state, probing: state.probing + 1 }
    return undefined
  }

  get #busy(): Refusal {
    return new Refusal('open', 'ERR_SHOP_RETRY_OPEN', `${this.#name}: the circuit is half open and its probes are out`)
  }

  #ramp(passed: number): number {
    return Math.min(1 + 2 * passed, this.#probes - passed)
  }

  #probed(outcome: Outcome, failed: boolean): void {
    const state = this.#state as Extract<BreakerState, { kind: 'half-open' }>
    if (failed && outcome !== 'ignored') return this.#trip('a probe failed')
    const passed = state.passed + (outcome === 'ignored' ? 0 : 1)
    if (passed >= this.#probes) return this.#become(CLOSED, `${passed} probes succeeded`)
    this.#state = { kind: 'half-open', passed, probing: state.probing - 1 }
    this.#admit(this.#ramp(passed) - state.probing + 1)
  }

  #admit(places: number): void {
    for (const waiter of this.#waiting.splice(0, Math.max(0, places))) {
      if (this.enter() === undefined) waiter.granted()
      else waiter.refused(this.#busy)
    }
  }

  #become(state: BreakerState, why: string): void {
    const from = this.#state.kind
    this.#state = state
    this.#passing = state.kind === 'closed' || state.kind === 'disabled' || state.kind === 'metrics-only'
    this.#counting = state.kind === 'closed' || state.kind === 'metrics-only'
    this.era++
    if (state.kind === 'closed') {
      this.#window.clear()
      this.#inRow = 0
      this.#closedAt = this.#runtime.now()
    }
    if (from !== state.kind) this.#tell({ from, to: state.kind, why })
    if (state.kind !== 'half-open') this.#admit(this.#waiting.length)
  }

  #tell(change: BreakerChange): void {
    for (const listener of this.#listeners) listener(change)
    if (retryEvents.breaker.hasSubscribers) retryEvents.breaker.publish({ breaker: this.#name ?? 'breaker', ...change })
  }
}

/**
 * Stops calling what fails: opens when the share of failures (or slow calls) in a window is too high, stays open a little longer
 * each time, asks again with a few probes, and closes when they succeed. Only failures of the dependency count; a 404 is an
 * answer.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function breaker(options?: BreakerOptions): Breaker {
  return new Breaker(options)
}
