import { execFileSync } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import path from 'node:path'

import { needs } from '@shop/testkit'
import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry, Summary } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { counter } from './counter.ts'
import { collectorFailed } from './events.ts'
import { exposition, expositionText } from './exposition.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'

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

describe('the exposition', () => {
  it('passes promtool check metrics', async (ctx) => {
    const { programs } = needs(ctx, 'prometheus')
    const input = await expositionText(everything())
    expect(execFileSync(programs['promtool']!, ['check', 'metrics'], { input, encoding: 'utf8' })).toBe('')
  })

  it("is accepted by Python's OpenMetrics parser", async (ctx) => {
    const { programs } = needs(ctx, 'openmetrics')
    const input = await expositionText(everything(), 'openmetrics')
    const library = Object.values(programs).find((file) => file.endsWith('parser.py'))!
    const script = `import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
for family in read(sys.stdin.buffer.read().decode('utf-8')): print(family.name, family.type, len(family.samples))`
    const env = { ...process.env, PYTHONPATH: path.resolve(library, '../../..') }
    const read = execFileSync(programs['python3']!, ['-c', script], { input, encoding: 'utf8', env })
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
    const register = new Registry()
    const wait = histogram({ name: 'wait_seconds', help: 'Waits', labelNames: ['route'], register, maxSeries: 10_000 })
    for (let i = 0; i < 5000; i++) wait.observe({ route: `/r/${i}` }, i / 1000)
    await expositionText(register)
    for (const format of ['text', 'openmetrics', 'protobuf'] as const) {
      let turns = 0
      let running = true
      const tick = (): void => {
        turns++
        if (running) setImmediate(tick)
      }
      setImmediate(tick)
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      let bytes = 0
      for await (const chunk of exposition(register, format)) bytes += chunk.length
      delay.disable()
      running = false
      expect(bytes).toBeGreaterThan(500_000)
      expect(turns).toBeGreaterThan(3)
    }
  })

  it('follows a change of the default labels', async () => {
    const register = new Registry()
    counter({ name: 'a_total', help: 'A', register }).inc()
    expect(await expositionText(register)).toContain('\na_total 1\n')
    register.setDefaultLabels({ app: 'shop' })
    expect(await expositionText(register)).toContain('\na_total{app="shop"} 1\n')
  })
})
