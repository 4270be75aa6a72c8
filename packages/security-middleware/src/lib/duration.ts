import { SecurityError } from './errors.ts'

/** Milliseconds, or a number with its unit: `'500ms'`, `'2s'`, `'5m'`, `'1h'`, `'30d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A duration in milliseconds.
 * @throws ERR_SHOP_SECURITY_DURATION when it is none, negative, or above `most`.
 */
export function milliseconds(name: string, value: Duration, most: number = 400 * 86_400_000): number {
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : null
  const result = parts ? Number(parts[1]) * units[parts[2]!]! : value
  if (typeof result === 'number' && result >= 0 && result <= most) return result
  throw new SecurityError(
    'ERR_SHOP_SECURITY_DURATION',
    `${name} is ${JSON.stringify(value)}, and must be 0 to ${most} milliseconds, or a text such as "500ms", "2s", "5m".`,
  )
}
