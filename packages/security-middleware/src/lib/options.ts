import { SecurityError } from './errors.ts'

/**
 * Refuses a key that is no option, naming the closest one that is.
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION
 */
export function knownOptions(owner: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const near = closest(key, known)
    const hint = near === undefined ? `It takes ${known.join(', ')}.` : `Did you mean "${near}"?`
    throw new SecurityError(
      'ERR_SHOP_SECURITY_UNKNOWN_OPTION',
      `${owner} has no option ${JSON.stringify(key)}. ${hint}`,
    )
  }
}

/**
 * An integer option within its range.
 * @throws ERR_SHOP_SECURITY_OPTION
 */
export function integer(
  name: string,
  value: number | undefined,
  standard: number,
  range: readonly [least: number, most: number],
): number {
  const number = value ?? standard
  if (Number.isSafeInteger(number) && number >= range[0] && number <= range[1]) return number
  throw new SecurityError(
    'ERR_SHOP_SECURITY_OPTION',
    `${name} is ${String(value)}, and must be an integer from ${range[0]} to ${range[1]}.`,
  )
}

/**
 * An option with a closed set of values.
 * @throws ERR_SHOP_SECURITY_OPTION
 */
export function oneOf<T extends string>(name: string, value: T | undefined, standard: T, values: readonly T[]): T {
  const chosen = value ?? standard
  if (values.includes(chosen)) return chosen
  throw new SecurityError(
    'ERR_SHOP_SECURITY_OPTION',
    `${name} is ${JSON.stringify(value)}, and must be one of ${values.join(', ')}.`,
  )
}

function closest(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let least = 3
  for (const candidate of known) {
    const distance = edits(key.toLowerCase(), candidate.toLowerCase())
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** Levenshtein's distance, one row at a time. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
