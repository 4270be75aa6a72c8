/** A length of time: milliseconds, or a number with its unit. */
export type Duration = number | `${number}ms` | `${number}s` | `${number}m` | `${number}h`

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A {@link Duration} in milliseconds, or undefined when it is none. */
export function toMilliseconds(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value)
  return match ? Number(match[1]) * UNITS[match[2] as string]! : undefined
}
