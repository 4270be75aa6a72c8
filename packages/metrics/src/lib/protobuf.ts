import { Counter } from './counter.ts'
import { type Exemplar, exemplarLabels } from './exemplar.ts'
import type { BucketRun } from './exponential.ts'
import type { OwnFamily } from './families.ts'
import { type Series } from './family.ts'
import type { GaugeSeries } from './gauge.ts'
import { Histogram, type HistogramSeries } from './histogram.ts'
import type { Wire } from './wire.ts'

/** Field numbers and kinds of io.prometheus.client.MetricFamily (prometheus/client_model, metrics.proto). */
const TYPES: Readonly<Record<string, number>> = { counter: 0, gauge: 1, summary: 2, untyped: 3, histogram: 4 }

/** Name, help and type of a family: the fields before its metrics. */
export function writeHead(to: Wire, name: string, help: string, type: string): void {
  to.string(1, name)
  to.string(2, help)
  to.uint(3, TYPES[type] ?? TYPES['untyped']!)
}

/** A family of ours; its series, each a repeated `metric` field, one at every step. */
export function* writeOwn(to: Wire, family: OwnFamily, defaults: Readonly<Record<string, string>>): Generator<void> {
  writeHead(to, family.metric, family.help, family.type)
  for (const series of family.live(Date.now())) {
    to.message(4, () => writeSeries(to, family, series, defaults))
    yield
  }
}

function writeSeries(to: Wire, family: OwnFamily, series: Series, defaults: Readonly<Record<string, string>>): void {
  const labels = { ...defaults, ...family.labelsOf(series as never) }
  for (const name in labels) writeLabel(to, 1, name, labels[name]!)
  if (family instanceof Histogram) to.message(7, () => writeHistogram(to, family, series as HistogramSeries))
  else to.message(family instanceof Counter ? 3 : 2, () => to.double(1, (series as GaugeSeries).value))
}

/** A LabelPair. */
export function writeLabel(to: Wire, field: number, name: string, value: string): void {
  to.message(field, () => {
    to.string(1, name)
    to.string(2, value)
  })
}

function writeHistogram(to: Wire, family: Histogram<string>, series: HistogramSeries): void {
  to.double(2, series.sum)
  let seen = 0
  for (const [i, count] of series.counts.entries()) {
    seen += count
    const exemplar = series.exemplars?.[i]
    to.message(3, () => {
      to.uint(1, seen)
      to.double(2, family.bounds[i] ?? Infinity)
      if (exemplar) writeExemplar(to, exemplar)
    })
  }
  to.uint(1, seen)
  if (!series.native || !family.native) return
  to.sint(5, series.native.positive.schema)
  to.double(6, family.native.zeroThreshold)
  to.uint(7, series.native.zero)
  writeRun(to, series.native.negative.run(), 9, 10)
  const positive = series.native.positive.run()
  writeRun(to, positive, 12, 13)
  // an empty span tells a scraper that a histogram without observations is a native one
  if (positive.counts.length === 0) to.message(12, () => {})
}

/** Spans of used buckets, then each count as its difference from the one before. */
function writeRun(to: Wire, run: BucketRun, spans: number, deltas: number): void {
  let next = 0
  let first = true
  for (let i = 0; i < run.counts.length;) {
    let end = i
    while (end < run.counts.length && run.counts[end]! > 0) end++
    if (end > i) {
      const [offset, length] = [first ? run.start + i : i - next, end - i]
      to.message(spans, () => {
        to.sint(1, offset)
        to.uint(2, length)
      })
      first = false
      next = end
    }
    i = end + 1
  }
  let before = 0
  for (const count of run.counts) {
    if (count === 0) continue
    to.sint(deltas, count - before)
    before = count
  }
}

function writeExemplar(to: Wire, exemplar: Exemplar): void {
  to.message(3, () => {
    for (const [name, value] of exemplarLabels(exemplar)) writeLabel(to, 1, name, value)
    to.double(2, exemplar.value)
    to.message(3, () => {
      to.uint(1, Math.floor(exemplar.at / 1000))
      to.uint(2, (exemplar.at % 1000) * 1_000_000)
    })
  })
}
