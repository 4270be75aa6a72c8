import { setImmediate as turn } from 'node:timers/promises'

import { readyFamilies } from './families.ts'
import { foreignMessages } from './foreign-protobuf.ts'
import { foreignText } from './foreign-text.ts'
import type { Format } from './negotiate.ts'
import { familyHead, seriesMessage } from './protobuf.ts'
import { defaultLabelsOf, type Register } from './register.ts'
import { headerText, seriesText, type TextFormat, useDefaultLabels } from './text.ts'
import { varint } from './wire.ts'

/** How long a scrape may hold the event loop before it lets others run. */
const SLICE_MS = 1
const CHUNK = 65_536
/** Looking at the clock costs as much as a line or two. */
const SERIES_PER_LOOK = 4

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
    family.expire(Date.now())
    useDefaultLabels(family, defaults)
    out += headerText(family.metric, family.help, family.type, format)
    for (const series of family.all()) {
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
    const parts: Uint8Array[] = []
    if ('own' in ready) {
      const family = ready.own
      family.expire(Date.now())
      parts.push(familyHead(family.metric, family.help, family.type))
      for (const series of family.all()) {
        parts.push(seriesMessage(family, series, defaults))
        if (slice.over()) await slice.next()
      }
    } else {
      const { name, help, type } = ready.foreign
      parts.push(familyHead(name, help, type), ...foreignMessages(ready.foreign, defaults))
    }
    // a family without series says nothing, and the format has no empty ones
    if (parts.length === 1) continue
    yield varint(parts.reduce((sum, part) => sum + part.length, 0))
    yield Buffer.concat(parts)
    if (slice.over(true)) await slice.next()
  }
}

class Slice {
  #began = performance.now()
  #looks = 0

  over(now = false): boolean {
    if (!now && ++this.#looks % SERIES_PER_LOOK !== 0) return false
    return performance.now() - this.#began > SLICE_MS
  }

  async next(): Promise<void> {
    await turn()
    this.#began = performance.now()
  }
}

/** A registry as one text: for tests, scripts and small registries. */
export async function expositionText(register: Register, format: TextFormat = 'text'): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of exposition(register, format)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
