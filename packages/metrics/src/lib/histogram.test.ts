import fc from 'fast-check'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { expositionText } from './exposition.ts'
import { histogram } from './histogram.ts'
import { parseOpenMetrics } from './openmetrics.ts'
import { withTrace } from './trace-context.ts'

describe('histogram', () => {
  it('counts each value in the buckets at or above it', async () => {
    const register = new Registry()
    const size = histogram({ name: 'size_bytes', help: 'Sizes', buckets: [1, 10], labelNames: ['kind'], register })
    for (const value of [0.5, 1, 5, 10, 11]) size.observe({ kind: 'x' }, value)
    expect(await expositionText(register)).toContain(
      [
        '# TYPE size_bytes histogram',
        'size_bytes_bucket{kind="x",le="1.0"} 2',
        'size_bytes_bucket{kind="x",le="10.0"} 4',
        'size_bytes_bucket{kind="x",le="+Inf"} 5',
        'size_bytes_sum{kind="x"} 27.5',
        'size_bytes_count{kind="x"} 5',
      ].join('\n'),
    )
  })

  it("agrees with prom-client's own rendering of it", async () => {
    const register = new Registry()
    const size = histogram({ name: 'size_bytes', help: 'Sizes', buckets: [1.5, 10.5], labelNames: ['kind'], register })
    for (const value of [1, 2, 3]) size.observe({ kind: 'x' }, value)
    const lines = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line.startsWith('size_'))
        .map((line) => line.replace(/le="([^"]+)",kind="x"/, 'kind="x",le="$1"'))
        .toSorted()
    expect(lines(await register.metrics())).toEqual(lines(await expositionText(register)))
  })

  it('drops NaN and infinities, and says so', async () => {
    const register = new Registry()
    const size = histogram({ name: 'size_bytes', help: 'Sizes', register })
    for (const value of [Number.NaN, Infinity, undefined as unknown as number]) size.observe(value)
    const text = await expositionText(register)
    expect(text).toContain('size_bytes_count 0')
    expect(text).toContain('shop_metrics_dropped_total{metric="size_bytes",reason="not_a_number"} 3')
  })

  it('keeps, for each bucket, the last sampled trace that fell into it', async () => {
    const register = new Registry()
    const wait = histogram({ name: 'wait_seconds', help: 'Waits', buckets: [1], exemplars: true, register })
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
    wait.observe(0.5, { ...ids, sampled: true })
    wait.observe(2, { ...ids, sampled: false })
    expect(await expositionText(register, 'openmetrics')).toMatch(
      /wait_seconds_bucket\{le="1.0"\} 1 # \{trace_id="a{32}",span_id="b{16}"\} 0.5 \d+\.\d{3}\nwait_seconds_bucket\{le="\+Inf"\} 2\n/,
    )
    expect(await expositionText(register)).not.toContain('trace_id')
    withTrace({ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), sampled: true }, () => wait.observe(3))
    expect(await expositionText(register, 'openmetrics')).toContain(`trace_id="${'c'.repeat(32)}"`)
  })

  it('names the request beside the trace, unless that would be longer than OpenMetrics allows', async () => {
    const register = new Registry()
    const wait = histogram({ name: 'wait_seconds', help: 'Waits', buckets: [1, 2, 3], exemplars: true, register })
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true }
    wait.observe(1, { ...ids, requestId: '9'.repeat(55) })
    wait.observe(2, { ...ids, requestId: '9'.repeat(56) })
    wait.observe(3, { ...ids, requestId: 'no "word"' })
    const [family] = parseOpenMetrics(await expositionText(register, 'openmetrics'))
    const labels = family!.samples.map(({ exemplar }) => exemplar?.labels['request_id'])
    expect(labels.slice(0, 3)).toEqual(['9'.repeat(55), undefined, undefined])
  })

  it('loses no value, whatever is observed', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e300, max: 1e300 })), (values) => {
        const size = histogram({
          name: 'size_bytes',
          help: 'Sizes',
          native: { maxBuckets: 20 },
          register: new Registry(),
        }).bind({})
        for (const value of values) size.observe(value)
        const { counts, native } = size as unknown as {
          counts: Float64Array
          native: { zero: number; positive: Buckets; negative: Buckets }
        }
        expect(sum(counts)).toBe(values.length)
        expect(native.zero + sum(native.positive.run().counts) + sum(native.negative.run().counts)).toBe(values.length)
      }),
    )
  })

  it('refuses buckets that are none', () => {
    const make = (options: object) => () =>
      histogram({ name: 'size_bytes', help: 'Sizes', register: new Registry(), ...options })
    for (const buckets of [[], [2, 1], [1, 1], [Number.NaN], [Infinity], ['1']]) {
      expect(make({ buckets })).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_BUCKETS' }))
    }
    for (const native of [{ factor: 1 }, { factor: Number.NaN }, { maxBuckets: 5 }, { zeroThreshold: -1 }]) {
      expect(make({ native })).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_OPTION' }))
    }
    expect(make({ native: { base: 2 } })).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_UNKNOWN_OPTION' }))
  })
})

interface Buckets {
  run(): { readonly counts: readonly number[] }
}

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, count) => total + count, 0)
}
