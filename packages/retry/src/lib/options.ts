import { type Duration, toMilliseconds } from './duration.ts'
import { RetryConfigError } from './errors.ts'

/** Reads one option: gives its value (or default) or throws a {@link RetryConfigError}. */
export type Reader<T> = (option: string, value: unknown) => T

/** Reads a whole options object against a table of readers; unknown keys throw. */
export function readOptions<S extends Readonly<Record<string, Reader<unknown>>>>(
  owner: string,
  given: unknown,
  shape: S,
): { readonly [K in keyof S]: ReturnType<S[K]> } {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw refused(owner, given, 'an options object')
  }
  const values = (given ?? {}) as Record<string, unknown>
  for (const key of Object.keys(values)) {
    if (Object.hasOwn(shape, key)) continue
    throw new RetryConfigError(
      'ERR_SHOP_RETRY_OPTION_UNKNOWN',
      `${owner}.${key}`,
      `${owner} has no option ${JSON.stringify(key)}; it knows ${Object.keys(shape).join(', ')}`,
    )
  }
  const read: Record<string, unknown> = {}
  for (const [key, reader] of Object.entries(shape)) read[key] = reader(`${owner}.${key}`, values[key])
  return read as { readonly [K in keyof S]: ReturnType<S[K]> }
}

/** A whole number within bounds. */
export function integer(min: number, max: number, fallback: number): Reader<number> {
  return (option, value = fallback) => {
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
    throw refused(option, value, `a whole number from ${min} to ${max}`)
  }
}

/** A number within bounds. */
export function decimal(min: number, max: number, fallback: number): Reader<number> {
  return (option, value = fallback) => {
    if (typeof value === 'number' && value >= min && value <= max) return value
    throw refused(option, value, `a number from ${min} to ${max}`)
  }
}

/** A duration within bounds, in milliseconds. */
export function duration(min: Duration, max: Duration, fallback: Duration): Reader<number> {
  return (option, value = fallback) => {
    const ms = toMilliseconds(value)
    if (ms !== undefined && ms >= toMilliseconds(min)! && ms <= toMilliseconds(max)!) return ms
    throw refused(option, value, `a duration from ${min} to ${max} ('500ms', '2s', or milliseconds)`)
  }
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[], fallback: NoInfer<T>): Reader<T> {
  return (option, value = fallback) => {
    if (words.includes(value as T)) return value as T
    throw refused(option, value, `one of ${words.join(', ')}`)
  }
}

/** True or false. */
export function flag(fallback: boolean): Reader<boolean> {
  return (option, value = fallback) => {
    if (typeof value === 'boolean') return value
    throw refused(option, value, 'true or false')
  }
}

/** A function, or absent. */
// oxlint-disable-next-line typescript/no-explicit-any -- the caller names the signature
export function callback<F extends (...args: any[]) => unknown>(): Reader<F | undefined> {
  return (option, value) => {
    if (value === undefined || typeof value === 'function') return value as F | undefined
    throw refused(option, value, 'a function')
  }
}

/** The same reader, but absent stays undefined. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (option, value) => (value === undefined ? undefined : reader(option, value))
}

/** The error for one value outside its range. */
export function refused(option: string, value: unknown, allowed: string): RetryConfigError {
  return new RetryConfigError('ERR_SHOP_RETRY_OPTION', option, `${option} must be ${allowed}, not ${shown(value)}`)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}
