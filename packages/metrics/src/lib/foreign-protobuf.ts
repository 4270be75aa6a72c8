import { writeHead, writeLabel } from './protobuf.ts'
import type { MetricValues } from './register.ts'
import type { Wire } from './wire.ts'

type Value = MetricValues['values'][number]

/** A metric that is not ours; its series, each a repeated `metric` field, one at every step. */
export function* writeForeign(
  to: Wire,
  family: MetricValues,
  defaults: Readonly<Record<string, string>>,
): Generator<void> {
  writeHead(to, family.name, family.help, family.type)
  const simple = { counter: 3, gauge: 2 }[family.type] ?? 5
  for (const [labels, values] of grouped(family, defaults)) {
    to.message(4, () => {
      for (const [name, value] of Object.entries(labels)) writeLabel(to, 1, name, value)
      if (family.type === 'histogram') to.message(7, () => writeParts(to, family.name, values, 'le'))
      else if (family.type === 'summary') to.message(4, () => writeParts(to, family.name, values, 'quantile'))
      else to.message(simple, () => to.double(1, values[0]!.value))
    })
    yield
  }
}

/** The lines of one label set together, the bound aside. */
function grouped(
  family: MetricValues,
  defaults: Readonly<Record<string, string>>,
): readonly [Record<string, string>, Value[]][] {
  const groups = new Map<string, [Record<string, string>, Value[]]>()
  for (const value of family.values) {
    const labels: Record<string, string> = {}
    for (const [name, text] of Object.entries({ ...defaults, ...value.sharedLabels, ...value.labels })) {
      const bound = (name === 'le' && family.type === 'histogram') || (name === 'quantile' && family.type === 'summary')
      if (!bound && text !== undefined && text !== '') labels[name] = String(text)
    }
    const key = JSON.stringify(labels)
    const group = groups.get(key)
    if (group) group[1].push(value)
    else groups.set(key, [labels, [value]])
  }
  return [...groups.values()]
}

/** Count, sum and buckets; a summary has the same fields with quantiles for buckets. */
function writeParts(wire: Wire, name: string, values: readonly Value[], bound: 'le' | 'quantile'): void {
  for (const { metricName, labels, sharedLabels, value } of values) {
    const at = labels?.[bound] ?? sharedLabels?.[bound]
    if (metricName === `${name}_count`) wire.uint(1, value)
    else if (metricName === `${name}_sum`) wire.double(2, value)
    else if (at !== undefined) {
      wire.message(3, () => {
        const limit = at === '+Inf' ? Infinity : Number(at)
        if (bound === 'le') {
          wire.uint(1, value)
          wire.double(2, limit)
        } else {
          wire.double(1, limit)
          wire.double(2, value)
        }
      })
    }
  }
}
