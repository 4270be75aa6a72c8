import { Registry } from 'prom-client'
import { describe, expect, it, vi } from 'vitest'

import { counter } from './counter.ts'
import { dropped } from './events.ts'
import { expositionText } from './exposition.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'

describe('the cap on label sets', () => {
  it('counts what comes after it in one overflow series, and tells', async () => {
    const register = new Registry()
    const told: unknown[] = []
    const listen = (message: unknown): void => void told.push(message)
    dropped.subscribe(listen)
    const hits = counter({ name: 'hits_total', help: 'Hits', labelNames: ['path'], register, maxSeries: 3 })
    for (let i = 0; i < 10; i++) hits.inc({ path: `/${i}` })
    dropped.unsubscribe(listen)
    const text = await expositionText(register)
    expect(hits.size).toBe(3)
    expect(text).toContain('\nhits_total{path="/2"} 1\nhits_total{otel_metric_overflow="true"} 7\n')
    expect(text).toContain('shop_metrics_dropped_total{metric="hits_total",reason="cardinality"} 7')
    expect(text).toContain('shop_metrics_series{metric="hits_total"} 3')
    expect(text).toContain('shop_metrics_series_limit{metric="hits_total"} 3')
    expect(told).toHaveLength(7)
  })

  it('costs no walk over the series for each that is refused', () => {
    const hits = counter({
      name: 'hits_total',
      help: 'Hits',
      labelNames: ['path'],
      register: new Registry(),
      maxSeries: 100,
    })
    for (let i = 0; i < 100; i++) hits.inc({ path: `/${i}` })
    const walks = vi.spyOn(hits, 'expire')
    for (let i = 100; i < 1000; i++) hits.inc({ path: `/${i}` })
    expect(walks.mock.calls.length).toBeLessThan(10)
  })

  it('is not reached by known label sets', () => {
    const hits = counter({
      name: 'hits_total',
      help: 'Hits',
      labelNames: ['code'],
      register: new Registry(),
      maxSeries: 2,
    })
    for (let i = 0; i < 100; i++) hits.inc({ code: i % 2 === 0 ? 200 : '404' })
    expect(hits.size).toBe(2)
  })
})

describe('idle series', () => {
  it('are forgotten after a while, but never a bound one, nor a gauge', async () => {
    const register = new Registry()
    const hits = counter({ name: 'hits_total', help: 'Hits', labelNames: ['path'], register, idle: '10m' })
    const sizes = histogram({ name: 'size_bytes', help: 'Sizes', labelNames: ['path'], register, idle: '10m' })
    const stock = gauge({ name: 'stock', help: 'Stock', labelNames: ['sku'], register, idle: '10m' })
    const kept = hits.bind({ path: '/kept' })
    hits.inc({ path: '/a' })
    hits.inc({ path: '/b' })
    sizes.observe({ path: '/a' }, 3)
    stock.set({ sku: 'x' }, 1)
    hits.expire(Date.now())
    sizes.expire(Date.now())
    hits.inc({ path: '/b' })
    const later = Date.now() + 11 * 60_000
    for (const family of [hits, sizes, stock]) family.expire(later)
    const text = await expositionText(register)
    expect(text).not.toContain('hits_total{path="/a"}')
    expect(text).toContain('hits_total{path="/b"} 2')
    expect(text).toContain('hits_total{path="/kept"} 0')
    expect(text).not.toContain('size_bytes_count{path="/a"}')
    expect(text).toContain('stock{sku="x"} 1')
    kept.inc()
    hits.inc({ path: '/a' })
    expect(await expositionText(register)).toContain('hits_total{path="/a"} 1')
  })
})

describe('what the package says about itself', () => {
  it('is there again after clear(), and forgets a metric that was taken out', async () => {
    const register = new Registry()
    counter({ name: 'hits_total', help: 'Hits', labelNames: ['path'], register }).inc({ path: '/' })
    counter({ name: 'gone_total', help: 'Gone', labelNames: ['path'], register })
    register.removeSingleMetric('gone_total')
    expect(await expositionText(register)).not.toContain('gone_total')
    register.clear()
    counter({ name: 'hits_total', help: 'Hits', labelNames: ['path'], register }).inc({ path: '/' }, -1)
    expect(await expositionText(register)).toContain(
      'shop_metrics_dropped_total{metric="hits_total",reason="negative"} 1',
    )
  })
})
