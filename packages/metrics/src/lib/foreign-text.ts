import { LABEL_NAME } from './foreign-values.ts'
import { escapeLabel } from './labels.ts'
import { boundText, numberText } from './number.ts'
import type { MetricValues } from './register.ts'
import type { TextFormat } from './text.ts'

type Value = MetricValues['values'][number]

/** The lines of one value of a metric that is not ours. */
export function foreignText(
  family: MetricValues,
  value: Value,
  defaults: Readonly<Record<string, string>>,
  format: TextFormat,
): string {
  const base = value.metricName ?? family.name
  const counter = format === 'openmetrics' && family.type === 'counter' && value.metricName === undefined
  const name = counter && !base.endsWith('_total') ? `${base}_total` : base
  const pairs: string[] = []
  for (const [label, text] of Object.entries({ ...defaults, ...value.sharedLabels, ...value.labels })) {
    if (text === undefined || text === '') continue
    pairs.push(`${label}="${label === 'le' || label === 'quantile' ? bound(text) : escapeLabel(String(text))}"`)
  }
  const exemplar = format === 'openmetrics' ? exemplarOf(value.exemplar) : ''
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${numberText(value.value)}${exemplar}\n`
}

function bound(text: string | number): string {
  const value = Number(text)
  return Number.isNaN(value) ? escapeLabel(String(text)) : boundText(value)
}

function exemplarOf(given: unknown): string {
  const exemplar = given as
    | { labelSet?: Record<string, unknown>; value?: number; timestamp?: number }
    | null
    | undefined
  if (!exemplar?.labelSet || typeof exemplar.value !== 'number') return ''
  const labels = Object.entries(exemplar.labelSet).map(([name, value]) => [name, String(value)] as const)
  if (!labels.every(([name]) => LABEL_NAME.test(name))) return ''
  // longer ones a scraper refuses, and the whole scrape with them
  if (labels.reduce((sum, [name, value]) => sum + name.length + value.length, 0) > 128) return ''
  const pairs = labels.map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  const time = Number.isFinite(exemplar.timestamp) ? ` ${exemplar.timestamp}` : ''
  return ` # {${pairs.join(',')}} ${numberText(exemplar.value)}${time}`
}
