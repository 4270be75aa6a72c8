import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import fc from 'fast-check'
import { Counter as PromCounter, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { counter } from './counter.ts'
import { MetricsError } from './errors.ts'
import { expositionText } from './exposition.ts'
import { parseOpenMetrics } from './openmetrics.ts'

const corpora = path.resolve(import.meta.dirname, '../../../..', process.env['SHOP_CORPORA'] ?? '../shared/corpora')
const folder = path.join(corpora, 'openmetrics')

describe('the OpenMetrics parser', () => {
  it.skipIf(!existsSync(corpora))("decides every case of the OpenMetrics project's parser tests", () => {
    const cases = readdirSync(folder)
    expect(cases.length).toBeGreaterThanOrEqual(211)
    const wrong = cases.filter((name) => {
      const expected = JSON.parse(readFileSync(path.join(folder, name, 'test.json'), 'utf8')) as {
        shouldParse: boolean
        file: string
      }
      return parses(readFileSync(path.join(folder, name, expected.file), 'utf8')) !== expected.shouldParse
    })
    expect(wrong).toEqual([])
  })

  it('reads back what the exposition wrote, whatever is in the labels', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), {
          selector: (pair) => JSON.stringify(pair),
          maxLength: 30,
        }),
        async (pairs) => {
          const register = new Registry()
          const hits = counter({ name: 'hits_total', help: 'h', labelNames: ['a', 'b'], register })
          for (const [i, [a, b]] of pairs.entries()) hits.inc({ a, b }, i + 1)
          const family = parseOpenMetrics(await expositionText(register, 'openmetrics')).find(
            ({ name }) => name === 'hits',
          )
          const read = family?.samples.map(({ labels, value }) => [labels['a'] ?? '', labels['b'] ?? '', value]) ?? []
          expect(read).toEqual(pairs.map(([a, b], i) => [a, b, i + 1]))
        },
      ),
      { numRuns: 60 },
    )
  })

  it("accepts prom-client's own metrics through our exposition", async () => {
    const register = new Registry()
    new PromCounter({ name: 'old_total', help: 'a "quoted" help\nin two lines', registers: [register] }).inc(3)
    const [family] = parseOpenMetrics(await expositionText(register, 'openmetrics'))
    expect(family).toMatchObject({
      name: 'old',
      type: 'counter',
      help: 'a "quoted" help\nin two lines',
      samples: [{ name: 'old_total', value: 3 }],
    })
  })

  it('names line and reason', () => {
    expect(() => parseOpenMetrics('# TYPE a counter\na_total -1\n# EOF\n')).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_METRICS_PARSE', message: 'line 2: a negative counter-like value' }),
    )
  })
})

function parses(text: string): boolean {
  try {
    parseOpenMetrics(text)
    return true
  } catch (error) {
    if (!(error instanceof MetricsError)) throw error
    return false
  }
}
