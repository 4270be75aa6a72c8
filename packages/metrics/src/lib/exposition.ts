import { readyFamilies } from './families.ts'
import { writeForeign } from './foreign-protobuf.ts'
import { foreignText } from './foreign-text.ts'
import type { Format } from './negotiate.ts'
import { writeOwn } from './protobuf.ts'
import { defaultLabelsOf, type Register } from './register.ts'
import { Slice } from './slice.ts'
import { headerText, seriesText, type TextFormat, useDefaultLabels } from './text.ts'
import { varint, Wire } from './wire.ts'

const CHUNK = 65_536

/**
 * A registry in one of the formats, in chunks. Between slices of a millisecond the event loop is free, so a
 * histogram is consistent in itself and the whole is nearly so, as with any scrape.
 */
export async function* exposition(register: Register, format: Format): AsyncGenerator<Uint8Array> {
  yield* format === 'protobuf' ? protobuf(register) : text(register, format)
}

async function* text(register: Register, format: TextFormat): AsyncGenerator<Uint8Array> {
  const defaults = defaultLabelsOf(register)
  const slice = new Slice()
  let out = ''
  for await (const ready of readyFamilies(register)) {
    if ('foreign' in ready) {
      const { name, help, type, values } = ready.foreign
      out += headerText(name, help, type, format)
      for (const value of values) {
        out += foreignText(ready.foreign, value, defaults, format)
        if (slice.over()) {
          yield Buffer.from(out)
          out = ''
          await slice.next()
        }
      }
      continue
    }
    const family = ready.own
    useDefaultLabels(family, defaults)
    out += headerText(family.metric, family.help, family.type, format)
    for (const series of family.live(Date.now())) {
      out += seriesText(family, series, format)
      if (out.length < CHUNK && !slice.over()) continue
      yield Buffer.from(out)
      out = ''
      if (slice.over(true)) await slice.next()
    }
  }
  yield Buffer.from(format === 'openmetrics' ? `${out}# EOF\n` : out)
}

async function* protobuf(register: Register): AsyncGenerator<Uint8Array> {
  const defaults = defaultLabelsOf(register)
  const slice = new Slice()
  for await (const ready of readyFamilies(register)) {
    const wire = new Wire()
    const writing = 'own' in ready ? writeOwn(wire, ready.own, defaults) : writeForeign(wire, ready.foreign, defaults)
    // a family without series says nothing, and the format has no empty ones
    if (writing.next().done) continue
    // the length of a family stands before it, so its chunks are kept until the last
    const chunks: Uint8Array[] = []
    do {
      if (wire.length >= CHUNK) chunks.push(wire.take())
      if (slice.over()) await slice.next()
    } while (!writing.next().done)
    chunks.push(wire.take())
    yield varint(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    for (const chunk of chunks) {
      yield chunk
      if (slice.over(true)) await slice.next()
    }
  }
}

/** A registry as one text: for tests, scripts and small registries. */
export async function expositionText(register: Register, format: TextFormat = 'text'): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of exposition(register, format)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
