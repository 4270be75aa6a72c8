import type { Piece } from './compile.ts'
import { retryEvents } from './events.ts'
import { type Gate, type Outcome, type Priority, Refusal, type Waiter } from './gate.ts'
import { decimal, integer, readOptions } from './options.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import { Strategy } from './strategy.ts'
import { WaitingRoom } from './waiting-room.ts'
import { Alarm } from './wheel.ts'

/** How {@link adaptiveLimit} finds its limit. */
export interface AdaptiveLimitOptions {
  /** Where it starts. @default 10 */
  readonly initial?: number
  /** It never goes below; below 1 there is a pause between two calls. @default 0.25 */
  readonly min?: number
  /** It never goes above. @default 1000 */
  readonly max?: number
  /** A call is late when it takes so many times the usual time. @default 3 */
  readonly tolerance?: number
  /** What the limit is multiplied with when too many calls are late. @default 0.7 */
  readonly decrease?: number
  /** How many calls may wait for a place; they wait as long as their deadline allows. @default 1000 */
  readonly queue?: number
}

/** What a busy event loop adds by itself: no sign of anything. */
const SLACK_MS = 5
const LONG = 1 / 32
/** So many more late calls than timely ones are evidence (a CUSUM test): a dead shard of ten never gathers it, an overload does at once. */
const EVIDENCE = 4
const DRIFT_HALF_LIFE_MS = 30_000
const REST_MS = 1000
const IDLE_MS = 1000
const IDLE_FLOOR = 4

/** A concurrency limit that finds itself. */
export class AdaptiveLimit extends Strategy implements Gate {
  readonly piece: Piece
  readonly timed: boolean = true
  readonly #min: number
  readonly #max: number
  readonly #tolerance: number
  readonly #decrease: number
  readonly #room: WaitingRoom
  #runtime: Runtime = systemRuntime
  #name = 'adaptiveLimit'
  #limit: number
  #threshold = Infinity
  #running = 0
  #resting = false
  #usual = 0
  #lateness = 0
  #grace = 0
  #sampledAt = 0
  #peak = 0
  #peakSince = 0

  constructor(options?: AdaptiveLimitOptions) {
    super()
    const read = readOptions('adaptiveLimit', options, {
      initial: integer(1, 1_000_000, 10),
      min: decimal(0.01, 1_000_000, 0.25),
      max: integer(1, 1_000_000, 1000),
      tolerance: decimal(1.1, 100, 3),
      decrease: decimal(0.1, 0.99, 0.7),
      queue: integer(0, 1_000_000, 1000),
    })
    this.#min = read.min
    this.#max = Math.max(Math.ceil(read.min), read.max)
    this.#limit = Math.min(Math.max(read.initial, read.min), this.#max)
    this.#tolerance = read.tolerance
    this.#decrease = read.decrease
    this.#room = new WaitingRoom(read.queue)
    this.piece = { kind: 'adaptiveLimit', gate: this }
  }

  /** How many calls it lets in at once now. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#limit))
  }

  /** How many calls are inside. */
  get running(): number {
    return this.#running
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.#room.size
  }

  attach(pipeline: string, runtime: Runtime): void {
    this.#name = pipeline
    this.#runtime = runtime
  }

  enter(_priority: Priority): Refusal | undefined {
    if (this.#resting || this.#running >= this.limit) return this.#full
    this.#running++
    if (this.#running > this.#peak) this.#peak = this.#running
    return undefined
  }

  wait(waiter: Waiter): boolean {
    return this.#room.admit(waiter, () => this.#full)
  }

  forget(waiter: Waiter): void {
    this.#room.remove(waiter)
  }

  leave(outcome: Outcome, elapsedMs: number): void {
    this.#running--
    if (outcome !== 'ignored' && outcome !== 'failed') this.#sample(outcome, elapsedMs)
    if (this.#limit < 1) this.#rest(elapsedMs)
    else this.#drain()
  }

  #sample(outcome: Outcome, elapsed: number): void {
    const now = this.#runtime.coarse()
    if (this.#usual === 0) this.#usual = elapsed
    const late =
      outcome === 'timeout' ||
      outcome === 'overload' ||
      elapsed > Math.max(this.#tolerance * this.#usual, this.#usual + SLACK_MS)
    if (late) this.#usual += (elapsed - this.#usual) * (1 - 2 ** ((this.#sampledAt - now) / DRIFT_HALF_LIFE_MS))
    else this.#usual += (elapsed - this.#usual) * LONG
    this.#sampledAt = now
    this.#lateness = late ? this.#lateness + 1 : Math.max(0, this.#lateness - 1)
    if (this.#grace > 0) this.#grace--
    if (this.#lateness >= (this.#limit > 1 ? EVIDENCE : EVIDENCE - 1)) {
      if (this.#grace <= 0) this.#shrink()
    } else if (this.#lateness === 0) this.#grow()
    if (now - this.#peakSince > IDLE_MS) this.#settleIdle(now)
  }

  /** Below one call at a time there is a pause between two: half a call is one call in twice its time. */
  #rest(elapsed: number): void {
    if (this.#resting) return
    this.#resting = true
    const pause = Math.min(REST_MS, elapsed * (1 / this.#limit - 1))
    this.#runtime.wheel.add(
      new Alarm(() => {
        this.#resting = false
        this.#drain()
      }),
      pause,
    )
  }

  /** Multiplicative decrease, once per round of what is in flight, from what is really used. */
  #shrink(): void {
    const used = Math.min(this.#limit, this.#running + 1)
    this.#grace = this.#running
    this.#lateness = 0
    this.#set(Math.max(this.#min, used * this.#decrease))
    this.#threshold = this.#limit
  }

  /** Only a limit that is reached may grow: doubling per round below the last trouble, one per round above it. */
  #grow(): void {
    if (this.#running + 1 < this.limit * 0.8) return
    const step = this.#limit < 1 ? this.#limit : this.#limit < this.#threshold ? 1 : 1 / this.#limit
    this.#set(Math.min(this.#max, this.#limit + step))
  }

  /** A limit that was not used says nothing about now (RFC 7661): it comes down to twice the use. */
  #settleIdle(now: number): void {
    const used = Math.max(IDLE_FLOOR, this.#min, this.#peak * 2)
    if (used < this.#limit) this.#set(Math.max(used, this.#limit * 0.75))
    this.#peak = this.#running
    this.#peakSince = now
  }

  #set(limit: number): void {
    const from = Math.floor(this.#limit)
    this.#limit = limit
    if (Math.floor(limit) !== from && retryEvents.limit.hasSubscribers) {
      retryEvents.limit.publish({ pipeline: this.#name, from, to: Math.floor(limit) })
    }
  }

  #drain(): void {
    while (!this.#resting && this.#running < this.limit) {
      const next = this.#recovering ? this.#room.first() : this.#room.last()
      if (!next) return
      this.#room.remove(next)
      this.#running++
      if (this.#running > this.#peak) this.#peak = this.#running
      next.granted()
    }
  }

  /** Well above where the last trouble ended: those who wait longest can still make it. In trouble they cannot, and would only be late. */
  get #recovering(): boolean {
    return this.#limit >= this.#threshold * 1.5 + 1
  }

  get #full(): Refusal {
    return new Refusal('limit', 'ERR_SHOP_RETRY_LIMIT', `${this.#name}: more than ${this.limit} calls at once`)
  }
}

/**
 * Limits how many calls run at once, and finds the limit: additive increase while it is reached and answers come in their usual
 * time, multiplicative decrease when too many are late, time out or are refused for overload. What is usual is an average of its
 * own past. Calls over the limit wait by priority: newest first in
 * trouble, oldest first once it is over.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function adaptiveLimit(options?: AdaptiveLimitOptions): AdaptiveLimit {
  return new AdaptiveLimit(options)
}
