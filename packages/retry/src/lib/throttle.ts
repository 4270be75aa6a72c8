import type { Piece } from './compile.ts'
import type { Duration } from './duration.ts'
import { type Gate, type Outcome, Refusal } from './gate.ts'
import { decimal, duration, readOptions } from './options.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import { Strategy } from './strategy.ts'
import { TimeWindow } from './window.ts'

/** How {@link throttle} decides. */
export interface ThrottleOptions {
  /** The while that is looked at. @default '3s' */
  readonly window?: Duration
  /** How many requests per accepted one are let through before it sheds. @default 2 */
  readonly ratio?: number
  /** However bad it is, one request per so much time goes through, to see whether it is over. @default '100ms' */
  readonly probeEvery?: Duration
}

/** Fewer requests in the window say nothing. */
const MINIMUM = 10

/** Sheds in proportion to what the dependency no longer accepts. */
export class Throttle extends Strategy implements Gate {
  readonly piece: Piece
  readonly timed: boolean = false
  readonly #seen: TimeWindow
  readonly #ratio: number
  readonly #probeEvery: number
  #runtime: Runtime = systemRuntime
  #name = 'throttle'
  #letThrough = -Infinity

  constructor(options?: ThrottleOptions) {
    super()
    const read = readOptions('throttle', options, {
      window: duration('100ms', '10m', '3s'),
      ratio: decimal(1, 100, 2),
      probeEvery: duration(1, '1m', '100ms'),
    })
    this.#seen = new TimeWindow(read.window)
    this.#ratio = read.ratio
    this.#probeEvery = read.probeEvery
    this.piece = { kind: 'throttle', gate: this }
  }

  /** The share of requests it sheds now, from 0 to 1. */
  get shedding(): number {
    const { total, failed } = this.#seen
    return Math.max(0, (total - this.#ratio * (total - failed)) / (total + 1))
  }

  attach(pipeline: string, runtime: Runtime): void {
    this.#name = pipeline
    this.#runtime = runtime
  }

  enter(): Refusal | undefined {
    const { total, failed } = this.#seen
    if (total < MINIMUM || total <= this.#ratio * (total - failed)) return undefined
    const now = this.#runtime.now()
    this.#seen.advance(now)
    if (this.#runtime.random() >= this.shedding) return undefined
    if (now - this.#letThrough >= this.#probeEvery) {
      this.#letThrough = now
      return undefined
    }
    this.#seen.add(true, false, now)
    return new Refusal('limit', 'ERR_SHOP_RETRY_LIMIT', `${this.#name}: shed, because too little is accepted`)
  }

  leave(outcome: Outcome): void {
    if (outcome === 'ignored') return
    this.#seen.add(outcome !== 'ok' && outcome !== 'answered', false, this.#runtime.coarse())
  }
}

/**
 * Adaptive throttling (Google SRE book, "Handling Overload"): sheds locally, with a probability of
 * (requests - ratio x accepts) / (requests + 1) over a short window, and lets a probe through now and then whatever the
 * probability. It spares a dependency that many clients share, where one client's concurrency limit cannot go below one.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function throttle(options?: ThrottleOptions): Throttle {
  return new Throttle(options)
}
