import { CryptoError } from './errors.ts'

/** Refuses option names that are not known, with the ones that are. @throws ERR_SHOP_CRYPTO_OPTION */
export function checkNames(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw optionError(where, name, `is not an option; known are ${known.join(', ')}`)
  }
}

/** A whole number within a range, or its default. @throws ERR_SHOP_CRYPTO_OPTION */
export function wholeNumber(
  where: string,
  name: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw optionError(where, name, `must be a whole number from ${min} to ${max}`)
  }
  return value as number
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A duration in milliseconds, or as text: `'500ms'`, `'2s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | string

/** A duration in milliseconds within a range, or its default. @throws ERR_SHOP_CRYPTO_OPTION */
export function duration(
  where: string,
  name: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : undefined
  const ms = match ? Number(match[1]) * (units[match[2] as string] as number) : value
  if (typeof ms !== 'number' || !(ms >= min && ms <= max)) {
    throw optionError(where, name, `must be a duration from ${min} ms to ${max} ms, as a number or text such as '5m'`)
  }
  return ms
}

/** The error for one option; `what` never holds a key. */
export function optionError(where: string, name: string, what: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_OPTION', `${where}: ${name} ${what}`)
}
