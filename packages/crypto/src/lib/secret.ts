const redacted = '[redacted]'

/**
 * Holds a value that must not be printed: in a log, in JSON, in `util.inspect`, in a template, it reads `[redacted]`.
 * It is no protection against code that calls {@link reveal}; that call is what reviews look for.
 */
export class Secret<T> {
  static {
    // util.inspect.custom, without loading util
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), { value: () => redacted })
  }

  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value itself. */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  [Symbol.toPrimitive](): string {
    return redacted
  }
}
