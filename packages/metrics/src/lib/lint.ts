import type { MetricFamily } from './openmetrics.ts'

const UNITS = /_(milliseconds|minutes|hours|days|kilobytes|megabytes|percent)$/
const ABBREVIATED = /_(ms|s|sec|secs|kb|mb|gb|pct)$/

/** What Prometheus' naming conventions say against a family, as promtool says it. */
export function lint(family: MetricFamily): readonly string[] {
  const { name, help, type, samples } = family
  const faults: string[] = []
  if (help === '') faults.push('has no help')
  if (UNITS.test(name)) faults.push('is not in base units')
  if (ABBREVIATED.test(name)) faults.push('abbreviates its unit')
  if (name.includes(':')) faults.push('has a colon, which is for recorded series')
  if (/[A-Z]/.test(name)) faults.push('is not snake_case')
  if (type !== 'counter' && name.endsWith('_total')) faults.push('ends in _total and is no counter')
  const series = new Set<string>()
  for (const sample of samples) {
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`
    if (series.has(key)) faults.push(`has ${sample.name} twice with the same labels`)
    series.add(key)
  }
  return faults
}
