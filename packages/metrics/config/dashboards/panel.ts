import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries'

/** What every query selects by: the variables of the dashboard. */
export const SELECTED = 'job=~"$job", instance=~"$instance"'
const DATASOURCE = { type: 'prometheus', uid: '$datasource' }

/** One panel: what it shows, in which unit, by which queries. */
export interface PanelSpec {
  readonly title: string
  /** One sentence on what to read in it. */
  readonly about: string
  /** Grafana's word: `reqps`, `percentunit`, `s`, `bytes`, `short`, … */
  readonly unit: string
  readonly queries: readonly (readonly [expr: string, legend: string])[]
  /** One number instead of a curve. @default false */
  readonly stat?: boolean
}

/** `rate(name{job, instance, more}[$__rate_interval])` */
export function rate(name: string, more = ''): string {
  return `rate(${name}{${SELECTED}${more && `, ${more}`}}[$__rate_interval])`
}

/** `name{job, instance, more}` */
export function now(name: string, more = ''): string {
  return `${name}{${SELECTED}${more && `, ${more}`}}`
}

/** What may never have happened is shown as nothing happening. */
export function orZero(expr: string): string {
  return `${expr} or vector(0)`
}

/** A percentile of a histogram, by some labels. */
export function quantile(q: number, name: string, by = '', more = ''): string {
  return `histogram_quantile(${q}, sum by (${by && `${by}, `}le) (${rate(`${name}_bucket`, more)}))`
}

/** The panel as Grafana's builder makes it, by the rules of its dashboard linter. */
export function toPanel({ title, about, unit, queries, stat = false }: PanelSpec): Stat | TimeSeries {
  const panel = stat ? new Stat().span(6).height(4) : new TimeSeries().span(12).height(8).fillOpacity(8).min(0)
  panel.title(title).description(about).unit(unit).datasource(DATASOURCE)
  for (const [i, [expr, legend]] of queries.entries()) {
    const query = new DataqueryBuilder()
      .expr(expr)
      .legendFormat(legend)
      .refId(String.fromCodePoint(65 + i))
      .datasource(DATASOURCE)
    panel.withTarget(stat ? query.instant() : query.range())
  }
  return panel
}
