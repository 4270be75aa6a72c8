import { PgOptimizationsError } from './errors.ts'

/** A duration in milliseconds, or as text: `'100ms'`, `'2s'`, `'5m'`, `'1h'`. */
export type Duration = number | string

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Refuses members that are not known. @throws ERR_SHOP_PG_OPTION */
export function checkNames(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name))
      throw new PgOptimizationsError(
        'ERR_SHOP_PG_OPTION',
        `${where}: unknown option ${JSON.stringify(name)}; known: ${known.join(', ')}`,
      )
  }
}

/** A duration within a range, in milliseconds. @throws ERR_SHOP_PG_OPTION */
export function milliseconds(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : null
  const ms = match ? Number(match[1]) * UNITS[match[2]!]! : value
  if (typeof ms !== 'number' || !(ms >= min && ms <= max))
    throw range(name, value, `a duration from ${min} ms to ${max} ms`)
  return ms
}

/** A whole number within a range. @throws ERR_SHOP_PG_OPTION */
export function whole(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
    throw range(name, value, `a whole number from ${min} to ${max}`)
  return value as number
}

/** One of a few words. @throws ERR_SHOP_PG_OPTION */
export function oneOf<T extends string>(name: string, value: unknown, fallback: T, allowed: readonly T[]): T {
  if (value === undefined) return fallback
  if (!allowed.includes(value as T)) throw range(name, value, allowed.join(' or '))
  return value as T
}

function range(name: string, value: unknown, expected: string): PgOptimizationsError {
  return new PgOptimizationsError(
    'ERR_SHOP_PG_OPTION',
    `${name}: expected ${expected}, received ${JSON.stringify(value)}`,
  )
}
