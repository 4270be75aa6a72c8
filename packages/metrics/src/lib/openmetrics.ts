import { MetricsError } from './errors.ts'
import { readSample, type Sample } from './openmetrics-line.ts'
import { groupKey, histogramFault, sampleFault, SUFFIXES } from './openmetrics-rules.ts'

/** A metric family of an OpenMetrics text. */
export interface MetricFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly unit: string
  readonly samples: readonly Sample[]
}

/**
 * Reads an OpenMetrics 1.0 text, strictly: order, grouping, histograms, exemplars, the end mark.
 * @throws ERR_SHOP_METRICS_PARSE with the line and the reason
 */
export function parseOpenMetrics(text: string): readonly MetricFamily[] {
  const reader = new Reader()
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const [i, line] of lines.entries()) {
    try {
      reader.line(line)
    } catch (cause) {
      throw new MetricsError('ERR_SHOP_METRICS_PARSE', `line ${i + 1}: ${(cause as Error).message}`, { cause })
    }
  }
  try {
    return reader.end()
  } catch (cause) {
    throw new MetricsError('ERR_SHOP_METRICS_PARSE', `line ${lines.length + 1}: ${(cause as Error).message}`, { cause })
  }
}

const META = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/s
const HELP_ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\\\': '\\', '\\"': '"' }

class Reader {
  readonly #families: MetricFamily[] = []
  readonly #names = new Set<string>()
  #open: Open | undefined
  #ended = false

  line(line: string): void {
    if (this.#ended) throw new Error('something after # EOF')
    if (line === '') throw new Error('a blank line')
    if (line === '# EOF') this.#ended = true
    else if (line.startsWith('#')) this.#meta(line)
    else this.#sample(readSample(line))
  }

  end(): readonly MetricFamily[] {
    this.#close()
    if (!this.#ended) throw new Error('no # EOF')
    return this.#families
  }

  #meta(line: string): void {
    const found = META.exec(line)
    if (!found) throw new Error('a comment that is no HELP, TYPE, UNIT or EOF')
    const [, kind, name, rest] = found
    if (this.#open?.name !== name) this.#begin(name!)
    this.#open!.describe(kind as 'HELP' | 'TYPE' | 'UNIT', rest!)
  }

  #sample(sample: Sample): void {
    if (!this.#open?.takes(sample.name)) this.#begin(sample.name)
    this.#open!.add(sample)
  }

  #begin(name: string): void {
    this.#close()
    this.#open = new Open(name)
  }

  #close(): void {
    if (!this.#open) return
    const family = this.#open.close()
    for (const suffix of new Set(['', ...SUFFIXES[family.type]!])) {
      if (this.#names.has(family.name + suffix)) throw new Error(`${family.name + suffix} belongs to two families`)
      this.#names.add(family.name + suffix)
    }
    this.#families.push(family)
    this.#open = undefined
  }
}

/** The family being read. */
class Open {
  readonly name: string
  readonly #meta = new Map<'HELP' | 'TYPE' | 'UNIT', string>()
  readonly #samples: Sample[] = []
  readonly #groups = new Map<string, Sample[]>()
  #group: string | undefined
  #time: number | undefined

  constructor(name: string) {
    this.name = name
  }

  get #type(): string {
    return this.#meta.get('TYPE') ?? 'unknown'
  }

  describe(kind: 'HELP' | 'TYPE' | 'UNIT', text: string): void {
    if (this.#meta.has(kind)) throw new Error(`${kind} of ${this.name} twice`)
    if (this.#samples.length > 0) throw new Error(`${kind} of ${this.name} after its samples`)
    if (kind === 'TYPE' && !Object.hasOwn(SUFFIXES, text)) throw new Error(`type ${JSON.stringify(text)}`)
    this.#meta.set(kind, kind === 'HELP' ? text.replaceAll(/\\[\\n"]/g, (pair) => HELP_ESCAPES[pair]!) : text)
  }

  takes(sample: string): boolean {
    return SUFFIXES[this.#type]!.some((suffix) => sample === this.name + suffix)
  }

  add(sample: Sample): void {
    const type = this.#type
    if (!this.takes(sample.name)) throw new Error(`sample ${sample.name} in family ${this.name}`)
    const fault = sampleFault(this.name, type, sample)
    if (fault !== undefined) throw new Error(fault)
    const key = groupKey(this.name, type, sample)
    const group = this.#groups.get(key)
    if (group && this.#group !== key) throw new Error('samples of one metric that are not together')
    if (group) {
      if ((sample.timestamp === undefined) !== (this.#time === undefined))
        throw new Error('timestamps on some samples of a metric only')
      if (type !== 'info' && sample.timestamp! < this.#time!) throw new Error('timestamps that go backwards')
      group.push(sample)
    } else this.#groups.set(key, [sample])
    this.#group = key
    this.#time = sample.timestamp
    this.#samples.push(sample)
  }

  close(): MetricFamily {
    const { name } = this
    const type = this.#type
    const unit = this.#meta.get('UNIT') ?? ''
    if (unit !== '' && !name.endsWith(`_${unit}`))
      throw new Error(`unit ${JSON.stringify(unit)} is not the end of ${name}`)
    if (unit !== '' && (type === 'info' || type === 'stateset')) throw new Error(`a unit on the ${type} ${name}`)
    if (type.endsWith('histogram')) for (const group of this.#groups.values()) this.#checkTimes(group)
    return { name, type, unit, help: this.#meta.get('HELP') ?? '', samples: this.#samples }
  }

  #checkTimes(group: readonly Sample[]): void {
    for (const time of new Set(group.map((sample) => sample.timestamp))) {
      const fault = histogramFault(
        this.name,
        group.filter((sample) => sample.timestamp === time),
      )
      if (fault !== undefined) throw new Error(fault)
    }
  }
}
