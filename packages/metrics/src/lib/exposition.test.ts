import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { needs } from '@shop/testkit'
import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry, Summary } from 'prom-client'
import { describe, expect, it, type TestContext, vi } from 'vitest'

import { counter } from './counter.ts'
import { collectorFailed } from './events.ts'
import { exposition, expositionText } from './exposition.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'
import { withTrace } from './trace-context.ts'

/** One of every kind, ours and prom-client's, with awkward labels. */
function everything(): Registry {
  const register = new Registry()
  register.setDefaultLabels({ app: 'shop' })
  const awkward = 'quote " backslash \\ newline \n brace } € 😀'
  counter({ name: 'own_total', help: 'Own "counter"\nin two lines', labelNames: ['x'], register }).inc(
    { x: awkward },
    3,
  )
  gauge({ name: 'own_celsius', help: 'Own gauge', labelNames: ['x'], register }).set({ x: awkward }, -1.5)
  const own = histogram({
    name: 'own_seconds',
    help: 'Own histogram',
    labelNames: ['x'],
    register,
    exemplars: true,
    native: true,
  })
  own.observe({ x: awkward }, 0.2, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true })
  new PromCounter({ name: 'foreign_total', help: 'Foreign', labelNames: ['x'], registers: [register] }).inc(
    { x: awkward },
    2,
  )
  new PromGauge({ name: 'foreign_celsius', help: 'Foreign', registers: [register] }).set(Infinity)
  new PromHistogram({ name: 'foreign_seconds', help: 'Foreign', labelNames: ['x'], registers: [register] }).observe(
    { x: awkward },
    1,
  )
  new Summary({ name: 'foreign_bytes', help: 'Foreign', registers: [register] }).observe(3)
  return register
}

/** Its families, as the parser of Python's client reads them; it throws for what it refuses. */
function readInPython(ctx: TestContext, input: string): string {
  const { programs } = needs(ctx, 'openmetrics')
  const library = Object.values(programs).find((file) => file.endsWith('parser.py'))!
  const script = `import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
for family in read(sys.stdin.buffer.read().decode('utf-8')): print(family.name, family.type, len(family.samples))`
  const env = { ...process.env, PYTHONPATH: path.resolve(library, '../../..') }
  return execFileSync(programs['python3']!, ['-c', script], { input, encoding: 'utf8', env })
}

describe('the exposition', () => {
  it('passes promtool check metrics', async (ctx) => {
    const { programs } = needs(ctx, 'prometheus')
    const input = await expositionText(everything())
    expect(execFileSync(programs['promtool']!, ['check', 'metrics'], { input, encoding: 'utf8' })).toBe('')
  })

  it("is accepted by Python's OpenMetrics parser", async (ctx) => {
    const read = readInPython(ctx, await expositionText(everything(), 'openmetrics'))
    for (const line of [
      'own counter 1',
      'own_celsius gauge 1',
      'own_seconds histogram 14',
      'foreign counter 1',
      'foreign_bytes summary 9',
    ]) {
      expect(read).toContain(line)
    }
  })

  it('reports a collect function that throws, rejects or hangs, and goes on', async () => {
    const register = new Registry()
    const told: unknown[] = []
    const listen = (message: unknown): void => void told.push(message)
    collectorFailed.subscribe(listen)
    gauge({
      name: 'throws',
      help: 'Throws',
      register,
      collect: () => {
        throw new Error('no')
      },
    })
    gauge({ name: 'hangs', help: 'Hangs', register, collect: () => new Promise(() => {}) })
    new PromGauge({
      name: 'foreign',
      help: 'Foreign',
      registers: [register],
      collect: () => Promise.reject(new Error('no')),
    })
    gauge({ name: 'works', help: 'Works', register }).set(1)
    const text = await expositionText(register)
    collectorFailed.unsubscribe(listen)
    expect(text).toContain('\nworks 1\n')
    for (const metric of ['throws', 'hangs', 'foreign'])
      expect(text).toContain(`shop_metrics_collector_errors_total{metric="${metric}"} 1`)
    expect(told).toHaveLength(3)
  })

  it('is written in slices, so that others run in between', async () => {
    const [few, many] = [new Registry(), new Registry()]
    const wait = { name: 'wait_seconds', help: 'Waits', labelNames: ['route'], maxSeries: 10_000 } as const
    const short = histogram({ ...wait, register: few })
    for (let i = 0; i < 2000; i++) short.observe({ route: `/r/${i}` }, i / 1000)
    const long = counter({ ...wait, name: 'wait_total', register: many })
    for (let i = 0; i < 10_000; i++) long.inc({ route: `/r/${i}` })
    const theirs = new Registry()
    const foreign = new PromCounter({ ...wait, name: 'foreign_total', labelNames: ['route'], registers: [theirs] })
    for (let i = 0; i < 10_000; i++) foreign.inc({ route: `/r/${i}` })
    // a clock that goes on by being looked at, so that no slow machine makes turns of its own
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 0.3))
    for (const [register, series] of [
      [few, 2000],
      [many, 10_000],
      [theirs, 10_000],
    ] as const) {
      for (const format of ['text', 'openmetrics', 'protobuf'] as const) {
        let [turns, running, bytes, longest] = [0, true, 0, 0]
        const tick = (): void => {
          turns++
          if (running) setImmediate(tick)
        }
        setImmediate(tick)
        for await (const chunk of exposition(register, format)) {
          bytes += chunk.length
          longest = Math.max(longest, chunk.length)
        }
        running = false
        expect(bytes).toBeGreaterThan(series * 20)
        expect([format, turns > series / 20]).toEqual([format, true])
        expect(longest).toBeLessThan(70_000)
      }
    }
  })

  it('forgets idle series within the slices too', async () => {
    const register = new Registry()
    const seen = counter({ name: 'seen_total', help: 'Seen', labelNames: ['x'], register, idle: 1000 })
    for (let i = 0; i < 100; i++) seen.inc({ x: i })
    for (const format of ['text', 'protobuf'] as const) {
      vi.spyOn(Date, 'now').mockReturnValue(0)
      for (let i = 0; i < 100; i++) seen.inc({ x: i })
      for await (const _ of exposition(register, format));
      vi.mocked(Date.now).mockReturnValue(5000)
      seen.inc({ x: 7 })
      for await (const _ of exposition(register, format));
      expect(seen.size).toBe(1)
    }
  })

  it('waits a second for collect functions, however many hang, and starts none that still runs', async () => {
    const register = new Registry()
    let started = 0
    const collect = (): Promise<void> => (started++, new Promise(() => {}))
    for (let i = 0; i < 5; i++) gauge({ name: `hangs_${i}`, help: 'Hangs', register, collect })
    for (let i = 0; i < 5; i++) new PromGauge({ name: `foreign_${i}`, help: 'Hangs', registers: [register], collect })
    gauge({ name: 'works', help: 'Works', register }).set(1)
    const begun = performance.now()
    expect(await expositionText(register)).toContain('\nworks 1\n')
    // a second for ours and one for the others; one after the other they would take ten
    expect(performance.now() - begun).toBeLessThan(6000)
    expect(started).toBe(10)
    const text = await expositionText(register)
    expect(started).toBe(10)
    for (const name of ['hangs_4', 'foreign_4'])
      expect(text).toContain(`shop_metrics_collector_errors_total{metric="${name}"} 2\n`)
  })

  it('lets scrapes that overlap share one run of a collect function', async () => {
    const register = new Registry()
    let started = 0
    gauge({ name: 'slow', help: 'Slow', register, collect: () => (started++, sleep(50)) })
    const [first, second] = await Promise.all([expositionText(register), expositionText(register)])
    expect([started, first === second, first.includes('collector_errors_total{')]).toEqual([1, true, false])
    await expositionText(register)
    expect(started).toBe(2)
  })

  it('leaves out, and reports, what a foreign metric gives that is none', async () => {
    const given: Readonly<Record<string, unknown>> = {
      nothing: undefined,
      no_values: { name: 'no_values', help: 'Odd', type: 'gauge' },
      no_help: { name: 'no_help', type: 'gauge', values: [] },
      no_type: { name: 'no_type', help: 'Odd', type: 'x 1\nevil', values: [] },
      no_name: { name: 'no name', help: 'Odd', type: 'gauge', values: [] },
      no_number: { name: 'no_number', help: 'Odd', type: 'gauge', values: [{ value: '1', labels: {} }] },
      no_value: { name: 'no_value', help: 'Odd', type: 'gauge', values: [null] },
      no_line: { name: 'no_line', help: 'Odd', type: 'gauge', values: [{ value: 1, metricName: 'other 1\n' }] },
      no_labels: { name: 'no_labels', help: 'Odd', type: 'gauge', values: [{ value: 1, labels: 'a' }] },
      no_label: { name: 'no_label', help: 'Odd', type: 'gauge', values: [{ value: 1, labels: { 'a-b': 'x' } }] },
      no_text: {
        name: 'no_text',
        help: 'Odd',
        type: 'gauge',
        values: [{ value: 1, labels: { a: Object.create(null) } }],
      },
      no_count: { name: 'no_count', help: 'Odd', type: 'histogram', values: [{ value: Infinity, labels: { le: 1 } }] },
    }
    const register = new Registry()
    for (const [name, values] of Object.entries(given))
      register.registerMetric({ name, help: 'Odd', get: () => values } as never)
    gauge({ name: 'works', help: 'Works', register }).set(1)
    for (const format of ['text', 'openmetrics'] as const) {
      const text = await expositionText(register, format)
      expect(text).toContain('\nworks 1\n')
      expect(text).not.toMatch(/^no/m)
      expect(text).not.toContain('evil')
    }
    for await (const _ of exposition(register, 'protobuf'));
    const text = await expositionText(register)
    for (const name of Object.keys(given))
      expect(text).toContain(`shop_metrics_collector_errors_total{metric="${name}"} 4\n`)
  })

  it('keeps exemplars with ids only, and counts the others', async (ctx) => {
    const register = new Registry()
    const wait = histogram({ name: 'wait_seconds', help: 'Waits', register, exemplars: true, buckets: [1] })
    const [traceId, spanId] = ['a'.repeat(32), 'B'.repeat(16)]
    for (const odd of [
      { traceId: 'a"} 1\nevil 5\n# {a="', spanId },
      { traceId: 'a'.repeat(500), spanId },
      { traceId, spanId: '' },
      { traceId, spanId: 5 as never },
    ]) {
      wait.observe(0.5, { ...odd, sampled: true })
      withTrace({ ...odd, sampled: true }, () => wait.observe(2))
    }
    expect(await expositionText(register, 'openmetrics')).not.toContain(' # {')
    wait.observe(0.5, { traceId, spanId, sampled: true })
    const text = await expositionText(register, 'openmetrics')
    expect(text).toContain(`wait_seconds_bucket{le="1.0"} 5 # {trace_id="${traceId}",span_id="${spanId}"} 0.5 `)
    expect(text).toContain('shop_metrics_dropped_total{metric="wait_seconds",reason="exemplar"} 8\n')
    readInPython(ctx, text)
  })

  it('leaves out default labels that are none, and reports them', async (ctx) => {
    const register = everything()
    const wrong = { le: 'x', quantile: '0.5', 'bad-name': 'x', __name__: 'x', odd: Object.create(null) as never }
    register.setDefaultLabels({ ...wrong, app: 'shop', absent: undefined as never, empty: '', n: 5 as never })
    const text = await expositionText(register, 'openmetrics')
    expect(text).toMatch(/^own_total{x=".*",app="shop",n="5"} 3$/m)
    expect(text).toContain('foreign_celsius{app="shop",n="5"} +Inf\n')
    expect(text).toContain('shop_metrics_collector_errors_total{app="shop",n="5",metric="default_labels"} 5\n')
    expect(text).not.toMatch(/undefined|bad-name|__name__|absent/)
    readInPython(ctx, text)
    for await (const _ of exposition(register, 'protobuf'));
  })

  it('follows a change of the default labels', async () => {
    const register = new Registry()
    counter({ name: 'a_total', help: 'A', register }).inc()
    expect(await expositionText(register)).toContain('\na_total 1\n')
    register.setDefaultLabels({ app: 'shop' })
    expect(await expositionText(register)).toContain('\na_total{app="shop"} 1\n')
  })
})
