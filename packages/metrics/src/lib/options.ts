import { MetricsError } from './errors.ts'

/** Throws for a key that is no option, so that a typing mistake is found at boot. */
export function onlyKnown(where: string, options: object, known: readonly string[]): void {
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
