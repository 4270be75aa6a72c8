import cluster from 'node:cluster'

import {
  type Ask,
  type Changed,
  type FamilyDefinition,
  packed,
  type SeriesDefinition,
  type Told,
} from './cluster-message.ts'
import { Counter } from './counter.ts'
import { MetricsError } from './errors.ts'
import type { Exemplar } from './exemplar.ts'
import { type OwnFamily, readyFamilies } from './families.ts'
import type { Series } from './family.ts'
import { Gauge } from './gauge.ts'
import { Histogram, type HistogramSeries } from './histogram.ts'
import { NativeCursor } from './native-cursor.ts'
import { onlyKnown } from './options.ts'
import { type MetricValues, type Register, registerOf } from './register.ts'

/** What {@link reportToPrimary} takes. */
export interface ReportToPrimaryOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
}

/**
 * In a worker of `node:cluster`: answers the primary's scrapes with what changed since the last one. A second call
 * changes nothing, and one after the end goes on where the first ended.
 * @returns what ends it
 * @throws ERR_SHOP_METRICS_CLUSTER outside of a worker, or for a second registry
 */
export function reportToPrimary(options: ReportToPrimaryOptions = {}): Disposable {
  onlyKnown('reportToPrimary()', options, ['register'])
  if (!cluster.isWorker)
    throw new MetricsError('ERR_SHOP_METRICS_CLUSTER', 'reportToPrimary(): this process is no worker of node:cluster')
  const register = registerOf('reportToPrimary()', options.register)
  reporter ??= new Reporter(register)
  if (reporter.register !== register)
    throw new MetricsError('ERR_SHOP_METRICS_CLUSTER', 'reportToPrimary(): this worker reports another registry')
  const { answer } = reporter
  process.off('message', answer).on('message', answer)
  return {
    [Symbol.dispose]() {
      process.off('message', answer)
    },
  }
}

/** One in a process for ever: the primary adds what it is told, so nothing may be told twice. */
let reporter: Reporter | undefined

class Reporter {
  readonly register: Register
  #session: string | undefined
  #changes: Changes
  #busy: Promise<unknown> = Promise.resolve()

  constructor(register: Register) {
    this.register = register
    this.#changes = new Changes(register)
  }

  readonly answer = (message: Ask): void => {
    if (message?.type !== 'shop-metrics:ask') return
    // one after the other: each answer holds what the one before did not
    this.#busy = this.#busy.then(() => this.#answer(message)).catch(() => undefined) // the primary calls it late
  }

  async #answer({ session, ask }: Ask): Promise<void> {
    if (session !== this.#session) this.#changes = new Changes(this.register)
    this.#session = session
    const told: Told = { type: 'shop-metrics:told', session, ask, ...(await this.#changes.since()) }
    process.send?.(told, undefined, undefined, () => undefined)
  }
}

interface Sent {
  readonly id: number
  /** What the primary knows: a value, or a histogram's sum and buckets. */
  readonly numbers: Float64Array
  readonly native: NativeCursor | undefined
  exemplars: readonly (Exemplar | undefined)[] | undefined
}

/** What of a registry changed since it was last asked. */
export class Changes {
  readonly #register: Register
  readonly #families = new Map<string, number>()
  readonly #own = new WeakMap<Series, Sent>()
  readonly #foreign = new Map<string, { readonly id: number; value: number }>()
  #series = 0

  constructor(register: Register) {
    this.#register = register
  }

  async since(): Promise<Changed> {
    const answer: Answer = { families: [], series: [], rows: [], natives: [], exemplars: [] }
    for await (const ready of readyFamilies(this.#register)) {
      if ('own' in ready) this.#tellOwn(answer, ready.own)
      else this.#tellForeign(answer, ready.foreign)
    }
    return answer
  }

  #tellOwn(answer: Answer, family: OwnFamily): void {
    family.expire(Date.now())
    const index = this.#familyIndex(answer, family.metric, () => definitionOf(family))
    for (const series of family.all()) {
      let sent = this.#own.get(series)
      if (!sent) {
        const size = family instanceof Histogram ? family.bounds.length + 2 : 1
        const native = family instanceof Histogram && family.native ? new NativeCursor(family.native) : undefined
        sent = { id: this.#series++, numbers: new Float64Array(size), native, exemplars: undefined }
        this.#own.set(series, sent)
        answer.series.push([index, family.isOverflow(series as never) ? null : series.values])
        if (family instanceof Gauge) sent.numbers[0] = Number.NaN // nothing equals it: the first value is always told
      }
      if (family instanceof Histogram) tellHistogram(answer, sent, series as HistogramSeries)
      else tellValue(answer, sent, (series as unknown as { value: number }).value, family instanceof Counter)
    }
  }

  #tellForeign(answer: Answer, family: MetricValues): void {
    const index = this.#familyIndex(answer, family.name, () => foreignDefinition(family))
    const rising = family.type !== 'gauge'
    for (const { metricName, labels, sharedLabels, value } of family.values) {
      const all = { ...sharedLabels, ...labels }
      const key = `${family.name} ${metricName ?? ''} ${JSON.stringify(all)}`
      let sent = this.#foreign.get(key)
      if (!sent) {
        sent = { id: this.#series++, value: rising ? 0 : Number.NaN }
        this.#foreign.set(key, sent)
        const texts = Object.fromEntries(Object.entries(all).map(([name, text]) => [name, String(text)]))
        answer.series.push(metricName === undefined ? [index, texts] : [index, texts, metricName])
      }
      // quantiles and gauges are values of their own; what fell was reset, and begins again
      const delta = rising && labels?.['quantile'] === undefined
      if (!Object.is(value, sent.value))
        answer.rows.push(sent.id, 1, packed(delta ? (value < sent.value ? value : value - sent.value) : value))
      sent.value = value
    }
  }

  #familyIndex(answer: Answer, name: string, define: () => FamilyDefinition): number {
    const known = this.#families.get(name)
    if (known !== undefined) return known
    const index = this.#families.size
    this.#families.set(name, index)
    answer.families.push(define())
    return index
  }
}

interface Answer {
  readonly families: FamilyDefinition[]
  readonly series: SeriesDefinition[]
  readonly rows: (number | string)[]
  readonly natives: Changed['natives'][number][]
  readonly exemplars: Changed['exemplars'][number][]
}

function tellValue(answer: Answer, sent: Sent, value: number, rising: boolean): void {
  const before = sent.numbers[0]!
  if (Object.is(value, before)) return
  answer.rows.push(sent.id, 1, packed(rising ? (value < before ? value : value - before) : value))
  sent.numbers[0] = value
}

function tellHistogram(answer: Answer, sent: Sent, series: HistogramSeries): void {
  const { numbers } = sent
  const { counts } = series
  if (counts.every((count, i) => count === numbers[i + 1])) return
  const reset = counts.some((count, i) => count < numbers[i + 1]!)
  if (reset) numbers.fill(0)
  answer.rows.push(sent.id, counts.length + 1, packed(series.sum - numbers[0]!))
  numbers[0] = series.sum
  for (const [i, count] of counts.entries()) {
    answer.rows.push(count - numbers[i + 1]!)
    numbers[i + 1] = count
  }
  if (sent.native && series.native) answer.natives.push([sent.id, sent.native.delta(series.native, reset)])
  for (const [bucket, exemplar] of (series.exemplars ?? []).entries()) {
    if (exemplar && exemplar !== sent.exemplars?.[bucket]) answer.exemplars.push([sent.id, bucket, exemplar])
  }
  sent.exemplars = series.exemplars && [...series.exemplars]
}

function definitionOf(family: OwnFamily): FamilyDefinition {
  const { type, metric, help, aggregator, labelNames, maxSeries } = family
  const common: FamilyDefinition = { kind: type, name: metric, help, type, aggregator, labelNames, maxSeries }
  if (!(family instanceof Histogram)) return common
  return { ...common, bounds: [...family.bounds], ...(family.native && { native: family.native }) }
}

function foreignDefinition({ name, help, type, aggregator = 'sum' }: MetricValues): FamilyDefinition {
  return { kind: 'foreign', name, help, type, aggregator, labelNames: [], maxSeries: 0 }
}
