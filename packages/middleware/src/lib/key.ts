import { rawOf } from './raw.ts'
import { slot } from './slot.ts'

/** A typed value that belongs to one request. */
export interface RequestKey<T> {
  /** The value, for a {@link RequestView} or for the request object of any framework. */
  get(request: object): T | undefined
  set(request: object, value: T): void
}

/**
 * Makes a key for a per-request value. Nothing that code could see is written on the request: values are kept in a
 * private field of the raw request, and go with it.
 *
 * @example
 * const nonce = requestKey<string>()
 * nonce.set(view, 'r4nd0m')   // in a policy
 * nonce.get(req)              // in a handler of any framework
 */
export function requestKey<T>(): RequestKey<T> {
  const values = slot<T>()
  return {
    get: (request) => values.get(rawOf(request)),
    set: (request, value) => values.set(rawOf(request), value),
  }
}
