import { MetricsError } from './errors.ts'

/** What may stand for a label. `undefined`, `null` and `''` all mean that the series has no such label, as Prometheus has it. */
export type LabelValue = string | number | boolean | null | undefined

/** One value for every label a metric declares. */
export type Labels<L extends string> = Readonly<Record<L, LabelValue>>

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const RESERVED: Readonly<Record<string, string>> = {
  le: 'belongs to histograms',
  quantile: 'belongs to summaries',
  otel_metric_overflow: 'marks the overflow series',
}
// UTF-8 cannot carry half a pair, and two different halves must not meet in one replacement character by chance
const LONE_SURROGATE = /\p{Surrogate}/u
const LONE_SURROGATES = /\p{Surrogate}/gu

/** Checks label names at definition. @throws ERR_SHOP_METRICS_LABEL */
export function checkLabelNames(metric: string, names: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of names) {
    const wrong = !NAME.test(name)
      ? 'is not [a-zA-Z_][a-zA-Z0-9_]*'
      : name.startsWith('__')
        ? 'starts with __, which Prometheus keeps for itself'
        : (RESERVED[name] ?? (seen.has(name) ? 'appears twice' : undefined))
    if (wrong) throw new MetricsError('ERR_SHOP_METRICS_LABEL', `${metric}: label ${JSON.stringify(name)} ${wrong}`)
    seen.add(name)
  }
}

/** The text of a label value, the same for `200` and `'200'`, so that equal labels are one series. */
export function labelText(value: LabelValue): string {
  if (typeof value === 'string') return LONE_SURROGATE.test(value) ? value.replaceAll(LONE_SURROGATES, '\uFFFD') : value
  return value === undefined || value === null ? '' : String(value)
}

/** Escapes a label value for both text formats. */
export function escapeLabel(value: string): string {
  return /[\\\n"]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"') : value
}

/** `a="b",c="d"`, without braces; empty values are left out. */
export function labelPairs(names: readonly string[], values: readonly string[]): string {
  const pairs: string[] = []
  for (const [i, name] of names.entries()) if (values[i]) pairs.push(`${name}="${escapeLabel(values[i])}"`)
  return pairs.join(',')
}
