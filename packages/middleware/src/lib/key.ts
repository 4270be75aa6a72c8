import { rawOf } from './raw.ts'

/** A typed value that belongs to one request. */
export interface RequestKey<T> {
  /** The value, for a {@link RequestView} or for the request object of any framework. */
  get(request: object): T | undefined
  set(request: object, value: T): void
}

/**
 * Makes a key for a per-request value. Nothing is written on the request: values hang on the raw request in a WeakMap
 * and go with it.
 *
 * @example
 * const nonce = requestKey<string>()
 * nonce.set(view, 'r4nd0m')   // in a policy
 * nonce.get(req)              // in a handler of any framework
 */
export function requestKey<T>(): RequestKey<T> {
  const values = new WeakMap<object, T>()
  return {
    get: (request) => values.get(rawOf(request)),
    set: (request, value) => void values.set(rawOf(request), value),
  }
}
