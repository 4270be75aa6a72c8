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
  return text === '+Inf' ? text : boundText(Number(text))
}

function exemplarOf(given: unknown): string {
  const exemplar = given as
    | { labelSet?: Record<string, unknown>; value?: number; timestamp?: number }
    | null
    | undefined
  if (!exemplar?.labelSet || typeof exemplar.value !== 'number') return ''
  const pairs = Object.entries(exemplar.labelSet).map(([name, value]) => `${name}="${escapeLabel(String(value))}"`)
  return ` # {${pairs.join(',')}} ${numberText(exemplar.value)}${exemplar.timestamp === undefined ? '' : ` ${exemplar.timestamp}`}`
}
