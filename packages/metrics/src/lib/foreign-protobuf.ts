import { writeLabel } from './protobuf.ts'
import type { MetricValues } from './register.ts'
import { Wire } from './wire.ts'

type Value = MetricValues['values'][number]

/** The series of a metric that is not ours, each as the repeated `metric` field of its family. */
export function foreignMessages(
  family: MetricValues,
  defaults: Readonly<Record<string, string>>,
): readonly Uint8Array[] {
  const wire = new Wire()
  const simple = { counter: 3, gauge: 2 }[family.type] ?? 5
  return grouped(family, defaults).map(([labels, values]) => {
    wire.message(4, () => {
      for (const [name, value] of Object.entries(labels)) writeLabel(wire, 1, name, value)
      if (family.type === 'histogram') wire.message(7, () => writeParts(wire, family.name, values, 'le'))
      else if (family.type === 'summary') wire.message(4, () => writeParts(wire, family.name, values, 'quantile'))
      else wire.message(simple, () => wire.double(1, values[0]!.value))
    })
    return wire.take()
  })
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
