import { Call } from './call.ts'
import type { FirstTry } from './first-try.ts'
import { callEnded, type Plan } from './plan.ts'
import { Alarm } from './wheel.ts'

const TURN_MS = 10
const SHARE = 16
const SPARE = 256

/**
 * Where first tries run. A lane is what waits for the function; it is used again, so a call that succeeds makes no closure for it.
 *
 * No call reads a clock or sets a timer for its deadline. While lanes are busy one alarm looks at them every ten milliseconds (or
 * every sixteenth of a short deadline), and only a try it meets is given an alarm of its own. Its time counts from there: a
 * deadline is never early, and late by at most that turn.
 */
export class Lanes {
  readonly #plan: Plan
  readonly #limit: number
  readonly #turnMs: number
  readonly #pool: Pool = { first: undefined }
  readonly #all = new Set<Lane>()
  #turning = false

  constructor(plan: Plan) {
    this.#plan = plan
    this.#limit = Math.min(plan.deadline, plan.timeout)
    this.#turnMs = Math.min(TURN_MS, Math.max(1, Math.floor(this.#limit / SHARE)))
  }

  run(tried: FirstTry, asResult: boolean): void {
    if (!this.#turning && this.#limit < Infinity) this.#turn()
    const pool = this.#pool
    const lane = pool.first ?? this.#build()
    pool.first = lane.next
    lane.start(tried, asResult)
  }

  #build(): Lane {
    const lane = new Lane(this.#plan, this.#pool, this.#all)
    this.#all.add(lane)
    return lane
  }

  #turn(): void {
    this.#turning = true
    this.#plan.runtime.wheel.add(
      new Alarm(() => {
        this.#turning = false
        let busy = false
        for (const lane of this.#all) busy = lane.watch(this.#limit) || busy
        if (busy) this.#turn()
        else this.#spare()
      }),
      this.#turnMs,
    )
  }

  /** After a rush, when all lanes are free, only some are kept. */
  #spare(): void {
    if (this.#all.size <= SPARE) return
    let kept = this.#pool.first
    let free = 0
    for (let lane = kept; lane !== undefined; lane = lane.next) if (++free === SPARE) kept = lane
    if (free < this.#all.size) return
    for (let lane = kept!.next; lane !== undefined; lane = lane.next) this.#all.delete(lane)
    kept!.next = undefined
  }
}

/** The free lanes, each with the next one: cheaper than an array's pop and push. */
interface Pool {
  first: Lane | undefined
}

/** One place in the fast lane, and the two functions that wait for its task. */
class Lane {
  /** The free lane after this one, while this one is free. */
  next: Lane | undefined = undefined
  readonly #plan: Plan
  readonly #pool: Pool
  readonly #all: Set<Lane>
  #tried: FirstTry | undefined
  #asResult = false
  #alarm: Alarm | undefined
  #call: Call | undefined

  constructor(plan: Plan, pool: Pool, all: Set<Lane>) {
    this.#plan = plan
    this.#pool = pool
    this.#all = all
  }

  start(tried: FirstTry, asResult: boolean): void {
    this.#tried = tried
    if (this.#asResult !== asResult) this.#asResult = asResult
    try {
      const { task } = tried
      const returned = task(tried)
      if (returned instanceof Promise) returned.then(this.#resolved, this.#rejected)
      else if (isThenable(returned)) Promise.resolve(returned).then(this.#resolved, this.#rejected)
      else this.#resolved(returned)
    } catch (error) {
      this.#rejected(error)
    }
  }

  /** Gives a try that is still running its alarm; false when there is none. */
  watch(limit: number): boolean {
    if (this.#tried === undefined || this.#call !== undefined) return false
    if (this.#alarm !== undefined) return true
    const { runtime } = this.#plan
    const alarm = new Alarm(() => this.#late())
    this.#alarm = alarm
    this.#tried.owner = { remaining: () => Math.max(0, (alarm.due ?? 0) - runtime.now()) }
    runtime.wheel.add(alarm, limit)
    return true
  }

  readonly #resolved = (value: unknown): void => {
    const tried = this.#tried!
    const plan = this.#plan
    if (this.#call !== undefined || plan.judge(value) !== undefined) return this.#hand(tried, false, value)
    if (this.#alarm !== undefined) this.#disarm()
    const asResult = this.#asResult
    this.#tried = undefined
    this.#rest()
    leaveAll(plan, tried)
    callEnded(plan)
    tried.resolve(asResult ? { ok: true, value } : value)
  }

  readonly #rejected = (error: unknown): void => {
    this.#hand(this.#tried!, true, error)
  }

  /** The end of a try that is not plain success: the call decides. */
  #hand(tried: FirstTry, rejected: boolean, outcome: unknown): void {
    const taken = this.#call
    const call = taken ?? this.#becomeCall(tried)
    this.#call = undefined
    this.#tried = undefined
    if (taken === undefined) this.#rest()
    if (taken === undefined) call.adoptEnded(tried, rejected, outcome)
    else if (rejected) call.failed(tried, outcome)
    else call.succeeded(tried, outcome)
  }

  #rest(): void {
    const pool = this.#pool
    this.next = pool.first
    pool.first = this
  }

  #disarm(): void {
    this.#plan.runtime.wheel.remove(this.#alarm!)
    this.#alarm = undefined
  }

  /** The task may never end: this lane is not waited for any more, and goes with it. */
  #late(): void {
    const tried = this.#tried!
    this.#all.delete(this)
    this.#becomeCall(tried).adoptLate(tried)
  }

  #becomeCall(tried: FirstTry): Call {
    const plan = this.#plan
    if (this.#alarm !== undefined) this.#disarm()
    this.#call = new Call(plan, tried.task, undefined, this.#asResult, tried.resolve, tried.reject)
    tried.owner = this.#call
    return this.#call
  }
}

function leaveAll(plan: Plan, tried: FirstTry): void {
  const { gates, timed } = plan
  const elapsed = timed ? plan.runtime.now() - tried.started : 0
  for (let index = gates.length - 1; index >= 0; index--) gates[index]!.leave('ok', elapsed, tried.era)
  if (plan.budget !== undefined) plan.budget.deposit()
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
