import type { Denial, Outcome, Policy, RequestView, Verdict } from '@shop/middleware'

import type { Duration } from '../duration.ts'
import { duration, integer, readOptions } from '../options.ts'
import { DEADLINE_HEADER } from '../replaying-fetch.ts'
import { type Runtime, systemRuntime } from '../runtime.ts'
import { Alarm } from '../wheel.ts'
import { DeadlineQueue } from './deadline-queue.ts'

/** How {@link deadlines} guards a server. */
export interface DeadlinesOptions {
  /** How many requests are worked on at once. @default 100 */
  readonly concurrency?: number
  /** How many more may wait; the oldest leaves when another comes. @default 1000 */
  readonly queue?: number
  /** A wait that is fine. @default '200ms' */
  readonly target?: Duration
  /** How long the wait may be worse before the newest goes first and the oldest is dropped. @default '200ms' */
  readonly interval?: Duration
  /** The time of a request that says nothing. @default '30s' */
  readonly fallback?: Duration
  /** The longest time a client may claim. @default '5m' */
  readonly max?: Duration
  /** Where time comes from. @default the machine's clock */
  readonly runtime?: Runtime
}

/** What a handler may know of its request's time. */
export interface RequestDeadline {
  /** Aborted when the time is up or the caller has left: pass it on to the pipelines of the handler. */
  readonly signal: AbortSignal
  /** Milliseconds left: `pipeline.run(task, { deadline: deadlineOf(req).remaining })` passes it on. */
  readonly remaining: number
}

const states = new WeakMap<object, State>()

/**
 * The deadline of a request that passed {@link deadlines}.
 * @returns undefined where the policy is not in use
 */
export function deadlineOf(request: object): RequestDeadline | undefined {
  return states.get(request)
}

/**
 * Obeys the time the client sends (`x-request-timeout-ms`, as {@link Pipeline.fetch} sends it): refuses what comes too late, drops
 * what waits too long, aborts the work whose caller has left. Requests over `concurrency` wait first in first out, and newest
 * first in overload. With it on the server even clients with plain retries cannot keep an overload alive.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function deadlines(options?: DeadlinesOptions): Policy {
  const read = readOptions('deadlines', options, {
    concurrency: integer(1, 1_000_000, 100),
    queue: integer(0, 1_000_000, 1000),
    target: duration(0, '1m', '200ms'),
    interval: duration(1, '1m', '200ms'),
    fallback: duration(1, '24h', '30s'),
    max: duration(1, '24h', '5m'),
    runtime: (_option, value) => (value ?? systemRuntime) as Runtime,
  })
  const { runtime } = read
  const shape = { limit: read.queue, target: read.target, interval: read.interval }
  const queue = new DeadlineQueue<State>(shape, (state, why) =>
    state.answer({ deny: why === 'late' ? LATE : OVERLOADED, headers: SOON }),
  )
  let running = 0

  const next = (): void => {
    while (running < read.concurrency) {
      const state = queue.shift(runtime.now())
      if (!state) return
      running++
      state.holds = true
      state.answer(undefined)
    }
  }
  return {
    name: 'deadlines',
    evaluate(request): Verdict | undefined | Promise<Verdict | undefined> {
      const left = Math.min(read.max, asked(request.header(DEADLINE_HEADER)) ?? read.fallback)
      if (left <= 0) return { deny: LATE }
      const state = new State(request, runtime, left)
      states.set(request.raw, state)
      if (running < read.concurrency) {
        running++
        state.holds = true
        return undefined
      }
      if (read.queue === 0) return refuse(state)
      return new Promise((resolve) => {
        state.answer = resolve
        state.onEnd = () => {
          if (queue.remove(state)) state.answer({ deny: LATE })
        }
        queue.push(state, state.due, runtime.now())
      })
    },
    settle(outcome: Outcome) {
      const state = states.get(outcome.request.raw)
      if (!state) return
      state.end()
      if (!state.holds) {
        queue.remove(state)
        return
      }
      state.holds = false
      running--
      next()
    },
  }
}

const LATE: Denial = { status: 504, code: 'deadline-exceeded', title: 'The time the client gave has passed.' }
const OVERLOADED: Denial = {
  status: 503,
  code: 'overloaded',
  title: 'The server has more work than it can do in time.',
}
const SOON = [['retry-after', '1']] as const

function refuse(state: State): Verdict {
  state.end()
  return { deny: OVERLOADED, headers: SOON }
}

/** The header's milliseconds; what is no number says nothing. */
function asked(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,10}$/.test(text) ? Number(text) : undefined
}

class State implements RequestDeadline {
  readonly due: number
  holds = false
  answer: (verdict: Verdict | undefined) => void = () => undefined
  onEnd: () => void = () => undefined
  readonly #request: RequestView
  readonly #runtime: Runtime
  readonly #alarm: Alarm
  #controller: AbortController | undefined

  constructor(request: RequestView, runtime: Runtime, left: number) {
    this.#request = request
    this.#runtime = runtime
    this.due = runtime.now() + left
    this.#alarm = new Alarm(() => {
      this.onEnd()
      this.#abort(new DOMException('the deadline of the request has passed', 'TimeoutError'))
    })
    runtime.wheel.add(this.#alarm, left)
  }

  get remaining(): number {
    return Math.max(0, this.due - this.#runtime.now())
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      const left = this.#request.signal
      if (left.aborted) this.#controller.abort(left.reason)
      else left.addEventListener('abort', () => this.#controller?.abort(left.reason), { once: true })
      if (this.remaining === 0) this.#abort(new DOMException('the deadline of the request has passed', 'TimeoutError'))
    }
    return this.#controller.signal
  }

  end(): void {
    this.#runtime.wheel.remove(this.#alarm)
  }

  #abort(reason: unknown): void {
    this.#controller?.abort(reason)
  }
}
