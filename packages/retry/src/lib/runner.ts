import { Call } from './call.ts'
import type { RunOptions, Task } from './context.ts'
import { RetryConfigError, stackless } from './errors.ts'
import { FirstTry } from './first-try.ts'
import { NO_ERA, type Refusal } from './gate.ts'
import { Lanes } from './lane.ts'
import { callEnded, type Plan } from './plan.ts'
import type { Failure, Reason } from './result.ts'

type Executor = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void

/** Runs one call of a plan. */
export type Runner = (task: Task<unknown>, options: RunOptions | undefined, asResult: boolean) => Promise<unknown>

/**
 * What runs the calls of a plan. The way of a plain call that succeeds is kept short: one context, one promise, one `then`; no
 * clock is read unless a gate measures, no timer set, no signal made.
 */
export function runner(plan: Plan): Runner {
  const lanes = new Lanes(plan)
  const { gates, runtime, timed } = plan
  let starting: Task<unknown> | undefined
  // executors for all calls, and the work done inside them: no closure is made, and their functions need not be taken out
  const executor =
    (asResult: boolean): Executor =>
    (resolve, reject) =>
      lanes.run(new FirstTry(plan, starting!, timed ? runtime.now() : 0, resolve, reject), asResult)
  const [start, startAsResult] = [executor(false), executor(true)]
  return (task, options, asResult) => {
    if (typeof task !== 'function') return Promise.reject(notAFunction(plan, task))
    if (plan.isolated > 0 || plan.disposed) return turnedAway(plan, options, asResult)
    if (options !== undefined || plan.hedge !== undefined) return slowly(plan, task, options, asResult)
    plan.active++
    for (let index = 0; index < gates.length; index++) {
      const refusal = gates[index]!.enter('normal')
      if (refusal !== undefined) return held(plan, task, asResult, index, refusal)
    }
    if (starting !== task) starting = task
    return new Promise(asResult ? startAsResult : start)
  }
}

function slowly(plan: Plan, task: Task<unknown>, options: RunOptions | undefined, asResult: boolean): Promise<unknown> {
  if (options?.signal?.aborted) return turnedAway(plan, options, asResult)
  plan.active++
  return new Promise((resolve, reject) => new Call(plan, task, options, asResult, resolve, reject).begin())
}

function held(plan: Plan, task: Task<unknown>, asResult: boolean, gate: number, refusal: Refusal): Promise<unknown> {
  if (plan.fallback === undefined && plan.gates[gate]!.wait === undefined) {
    for (let index = gate - 1; index >= 0; index--) plan.gates[index]!.leave('ignored', 0, NO_ERA)
    callEnded(plan)
    return asResult ? Promise.resolve(new Refused(refusal)) : Promise.reject(refusal.toError())
  }
  return new Promise((resolve, reject) =>
    new Call(plan, task, undefined, asResult, resolve, reject).held(gate, refusal),
  )
}

/** A refusal as a Result; its error is made only for who looks at it. */
class Refused implements Failure {
  readonly ok = false
  readonly reason: Reason
  readonly attempts = 0
  readonly #refusal: Refusal
  #error: unknown

  constructor(refusal: Refusal) {
    this.reason = refusal.reason
    this.#refusal = refusal
  }

  get error(): unknown {
    return (this.#error ??= this.#refusal.toError())
  }
}

function turnedAway(plan: Plan, options: RunOptions | undefined, asResult: boolean): Promise<unknown> {
  const { signal } = options ?? {}
  const [reason, error]: [Reason, unknown] = signal?.aborted
    ? ['aborted', signal.reason]
    : plan.disposed
      ? ['aborted', stackless('ERR_SHOP_RETRY_DISPOSED', `${plan.name} has been disposed`)]
      : ['open', stackless('ERR_SHOP_RETRY_OPEN', `${plan.name} is isolated`)]
  if (plan.fallback?.wants(reason, error)) {
    const answered = new Promise((resolve) => resolve(plan.fallback!.answer(reason, error)))
    return asResult ? answered.then((value) => ({ ok: true, value })) : answered
  }
  return answer(reason, error, asResult)
}

function answer(reason: Reason, error: unknown, asResult: boolean): Promise<unknown> {
  return asResult ? Promise.resolve({ ok: false, reason, error, attempts: 0 }) : Promise.reject(error as Error)
}

function notAFunction(plan: Plan, task: unknown): RetryConfigError {
  const what = task === null ? 'null' : typeof task
  return new RetryConfigError(
    'ERR_SHOP_RETRY_FUNCTION',
    `${plan.name}.run`,
    `${plan.name}: run needs a function, not ${what}`,
  )
}
