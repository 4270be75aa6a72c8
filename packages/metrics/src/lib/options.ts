import { MetricsError } from './errors.ts'

/** Throws for a key that is no option, so that a typing mistake is found at boot, and for what holds no options. */
export function onlyKnown(where: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `${where}: the options ${String(options)} are no object`)
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    throw new MetricsError(
      'ERR_SHOP_METRICS_UNKNOWN_OPTION',
      `${where}: no option ${JSON.stringify(key)}; there are ${known.join(', ')}`,
    )
  }
}

/** A whole number within a range, or the default when absent. */
export function whole(where: string, value: number | undefined, fallback: number, low: number, high: number): number {
  if (value === undefined) return fallback
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new MetricsError(
    'ERR_SHOP_METRICS_OPTION',
    `${where}: ${String(value)} is not a whole number from ${low} to ${high}`,
  )
}

/** One of a few words, or the default when absent. */
export function oneOf<T extends string>(where: string, value: T | undefined, fallback: T, allowed: readonly T[]): T {
  if (value === undefined) return fallback
  if (allowed.includes(value)) return value
  throw new MetricsError(
    'ERR_SHOP_METRICS_OPTION',
    `${where}: ${JSON.stringify(value)} is not one of ${allowed.join(', ')}`,
  )
}

/** A true or false, or the default when absent. */
export function flag(where: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw new MetricsError('ERR_SHOP_METRICS_OPTION', `${where}: ${String(value)} is neither true nor false`)
}

/** A list of texts, or the default when absent. One text alone is no list, though it can be gone through like one. */
export function texts<T extends string>(
  where: string,
  value: readonly T[] | undefined,
  fallback: readonly T[],
): readonly T[] {
  if (value === undefined) return fallback
  if (Array.isArray(value) && value.every((one: unknown) => typeof one === 'string')) return value as T[]
  throw new MetricsError('ERR_SHOP_METRICS_OPTION', `${where}: ${JSON.stringify(value)} is not a list of texts`)
}

/** A function, or nothing when absent. */
export function callable<F>(where: string, value: F | undefined): F | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw new MetricsError('ERR_SHOP_METRICS_OPTION', `${where}: ${String(value)} is not a function`)
}
