import { compile } from './compile.ts'
import type { RunOptions, Task } from './context.ts'
import { RetryConfigError } from './errors.ts'
import { type Runner, runner } from './runner.ts'
import { readOptions } from './options.ts'
import type { Plan } from './plan.ts'
import { replayingFetch } from './replaying-fetch.ts'
import type { Result } from './result.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import { Strategy } from './strategy.ts'
import { wrapped } from './wrap.ts'

/** What a pipeline may be told beside its strategies. */
export interface PipelineOptions {
  /** Where time and chance come from. @default the machine's */
  readonly runtime?: Runtime
}

/** An immutable list of strategies and the state they keep. Make one per dependency, once, and keep it. */
export class Pipeline implements AsyncDisposable {
  /** The dependency's name, for errors and channels. */
  readonly name: string
  readonly strategies: readonly Strategy[]
  /** `fetch` through this pipeline: body-replay rules enforced, the remaining time sent along. */
  readonly fetch: typeof fetch
  readonly #plan: Plan
  readonly #run: Runner

  constructor(name: string, strategies: readonly Strategy[], options?: PipelineOptions) {
    const { runtime } = readOptions('pipeline', options, {
      runtime: (_option, value) => (value ?? systemRuntime) as Runtime,
    })
    this.name = named(name)
    this.strategies = Object.freeze([...checked(name, strategies)])
    this.#plan = compile(
      name,
      this.strategies.map((strategy) => strategy.piece),
      runtime,
    )
    this.#run = runner(this.#plan)
    this.fetch = replayingFetch((task, run) => this.run(task, run))
    Object.freeze(this)
  }

  /**
   * Calls the function through the strategies; rejects with the function's own last error, or with a `RetryError` when a strategy
   * refused.
   */
  run<T>(task: Task<T>, options?: RunOptions): Promise<T> {
    return this.#run(task, options, false) as Promise<T>
  }

  /** Like {@link run}, but never rejects: a failure is a value with its reason. */
  tryRun<T>(task: Task<T>, options?: RunOptions): Promise<Result<T>> {
    return this.#run(task, options, true) as Promise<Result<T>>
  }

  /** A function of the same signature that goes through the pipeline. */
  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T,
  ): (this: This, ...args: A) => Promise<Awaited<T>> {
    return wrapped(this.name, (task, options) => this.run(task, options), fn)
  }

  /** Forces the pipeline open while the returned handle is held: every call is refused, nothing is sent. */
  isolate(): Disposable {
    const plan = this.#plan
    let held = true
    plan.isolated++
    return {
      [Symbol.dispose]() {
        if (held) plan.isolated--
        held = false
      },
    }
  }

  /** Refuses new calls and waits for those under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    const plan = this.#plan
    plan.disposed = true
    if (plan.active === 0) return
    await new Promise<void>((resolve) => {
      const others = plan.drained
      plan.drained = () => {
        others?.()
        resolve()
      }
    })
  }
}

/**
 * Puts strategies together, outermost first: `pipeline('payments', [deadline('2s'), retry(), adaptiveLimit(), breaker()])`.
 * @throws `ERR_SHOP_RETRY_STRATEGY`, `ERR_SHOP_RETRY_ORDER`, `ERR_SHOP_RETRY_OPTION`
 */
export function pipeline(name: string, strategies: readonly Strategy[], options?: PipelineOptions): Pipeline {
  return new Pipeline(name, strategies, options)
}

function named(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name
  throw new RetryConfigError('ERR_SHOP_RETRY_OPTION', 'pipeline.name', 'pipeline.name must be a non-empty string')
}

function checked(name: string, strategies: unknown): readonly Strategy[] {
  if (Array.isArray(strategies) && strategies.every((each) => each instanceof Strategy)) return strategies
  throw new RetryConfigError(
    'ERR_SHOP_RETRY_STRATEGY',
    name,
    `${name} needs an array of strategies: retry(), breaker(), …`,
  )
}
