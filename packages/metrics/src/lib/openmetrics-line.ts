/** One sample of an OpenMetrics text. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Seconds since 1970. */
  readonly timestamp: number | undefined
  readonly exemplar: SampleExemplar | undefined
}

/** What follows ` # ` on a sample's line. */
export interface SampleExemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly timestamp: number | undefined
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"/y
const NUMBER = /[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)(?![^ ])/iy
const ESCAPED: Readonly<Record<string, string>> = { '\\n': '\n', '\\\\': '\\', '\\"': '"' }
const EXEMPLAR_CHARACTERS = 128

/** Reads one sample line. @throws Error with the reason, in a few words */
export function readSample(line: string): Sample {
  const cursor = new Cursor(line)
  const name = cursor.take(NAME, 'a metric name')[0]!
  const labels = cursor.next('{') ? cursor.labels() : {}
  cursor.expect(' ')
  const value = cursor.number('a value')
  let timestamp: number | undefined
  let exemplar: SampleExemplar | undefined
  while (!cursor.done) {
    cursor.expect(' ')
    if (cursor.next('# {')) {
      exemplar = readExemplar(cursor)
      break
    }
    if (timestamp !== undefined) throw new Error('something after the timestamp')
    timestamp = cursor.time()
  }
  if (!cursor.done) throw new Error('something after the sample')
  return { name, labels, value, timestamp, exemplar }
}

function readExemplar(cursor: Cursor): SampleExemplar {
  const labels = cursor.labels()
  const length = Object.entries(labels).reduce((sum, [name, value]) => sum + [...name].length + [...value].length, 0)
  if (length > EXEMPLAR_CHARACTERS) throw new Error(`exemplar labels of ${length} characters`)
  cursor.expect(' ')
  const value = cursor.number('an exemplar value')
  return { labels, value, timestamp: cursor.next(' ') ? cursor.time() : undefined }
}

class Cursor {
  readonly #line: string
  #at = 0

  constructor(line: string) {
    this.#line = line
  }

  get done(): boolean {
    return this.#at === this.#line.length
  }

  next(text: string): boolean {
    if (!this.#line.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  expect(text: string): void {
    if (!this.next(text)) throw new Error(`no ${JSON.stringify(text)} at column ${this.#at + 1}`)
  }

  take(pattern: RegExp, what: string): RegExpExecArray {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#line)
    if (!found) throw new Error(`no ${what} at column ${this.#at + 1}`)
    this.#at = pattern.lastIndex
    return found
  }

  number(what: string): number {
    return toNumber(this.take(NUMBER, what)[0])
  }

  time(): number {
    const value = this.number('a timestamp')
    if (!Number.isFinite(value)) throw new Error('a timestamp that is no moment')
    return value
  }

  /** What follows an opening brace, up to and with the closing one. */
  labels(): Record<string, string> {
    const labels: Record<string, string> = {}
    if (this.next('}')) return labels
    do {
      const [, name, value] = this.take(LABEL, 'a label')
      if (Object.hasOwn(labels, name!)) throw new Error(`label ${name!} twice`)
      labels[name!] = value!.includes('\\') ? value!.replaceAll(/\\./g, (pair) => ESCAPED[pair] ?? pair) : value!
    } while (this.next(','))
    this.expect('}')
    return labels
  }
}

/** A number as OpenMetrics writes it. */
export function toNumber(text: string): number {
  const word = text.toLowerCase().replace(/^\+/, '')
  if (word.startsWith('inf')) return Infinity
  if (word.startsWith('-inf')) return -Infinity
  return Number(word)
}
