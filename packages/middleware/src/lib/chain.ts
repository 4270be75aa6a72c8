import { compose, type PolicyList } from './compose.ts'
import { BodyLimitError, MiddlewareError } from './errors.ts'
import { denied, policyFailed, type PolicyFailedEvent } from './events.ts'
import { type Exchange, isBodiless } from './exchange.ts'
import type { Answer, Denial, Outcome, Policy, ReplyView, Verdict } from './policy.ts'
import { problem, TOO_LARGE } from './problem.ts'
import { slot } from './slot.ts'

type Stage = 'evaluate' | 'inspect'
type Ended = Answer | undefined
interface Step {
  readonly policy: Policy
  readonly stage: Stage
  readonly decide: (exchange: Exchange) => Verdict | undefined | Promise<Verdict | undefined>
}

const FAILED: Denial = { status: 500, code: 'policy-failed', title: 'A check of this request could not be carried out' }
const DEFAULT_BODY_LIMIT = 1_048_576

/** Codes by request: the application's metrics also hear of what a route's own protect() denied. */
const denials = slot<string>()

/** Policies made ready: one array a stage, so that a stage nobody uses costs nothing. */
export interface Chain {
  readonly policies: readonly Policy[]
  /** No policy at all: the adapter may step aside. */
  readonly idle: boolean
  readonly inspects: boolean
  readonly responds: boolean
  readonly settles: boolean
  /** The longest body a transform takes; 0 when no policy transforms. */
  readonly transformLimit: number
  /** The longest body read for `inspect`. */
  readonly bodyLimit: number
  /** Runs the hooks in order; an answer ends the request. Promises are returned only when a policy returned one. */
  evaluate(exchange: Exchange): Ended | Promise<Ended>
  inspect(exchange: Exchange): Ended | Promise<Ended>
  respond(exchange: Exchange, reply: ReplyView): void | Promise<void>
  transform(exchange: Exchange, reply: ReplyView, body: Uint8Array): Promise<Uint8Array>
  settle(exchange: Exchange, kind: Outcome['kind'], status: number, error?: unknown): void
}

/** @throws MiddlewareError as `compose` does. */
export function createChain(list: PolicyList): Chain {
  const policies = compose(...list)
  const steps = (stage: Stage): readonly Step[] =>
    policies.flatMap((policy) => {
      const hook = policy[stage]
      return hook ? [{ policy, stage, decide: hook.bind(policy) }] : []
    })
  const evaluators = steps('evaluate')
  const inspectors = steps('inspect')
  const responders = policies.filter((policy) => policy.respond)
  const transformers = policies.filter((policy) => policy.transform)
  const settlers = policies.filter((policy) => policy.settle)
  const limits = policies.flatMap((policy) => policy.bodyLimit ?? [])
  return {
    policies,
    idle: policies.length === 0,
    inspects: inspectors.length > 0,
    responds: responders.length > 0,
    settles: settlers.length > 0,
    transformLimit: Math.max(0, ...transformers.map((policy) => policy.transform!.limit)),
    bodyLimit: limits.length > 0 ? Math.min(...limits) : DEFAULT_BODY_LIMIT,
    evaluate: (exchange) => run(evaluators, exchange, 0),
    inspect: (exchange) => run(inspectors, exchange, 0),
    respond: (exchange, reply) => respondFrom(responders, exchange, reply, 0),
    async transform(exchange, reply, body) {
      let current = body
      for (const policy of transformers) {
        if (current.byteLength > policy.transform!.limit) continue
        try {
          current = await policy.transform!.body(exchange, reply, current)
        } catch (error) {
          // a body cannot be refused any more: it leaves unchanged, and the failure is told
          report(policy, 'transform', exchange, error, true)
        }
      }
      return current
    },
    settle(exchange, kind, status, error) {
      if (exchange.settled) return
      exchange.settled = true
      const outcome: Outcome = {
        request: exchange,
        kind,
        status,
        seconds: (performance.now() - exchange.started) / 1000,
        bytes: isBodiless(exchange.method, status) ? 0 : exchange.sent,
        denied: denials.get(exchange.raw),
        error: error ?? exchange.error,
      }
      for (const policy of settlers) {
        try {
          policy.settle!(outcome)
        } catch (failure) {
          report(policy, 'settle', exchange, failure, true)
        }
      }
    },
  }
}

function run(steps: readonly Step[], exchange: Exchange, from: number): Ended | Promise<Ended> {
  for (let i = from; i < steps.length; i++) {
    const step = steps[i]!
    let verdict: Verdict | undefined | Promise<Verdict | undefined>
    try {
      verdict = step.decide(exchange)
    } catch (error) {
      verdict = failed(step, exchange, error)
    }
    if (verdict === undefined) continue
    if (isPromise(verdict)) {
      return verdict
        .then(undefined, (error: unknown) => failed(step, exchange, error))
        .then((late) => (late && carryOut(late, step, exchange)) ?? run(steps, exchange, i + 1))
    }
    const ended = carryOut(verdict, step, exchange)
    if (ended) return ended
  }
  return undefined
}

function carryOut(verdict: Verdict, step: Step, exchange: Exchange): Ended {
  if (verdict.headers) exchange.apply(verdict.headers)
  if (verdict.remove) exchange.drop(verdict.remove)
  const { deny, answer } = verdict
  if (!deny) return answer
  denials.set(exchange.raw, deny.code)
  if (denied.hasSubscribers) denied.publish({ policy: step.policy.name, denial: deny, request: exchange })
  return problem(deny)
}

function failed({ policy, stage }: Step, exchange: Exchange, error: unknown): Verdict | undefined {
  if (error instanceof BodyLimitError) return { deny: TOO_LARGE }
  if (error instanceof MiddlewareError && error.code === 'ERR_SHOP_MIDDLEWARE_BODY_ABORTED') throw error
  const pass = policy.onError === 'pass'
  report(policy, stage, exchange, error, pass)
  return pass ? undefined : { deny: FAILED }
}

function respondFrom(
  policies: readonly Policy[],
  exchange: Exchange,
  reply: ReplyView,
  from: number,
): void | Promise<void> {
  for (let i = from; i < policies.length; i++) {
    const policy = policies[i]!
    try {
      const waiting = policy.respond!(exchange, reply)
      if (waiting !== undefined) {
        return waiting
          .catch((error: unknown) => report(policy, 'respond', exchange, error, true))
          .then(() => respondFrom(policies, exchange, reply, i + 1))
      }
    } catch (error) {
      report(policy, 'respond', exchange, error, true)
    }
  }
}

function report(
  policy: Policy,
  stage: PolicyFailedEvent['stage'],
  exchange: Exchange,
  error: unknown,
  passed: boolean,
): void {
  exchange.error ??= error
  if (policyFailed.hasSubscribers)
    policyFailed.publish({ policy: policy.name, stage, error, passed, request: exchange })
}

/** Whether a hook answered later rather than now. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function'
}
