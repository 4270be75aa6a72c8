import { MetricsError } from './errors.ts'

/** Milliseconds, or a number with its unit: `'500ms'`, `'2s'`, `'5m'`, `'1h'`, `'1d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 }

/** A duration in milliseconds, or the default when absent. */
export function milliseconds(where: string, value: Duration | undefined, fallback: Duration, low = 0): number {
  const given = value ?? fallback
  const found = typeof given === 'number' ? ['', String(given), 'ms'] : /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(given)
  const ms = found ? Number(found[1]) * (UNITS[found[2]!] ?? Number.NaN) : Number.NaN
  if (Number.isFinite(ms) && ms >= low) return ms
  throw new MetricsError(
    'ERR_SHOP_METRICS_DURATION',
    `${where}: ${JSON.stringify(given)} is not a duration of at least ${low} ms; write 500 or '500ms', '2s', '5m', '1h', '1d'`,
  )
}
