import { AuditError } from './errors.ts'

/** A duration in milliseconds, or as text: `'500ms'`, `'2s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Refuses option names that are not known. @throws ERR_SHOP_AUDIT_OPTION */
export function checkNames(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw optionError(where, name, `is not an option; known are ${known.join(', ')}`)
}

/** A whole number within a range, or its default. @throws ERR_SHOP_AUDIT_OPTION */
export function wholeNumber(
  where: string,
  name: string,
  value: unknown,
  fallback: number,
  range: readonly [number, number],
): number {
  if (value === undefined) return fallback
  if (!Number.isSafeInteger(value) || (value as number) < range[0] || (value as number) > range[1])
    throw optionError(where, name, `is ${shown(value)}; expected a whole number from ${range[0]} to ${range[1]}`)
  return value as number
}

/** A duration in milliseconds within a range, or its default. @throws ERR_SHOP_AUDIT_OPTION */
export function duration(
  where: string,
  name: string,
  value: unknown,
  fallback: number,
  range: readonly [number, number],
): number {
  if (value === undefined) return fallback
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : undefined
  const ms = match ? Number(match[1]) * units[match[2]!]! : value
  if (typeof ms !== 'number' || !(ms >= range[0] && ms <= range[1]))
    throw optionError(
      where,
      name,
      `is ${shown(value)}; expected ${range[0]} ms to ${range[1]} ms, or text such as '5s'`,
    )
  return ms
}

/** One of a few words, or the default. @throws ERR_SHOP_AUDIT_OPTION */
export function oneOf<const T extends string>(
  where: string,
  name: string,
  value: unknown,
  fallback: T,
  words: readonly T[],
): T {
  if (value === undefined) return fallback
  if (!words.includes(value as T)) throw optionError(where, name, `is ${shown(value)}; expected ${words.join(' or ')}`)
  return value as T
}

/** The name of a schema, as it may stand unquoted in SQL. @throws ERR_SHOP_AUDIT_OPTION */
export function schemaName(where: string, value: string | undefined): string {
  if (value === undefined) return 'audit'
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(value))
    throw optionError(where, 'schema', `is ${shown(value)}; expected lower-case letters, digits and underscores`)
  return value
}

export function optionError(where: string, name: string, what: string): AuditError {
  return new AuditError('ERR_SHOP_AUDIT_OPTION', `${where}: ${name} ${what}`)
}

function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 40))
    : typeof value === 'number'
      ? `${value}`
      : typeof value
}
