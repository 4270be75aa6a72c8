/** One alert: its rule, whom it concerns, what to do, and the two cases that test it. */
export interface Alert {
  /** Unique; `Shop` and what is wrong. */
  readonly name: string
  readonly expr: string
  /** How long it must last. @default '5m' */
  readonly for?: string
  readonly severity: 'critical' | 'warning' | 'info'
  readonly team: 'platform' | 'database' | 'payments' | 'security' | 'business'
  /** One line for a phone's screen. May name labels as `{{ $labels.route }}`. */
  readonly summary: string
  /** What to look at and do first. */
  readonly action: string
  /** The series whose exemplars are requests it is about: the failed or slow ones alone, in PromQL. */
  readonly exemplars?: string
  /** Data on which it must fire, and the labels it fires with. */
  readonly fires: Case & { readonly labels?: Readonly<Record<string, string>> }
  /** Data near to it on which it must not. */
  readonly quiet: Case
}

/** Input series, and when to look. */
export interface Case {
  readonly series: readonly Input[]
  /** @default '20m' */
  readonly at?: string
  /** Distance of samples and evaluations. @default '1m' */
  readonly step?: '1m' | '5m' | '15m' | '30m'
}

/** A series in promtool's notation: `name{labels}` and `0+10x30`. */
export type Input = readonly [series: string, values: string]

/** The labels every series of a scraped target has. */
export const TARGET = { job: 'shop', instance: 'shop-1:9464' } as const

/** A series of the shop's one instance. */
export function series(name: string, labels: Readonly<Record<string, string | number>>, values: string): Input {
  const pairs = Object.entries({ ...TARGET, ...labels }).map(([label, value]) => `${label}="${value}"`)
  return [`${name}{${pairs.join(',')}}`, values]
}

/** A name without labels of ours: for what Prometheus says of itself. */
export const plain = (name: string, values: string): Input => [name, values]

/** Of a histogram the buckets of what took longer than a bound: an exemplar lies in the bucket its value fell into. */
export function slowerThan(bound: number, metric: string, bounds: readonly number[]): string {
  // a whole bound is "1" when scraped as text, "1.0" as OpenMetrics
  const quicker = bounds
    .filter((each) => each <= bound)
    .flatMap((each) => (Number.isInteger(each) ? [`${each}`, `${each}.0`] : [`${each}`]))
  return `${metric}_bucket{le!~"${quicker.join('|')}"}`
}
