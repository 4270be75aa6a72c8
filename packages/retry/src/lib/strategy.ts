import { compile, type Piece } from './compile.ts'
import type { RunOptions, Task } from './context.ts'
import { type Runner, runner } from './runner.ts'
import type { Result } from './result.ts'
import { systemRuntime } from './runtime.ts'
import { wrapped } from './wrap.ts'

/** One strategy: a part of a pipeline, and a pipeline of its own when it is used alone. */
export abstract class Strategy {
  /** What it contributes to a pipeline. */
  abstract readonly piece: Piece
  #runner: Runner | undefined

  /** Calls the function under this strategy alone. */
  run<T>(task: Task<T>, options?: RunOptions): Promise<T> {
    return this.#alone(task, options, false) as Promise<T>
  }

  /** Like {@link run}, but a failure is a value. */
  tryRun<T>(task: Task<T>, options?: RunOptions): Promise<Result<T>> {
    return this.#alone(task, options, true) as Promise<Result<T>>
  }

  /** A function of the same signature under this strategy. */
  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T,
  ): (this: This, ...args: A) => Promise<Awaited<T>> {
    return wrapped(this.piece.kind, (task, options) => this.run(task, options), fn)
  }

  #alone(task: Task<unknown>, options: RunOptions | undefined, asResult: boolean): Promise<unknown> {
    this.#runner ??= runner(compile(this.piece.kind, [this.piece], systemRuntime))
    return this.#runner(task, options, asResult)
  }
}
