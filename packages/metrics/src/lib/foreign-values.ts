import type { MetricValues } from './register.ts'

const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped', 'unknown'])
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
export const LABEL_NAME: RegExp = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** What a metric that is not ours gave, checked: a scraper refuses a whole scrape for one line of it. @throws Error with the reason */
export function checkValues(given: MetricValues): MetricValues {
  const { name, help, type, values } = Object(given) as Partial<MetricValues>
  if (typeof name !== 'string' || !METRIC_NAME.test(name)) throw new Error('get() gave no metric name')
  if (typeof help !== 'string') throw new Error('get() gave no help')
  if (!TYPES.has(type as string)) throw new Error(`get() gave the type ${JSON.stringify(type)}`)
  if (!Array.isArray(values)) throw new Error('get() gave no list of values')
  for (const value of values) checkValue(name, type!, value)
  return given
}

function checkValue(name: string, type: string, given: MetricValues['values'][number]): void {
  const { value, metricName = name, labels, sharedLabels } = Object(given) as typeof given
  if (typeof value !== 'number') throw new Error(`get() gave a value of type ${typeof value}`)
  if (typeof metricName !== 'string' || !metricName.startsWith(name) || !METRIC_NAME.test(metricName))
    throw new Error(`get() gave a line named ${JSON.stringify(metricName)}`)
  // protobuf writes these as whole numbers
  const counts = type === 'histogram' ? metricName !== `${name}_sum` : metricName === `${name}_count`
  if (counts && !(value >= 0 && value < Infinity)) throw new Error(`get() gave a count of ${value}`)
  checkLabels(labels)
  checkLabels(sharedLabels)
}

function checkLabels(labels: unknown): void {
  if (labels !== undefined && typeof labels !== 'object') throw new Error(`get() gave labels of type ${typeof labels}`)
  for (const name in labels) {
    if (!LABEL_NAME.test(name)) throw new Error(`get() gave a label ${JSON.stringify(name)}`)
    const value: unknown = (labels as Record<string, unknown>)[name]
    if (value !== null && !['string', 'number', 'boolean', 'undefined'].includes(typeof value))
      throw new Error(`get() gave a label ${JSON.stringify(name)} of type ${typeof value}`)
  }
}
