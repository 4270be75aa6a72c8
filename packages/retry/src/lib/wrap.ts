import type { RunOptions, Task } from './context.ts'
import { RetryConfigError } from './errors.ts'

/** A function of the same signature, called through `run`; its `this` is kept. */
export function wrapped<This, A extends unknown[], T>(
  name: string,
  run: (task: Task<Awaited<T>>, options?: RunOptions) => Promise<Awaited<T>>,
  fn: (this: This, ...args: A) => T,
): (this: This, ...args: A) => Promise<Awaited<T>> {
  if (typeof fn !== 'function') {
    throw new RetryConfigError('ERR_SHOP_RETRY_FUNCTION', `${name}.wrap`, `${name}: wrap needs a function`)
  }
  return function wrapped(...args) {
    return run(() => fn.apply(this, args) as Awaited<T>)
  }
}
