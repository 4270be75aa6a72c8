import { type Exemplar, exemplarLabels } from './exemplar.ts'
import type { OwnFamily } from './families.ts'
import { OVERFLOW_LABEL, type Series } from './family.ts'
import { Histogram, type HistogramSeries } from './histogram.ts'
import { labelPairs } from './labels.ts'
import { boundText, numberText } from './number.ts'

/** The two text formats differ in little. */
export type TextFormat = 'text' | 'openmetrics'

/** `# HELP` and `# TYPE` of a family; OpenMetrics names a counter without its `_total`. */
export function headerText(name: string, help: string, type: string, format: TextFormat): string {
  const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name
  const kind =
    format === 'openmetrics' ? (type === 'untyped' ? 'unknown' : type) : type === 'unknown' ? 'untyped' : type
  const quoted = format === 'openmetrics' ? escapeHelp(help).replaceAll('"', '\\"') : escapeHelp(help)
  return `# HELP ${family} ${quoted}\n# TYPE ${family} ${kind}\n`
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

/** Forgets cached lines when the registry's default labels are other ones than they were made with. */
export function useDefaultLabels(family: OwnFamily, labels: Readonly<Record<string, string>>): void {
  const before = family.linesFor
  family.linesFor = labels
  if (before === labels || before === undefined) return
  for (const series of family.all()) series.lines = undefined
}

/** All lines of one series. The beginnings are cached: only the numbers are written anew at each scrape. */
export function seriesText(family: OwnFamily, series: Series, format: TextFormat): string {
  const lines = (series.lines ??= lineBeginnings(family, series))
  if (family instanceof Histogram) return histogramText(series as HistogramSeries, lines, format)
  return `${lines[0]}${numberText((series as unknown as { value: number }).value)}\n`
}

function histogramText(series: HistogramSeries, lines: readonly string[], format: TextFormat): string {
  const { counts, exemplars } = series
  const last = counts.length
  const marked = format === 'openmetrics' ? exemplars : undefined
  let text = ''
  let seen = 0
  for (let i = 0; i < last; i++) {
    seen += counts[i]!
    text += lines[i]! + seen + (marked?.[i] ? `${exemplarText(marked[i]!)}\n` : '\n')
  }
  return `${text}${lines[last]}${numberText(series.sum)}\n${lines[last + 1]}${seen}\n`
}

function exemplarText(exemplar: Exemplar): string {
  const labels = exemplarLabels(exemplar).map(([name, value]) => `${name}="${value}"`)
  return ` # {${labels.join()}} ${numberText(exemplar.value)} ${(exemplar.at / 1000).toFixed(3)}`
}

function lineBeginnings(family: OwnFamily, series: Series): readonly string[] {
  const defaults = (family.linesFor ?? {}) as Readonly<Record<string, string>>
  const pairs = pairsOf(family, series, defaults)
  if (!(family instanceof Histogram)) return [flat(`${family.metric}${pairs && `{${pairs}}`} `)]
  const buckets = [...family.bounds, Infinity].map((bound) =>
    flat(`${family.metric}_bucket{${pairs && `${pairs},`}le="${boundText(bound)}"} `),
  )
  const braces = pairs && `{${pairs}}`
  return [...buckets, flat(`${family.metric}_sum${braces} `), flat(`${family.metric}_count${braces} `)]
}

function pairsOf(family: OwnFamily, series: Series, defaults: Readonly<Record<string, string>>): string {
  const overflow = family.isOverflow(series as never)
  const names: string[] = overflow ? [OVERFLOW_LABEL] : [...family.labelNames]
  const values: string[] = overflow ? ['true'] : [...series.values]
  for (const [name, value] of Object.entries(defaults)) {
    if (names.some((known, i) => known === name && values[i])) continue
    names.push(name)
    values.push(value)
  }
  return labelPairs(names, values)
}

/** Makes one flat string of a concatenated one, which would otherwise be walked again at every scrape. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}
