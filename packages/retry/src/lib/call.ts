import { classify } from './classify.ts'
import type { RunOptions, Task } from './context.ts'
import { isRetryError, stackless } from './errors.ts'
import { retryEvents } from './events.ts'
import { NO_ERA, type Outcome, type Priority, type Refusal, type Waiter } from './gate.ts'
import { allowance, callEnded, type Failed, type Plan } from './plan.ts'
import type { Reason } from './result.ts'
import { LaterTry, type Owner, type Try } from './try.ts'
import type { Verdict } from './verdict.ts'
import { Alarm } from './wheel.ts'

/** A call that could not be settled at once: it waits, retries, hedges, times out. One instance per such call. */
export class Call implements Owner, Waiter {
  readonly priority: Priority
  readonly #plan: Plan
  readonly #task: Task<unknown>
  readonly #options: RunOptions | undefined
  readonly #asResult: boolean
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #live: Try[] = []
  #attempts = 0
  #began = 0
  #started = 0
  #settled = false
  #gate = 0
  #outerLeft = false
  #waitingAt: number | undefined
  #due = Infinity
  #attemptDue = Infinity
  #lastDelay = 0
  #passed = 0
  #lastFailed: Failed | undefined
  #hedges = 0
  #deadline: Alarm | undefined
  #timeout: Alarm | undefined
  #pause: Alarm | undefined
  #hedge: Alarm | undefined
  #onAbort: (() => void) | undefined

  constructor(
    plan: Plan,
    task: Task<unknown>,
    options: RunOptions | undefined,
    asResult: boolean,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.#plan = plan
    this.#task = task
    this.#options = options
    this.#asResult = asResult
    this.priority = options?.priority ?? 'normal'
    this.#resolve = resolve
    this.#reject = reject
  }

  remaining(): number {
    const now = this.#plan.runtime.now()
    if (this.#due === Infinity && this.#attemptDue === Infinity) {
      return Math.min(allowance(this.#plan, this.#options), this.#plan.timeout)
    }
    return Math.max(0, Math.min(this.#due, this.#attemptDue) - now)
  }

  /** Begins where a gate said no: wait there, or give up. */
  held(gate: number, refusal: Refusal): void {
    if (this.#plan.timed) this.#began = this.#plan.runtime.now()
    this.#gate = gate
    this.#turnedAway(refusal)
  }

  /** Enters the gates and calls the function. */
  begin(): void {
    if (this.#plan.timed) this.#began = this.#plan.runtime.now()
    this.#enter()
  }

  /** Takes over a first try that failed, or whose result is a failure. */
  adoptEnded(tried: Try, rejected: boolean, outcome: unknown): void {
    this.#entered(tried)
    if (rejected) this.failed(tried, outcome)
    else this.succeeded(tried, outcome)
  }

  /** Takes over a first try that ran for its timeout, or for the whole deadline. */
  adoptLate(tried: Try): void {
    this.#entered(tried)
    const allowed = allowance(this.#plan, this.#options)
    if (allowed <= this.#plan.timeout) return this.#cut('deadline', 'timeout', late(undefined))
    this.#passed = this.#plan.timeout
    this.#attemptTimedOut()
  }

  granted(): void {
    this.#waitingAt = undefined
    this.#gate++
    this.#enter()
  }

  refused(refusal: Refusal): void {
    this.#waitingAt = undefined
    this.#giveUpAt(refusal)
  }

  /** A try resolved. */
  succeeded(tried: Try, value: unknown): void {
    if (!this.#forget(tried)) return
    const verdict = this.#plan.judge(value)
    if (verdict) return this.#tryFailed(tried, undefined, value, verdict)
    this.#leaveInner(tried, 'ok')
    this.#learn()
    this.#plan.budget?.deposit()
    this.#settle(true, value)
  }

  /** A try rejected. */
  failed(tried: Try, error: unknown): void {
    if (this.#forget(tried)) this.#tryFailed(tried, error, undefined, classify(error))
  }

  #entered(tried: Try): void {
    this.#gate = this.#plan.gates.length
    this.#attempts = 1
    this.#began = this.#started = tried.started
    this.#live.push(tried)
  }

  #forget(tried: Try): boolean {
    const at = this.#live.indexOf(tried)
    if (at >= 0) this.#live.splice(at, 1)
    return at >= 0
  }

  #enter(): void {
    const { gates } = this.#plan
    for (; this.#gate < gates.length; this.#gate++) {
      const refusal = gates[this.#gate]!.enter(this.priority)
      if (refusal) return this.#turnedAway(refusal)
    }
    this.#attempts++
    this.#hedges = 0
    this.#start(false)
    if (!this.#settled && this.#live.length > 0) {
      this.#watch()
      this.#watchAttempt()
    }
  }

  #turnedAway(refusal: Refusal): void {
    if (!this.#plan.gates[this.#gate]!.wait?.(this)) return this.#giveUpAt(refusal)
    this.#waitingAt = this.#gate
    this.#watch()
  }

  /** Leaves the gates passed before the one that refused. */
  #giveUpAt(refusal: Refusal): void {
    const { gates, inner } = this.#plan
    for (let index = this.#gate - 1; index >= inner; index--) gates[index]!.leave('ignored', 0, NO_ERA)
    this.#leaveOuter(Math.min(this.#gate, inner), 'ignored')
    this.#end(refusal.reason, refusal.toError(this.#lastFailed?.error))
  }

  #start(hedged: boolean): void {
    const { era, runtime, timed } = this.#plan
    const tried = new LaterTry(this, this.#attempts, hedged, timed ? runtime.now() : 0, era.era)
    if (!hedged) this.#started = tried.started
    this.#live.push(tried)
    let returned: unknown
    try {
      returned = this.#task(tried)
    } catch (error) {
      return this.failed(tried, error)
    }
    if (returned === null || (typeof returned !== 'object' && typeof returned !== 'function')) {
      return this.succeeded(tried, returned)
    }
    Promise.resolve(returned).then(
      (value) => this.succeeded(tried, value),
      (error: unknown) => this.failed(tried, error),
    )
  }

  #tryFailed(tried: Try, error: unknown, value: unknown, verdict: Verdict): void {
    this.#leaveInner(tried, outcomeOf(error, verdict))
    if (this.#live.length > 0) return
    this.#attemptFailed({ attempt: this.#attempts, error, value, verdict })
  }

  #attemptFailed(failed: Failed): void {
    this.#stopAttempt()
    this.#lastFailed = failed
    const { retry, runtime } = this.#plan
    const options = this.#options
    if (!retry || options?.once || failed.attempt >= retry.attempts || !retry.wants(failed, options?.idempotent)) {
      return this.#endFailed('error')
    }
    const delay = retry.delay(failed, this.#lastDelay, () => runtime.random())
    if (delay === undefined) return this.#endFailed('error')
    if (this.#left() <= delay) return this.#endFailed('deadline')
    if (retry.budget && !retry.budget.withdraw()) return this.#endFailed('budget')
    this.#lastDelay = delay
    if (retryEvents.retry.hasSubscribers) {
      const { name } = this.#plan
      retryEvents.retry.publish({ pipeline: name, attempt: failed.attempt, delayMs: delay, verdict: failed.verdict })
    }
    this.#gate = this.#plan.inner
    this.#watch()
    this.#pause = new Alarm(() => {
      this.#pause = undefined
      this.#enter()
    })
    runtime.wheel.add(this.#pause, delay)
  }

  /** A failed result is still a result: it is what the caller gets. */
  #endFailed(reason: Reason): void {
    const failed = this.#lastFailed!
    this.#leaveOuter(this.#plan.inner, outcomeOf(failed.error, failed.verdict))
    if (failed.value !== undefined && failed.error === undefined && !this.#plan.fallback)
      return this.#settle(true, failed.value)
    this.#end(reason, reason === 'deadline' ? late(failed.error) : failed.error, failed.value)
  }

  #watch(): void {
    if (this.#settled) return
    const { runtime } = this.#plan
    const allowed = this.#deadline ? Infinity : this.#left()
    if (allowed < Infinity) {
      this.#due = runtime.now() + allowed
      this.#deadline = new Alarm(() => this.#cut('deadline', 'timeout', late(this.#lastFailed?.error)))
      runtime.wheel.add(this.#deadline, allowed)
    }
    const signal = this.#options?.signal
    if (!signal || this.#onAbort) return
    this.#onAbort = () => this.#cut('aborted', 'ignored', signal.reason)
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Milliseconds until the deadline. */
  #left(): number {
    if (this.#due < Infinity) return this.#due - this.#plan.runtime.now()
    return allowance(this.#plan, this.#options) - this.#passed
  }

  #watchAttempt(): void {
    const { runtime, timeout } = this.#plan
    if (this.#settled || this.#live.length === 0) return
    if (timeout < Infinity) {
      this.#attemptDue = runtime.now() + timeout
      this.#timeout = new Alarm(() => this.#attemptTimedOut())
      runtime.wheel.add(this.#timeout, timeout)
    }
    this.#watchHedge()
  }

  #watchHedge(): void {
    const { hedge, retry, runtime } = this.#plan
    if (!hedge || this.#options?.once || this.#hedges >= hedge.extra) return
    const delay = hedge.delay(this.#options?.idempotent)
    if (delay === undefined) return
    this.#hedge = new Alarm(() => {
      this.#hedge = undefined
      if (!this.#sendHedge(retry?.budget)) return
      this.#watchHedge()
    })
    runtime.wheel.add(this.#hedge, delay)
  }

  #sendHedge(budget: Plan['budget']): boolean {
    const { gates, hedge, inner } = this.#plan
    if (!hedge!.pay(budget)) return false
    for (let index = inner; index < gates.length; index++) {
      if (!gates[index]!.enter(this.priority)) continue
      for (let passed = index - 1; passed >= inner; passed--) gates[passed]!.leave('ignored', 0, NO_ERA)
      return false
    }
    this.#hedges++
    this.#start(true)
    return !this.#settled && this.#live.length > 0
  }

  #attemptTimedOut(): void {
    this.#timeout = undefined
    const error = stackless('ERR_SHOP_RETRY_TIMEOUT', `${this.#plan.name}: no answer within ${this.#plan.timeout} ms`)
    this.#dropLive(error, 'timeout')
    this.#learn()
    this.#attemptFailed({ attempt: this.#attempts, error, value: undefined, verdict: classify(error) })
  }

  #dropLive(reason: unknown, outcome: Outcome): void {
    for (const tried of this.#live.splice(0)) {
      this.#leaveInner(tried, outcome)
      tried.abort(reason)
    }
  }

  /** The call ends from outside: deadline or abort, wherever it is. */
  #cut(reason: Reason, outcome: Outcome, error: unknown): void {
    if (this.#settled) return
    const { gates, inner } = this.#plan
    if (this.#waitingAt !== undefined) {
      gates[this.#waitingAt]!.forget?.(this)
      for (let index = this.#waitingAt - 1; index >= inner; index--) gates[index]!.leave('ignored', 0, NO_ERA)
    }
    const outer = this.#waitingAt === undefined ? inner : Math.min(this.#waitingAt, inner)
    this.#waitingAt = undefined
    this.#dropLive(error, outcome)
    this.#leaveOuter(outer, outcome)
    this.#end(reason, error)
  }

  #leaveInner(tried: Try, outcome: Outcome): void {
    const { gates, inner, runtime, timed } = this.#plan
    const elapsed = timed ? runtime.now() - tried.started : 0
    for (let index = gates.length - 1; index >= inner; index--) gates[index]!.leave(outcome, elapsed, tried.era)
  }

  #leaveOuter(passed: number, outcome: Outcome): void {
    if (this.#outerLeft) return
    this.#outerLeft = true
    const { gates, runtime, timed } = this.#plan
    const elapsed = timed ? runtime.now() - this.#began : 0
    for (let index = passed - 1; index >= 0; index--) gates[index]!.leave(outcome, elapsed, NO_ERA)
  }

  /** A hedge that wins says the first copy was slower: what counts is the time since the attempt began. */
  #learn(): void {
    this.#plan.hedge?.learned(this.#plan.runtime.now() - this.#started)
  }

  #end(reason: Reason, error: unknown, value?: unknown): void {
    const { fallback } = this.#plan
    if (!fallback || !fallback.wants(reason, error ?? value)) return this.#fail(reason, error)
    this.#stop()
    this.#settled = true
    new Promise((resolve) => resolve(fallback.answer(reason, error ?? value))).then(
      (answer) => this.#finish(true, answer),
      (failure: unknown) => this.#finish(false, failure, 'error'),
    )
  }

  #fail(reason: Reason, error: unknown): void {
    this.#settled = true
    this.#stop()
    if (retryEvents.gaveUp.hasSubscribers) {
      retryEvents.gaveUp.publish({ pipeline: this.#plan.name, reason, attempts: this.#attempts })
    }
    this.#finish(false, error, reason)
  }

  #settle(ok: boolean, value: unknown): void {
    this.#settled = true
    this.#dropLive(HEDGED, 'ignored')
    this.#leaveOuter(this.#plan.inner, 'ok')
    this.#stop()
    this.#finish(ok, value)
  }

  #finish(ok: boolean, outcome: unknown, reason: Reason = 'error'): void {
    callEnded(this.#plan)
    if (ok) this.#resolve(this.#asResult ? { ok, value: outcome } : outcome)
    else if (this.#asResult) this.#resolve({ ok, reason, error: outcome, attempts: this.#attempts })
    else this.#reject(outcome)
  }

  #stopAttempt(): void {
    const { wheel } = this.#plan.runtime
    if (this.#timeout) wheel.remove(this.#timeout)
    if (this.#hedge) wheel.remove(this.#hedge)
    this.#timeout = this.#hedge = undefined
    this.#attemptDue = Infinity
  }

  #stop(): void {
    const { wheel } = this.#plan.runtime
    this.#stopAttempt()
    if (this.#deadline) wheel.remove(this.#deadline)
    if (this.#pause) wheel.remove(this.#pause)
    this.#deadline = this.#pause = undefined
    if (this.#onAbort) this.#options!.signal!.removeEventListener('abort', this.#onAbort)
    this.#onAbort = undefined
  }
}

const HEDGED = stackless('ERR_SHOP_RETRY_HEDGED', 'another copy of this request answered first')

function outcomeOf(error: unknown, verdict: Verdict): Outcome {
  if (isRetryError(error, 'ERR_SHOP_RETRY_TIMEOUT')) return 'timeout'
  if (verdict.overload) return 'overload'
  return verdict.fault ? 'failed' : 'answered'
}

function late(cause: unknown): Error {
  const message = cause === undefined ? 'the deadline passed' : 'the deadline leaves no time for another attempt'
  return stackless('ERR_SHOP_RETRY_DEADLINE', message, cause === undefined ? {} : { cause })
}
