import fc from 'fast-check'
import { Registry } from 'prom-client'
import { Registry as Successor } from '@prometheus-io/client'
import { describe, expect, it } from 'vitest'

import { counter } from './counter.ts'
import { expositionText } from './exposition.ts'
import { gauge } from './gauge.ts'

describe('counter', () => {
  it('counts by label set', async () => {
    const register = new Registry()
    const orders = counter({ name: 'orders_total', help: 'Orders', labelNames: ['status'], register })
    orders.inc({ status: 'paid' })
    orders.inc({ status: 'paid' }, 2)
    orders.inc({ status: 'failed' })
    expect(await expositionText(register)).toContain(
      '# HELP orders_total Orders\n# TYPE orders_total counter\norders_total{status="paid"} 3\norders_total{status="failed"} 1\n',
    )
  })

  it('shows zero without labels', async () => {
    const register = new Registry()
    counter({ name: 'boots_total', help: 'Boots', register })
    expect(await expositionText(register)).toContain('\nboots_total 0\n')
  })

  it('drops what no counter can take, and says so', async () => {
    const register = new Registry()
    const orders = counter({ name: 'orders_total', help: 'Orders', register })
    for (const value of [-1, Number.NaN, Infinity, '3' as unknown as number]) orders.inc(value)
    const text = await expositionText(register)
    expect(text).toContain('\norders_total 0\n')
    expect(text).toContain('shop_metrics_dropped_total{metric="orders_total",reason="negative"} 1')
    expect(text).toContain('shop_metrics_dropped_total{metric="orders_total",reason="not_a_number"} 3')
  })

  it('is one series for 200 and "200", and takes an absent label as an empty one', async () => {
    const register = new Registry()
    const hits = counter({ name: 'hits_total', help: 'Hits', labelNames: ['code', 'error'], register })
    hits.inc({ code: 200, error: undefined })
    hits.inc({ code: '200', error: null })
    hits.inc({ code: 200, error: '' })
    hits.inc({ code: 200, error: undefined })
    expect(await expositionText(register)).toContain('\nhits_total{code="200"} 4\n')
    expect(hits.size).toBe(1)
  })

  it('never lets two label sets meet in one series', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a', 'a,', 'a:1', '1,b:', '"', '\\', '\n', 'undefined', '', '\0'),
      fc.integer(),
      fc.boolean(),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, value), { maxLength: 60 }), (sets) => {
        const hits = counter({
          name: 'hits_total',
          help: 'Hits',
          labelNames: ['a', 'b', 'c'],
          register: new Registry(),
        })
        const expected = new Map<string, number>()
        for (const [a, b, c] of sets) {
          hits.inc({ a, b, c })
          const key = JSON.stringify([String(a), String(b), String(c)])
          expected.set(key, (expected.get(key) ?? 0) + 1)
        }
        const counted = [...hits.all()].map((series) => [JSON.stringify(series.values), series.value])
        expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(expected))
      }),
      { numRuns: 100 },
    )
  })

  it.each([
    ['prom-client', Registry],
    ['its successor', Successor],
  ] as const)('is scraped by a registry of %s', async (_, R) => {
    const register = new R()
    register.setDefaultLabels({ app: 'shop' })
    const orders = counter({
      name: 'orders_total',
      help: 'Orders',
      labelNames: ['status'],
      register: register as never,
    })
    orders.inc({ status: 'paid' }, 5)
    expect(await register.metrics()).toContain('orders_total{status="paid",app="shop"} 5')
    expect(await expositionText(register as never)).toContain('orders_total{status="paid",app="shop"} 5')
    register.resetMetrics()
    expect(await register.metrics()).not.toContain('status="paid"')
  })

  it('is the same counter when defined alike twice, and refused when the name is taken', () => {
    const register = new Registry()
    const first = counter({ name: 'a_total', help: 'A', labelNames: ['x'], register })
    expect(counter({ name: 'a_total', help: 'A', labelNames: ['x'], register })).toBe(first)
    expect(() => counter({ name: 'a_total', help: 'A', labelNames: ['y'], register })).toThrow(
      code('ERR_SHOP_METRICS_NAME_TAKEN'),
    )
    gauge({ name: 'b_total', help: 'B', register })
    expect(() => counter({ name: 'b_total', help: 'B', register })).toThrow(code('ERR_SHOP_METRICS_NAME_TAKEN'))
  })

  it('refuses a definition Prometheus could not read', () => {
    const register = new Registry()
    const make = (options: object) => () => counter({ name: 'a_total', help: 'A', register, ...options } as never)
    expect(make({ name: 'a b_total' })).toThrow(code('ERR_SHOP_METRICS_NAME'))
    expect(make({ name: 'orders' })).toThrow(code('ERR_SHOP_METRICS_NAME'))
    expect(make({ help: '' })).toThrow(code('ERR_SHOP_METRICS_OPTION'))
    for (const label of ['1a', '__name', 'le', 'quantile', 'a-b', '']) {
      expect(make({ labelNames: [label] })).toThrow(code('ERR_SHOP_METRICS_LABEL'))
    }
    expect(make({ labelNames: ['a', 'a'] })).toThrow(code('ERR_SHOP_METRICS_LABEL'))
    expect(make({ label: [] })).toThrow(code('ERR_SHOP_METRICS_UNKNOWN_OPTION'))
    expect(make({ maxSeries: 0 })).toThrow(code('ERR_SHOP_METRICS_OPTION'))
    expect(make({ idle: '3 days' })).toThrow(code('ERR_SHOP_METRICS_DURATION'))
    expect(make({ register: {} })).toThrow(code('ERR_SHOP_METRICS_REGISTER'))
  })
})

function code(expected: string): object {
  return expect.objectContaining({ code: expected, name: 'MetricsError' })
}
