import fc from 'fast-check'
import { Gauge as ClientGauge, Registry } from 'prom-client'
import { Registry as Successor } from '@prometheus-io/client'
import { describe, expect, it } from 'vitest'

import { counter } from './counter.ts'
import { expositionText } from './exposition.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'

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
    register.registerMetric(new ClientGauge({ name: 'b_total', help: 'B', registers: [] }))
    expect(() => counter({ name: 'b_total', help: 'B', register })).toThrow(code('ERR_SHOP_METRICS_NAME_TAKEN'))
  })

  it('is refused when it was defined otherwise before, and says in what', () => {
    const register = new Registry()
    const labels = ['x'] as const
    counter({ name: 'a_total', help: 'A', labelNames: labels, register })
    for (const [other, option] of [
      [{ help: 'B' }, 'help'],
      [{ maxSeries: 9 }, 'maxSeries'],
      [{ idle: '1h' }, 'idle'],
    ] as const)
      expect(() => counter({ name: 'a_total', help: 'A', labelNames: labels, register, ...other })).toThrow(
        new RegExp(`another ${option}`),
      )
    const collect = (): void => undefined
    gauge({ name: 'c', help: 'C', register, collect })
    gauge({ name: 'c', help: 'C', register, collect })
    gauge({ name: 'c', help: 'C', register })
    expect(() => gauge({ name: 'c', help: 'C', register, collect: () => undefined })).toThrow(
      /another collect function/,
    )
    gauge({ name: 'g', help: 'G', register })
    expect(() => gauge({ name: 'g', help: 'G', aggregator: 'max', register })).toThrow(/another aggregator: sum/)
    histogram({ name: 'h', help: 'H', register })
    for (const [other, option] of [
      [{ buckets: [1, 2] }, 'buckets'],
      [{ native: true }, 'native'],
      [{ exemplars: true }, 'exemplars'],
    ] as const)
      expect(() => histogram({ name: 'h', help: 'H', register, ...other })).toThrow(new RegExp(`another ${option}`))
  })

  it('is refused when its lines could not be told from those of another', () => {
    const make = { counter, gauge, histogram }
    const clash = (first: [keyof typeof make, string], second: [keyof typeof make, string]) => {
      const register = new Registry()
      const [a, b] = [first, second].map(
        ([kind, name]) =>
          () =>
            make[kind]({ name, help: 'H', register }),
      )
      a!()
      expect(b!, `${second[1]} after ${first[1]}`).toThrow(code('ERR_SHOP_METRICS_NAME_TAKEN'))
    }
    for (const pair of [
      [
        ['counter', 'foo_total'],
        ['gauge', 'foo'],
      ],
      [
        ['histogram', 'foo'],
        ['gauge', 'foo_bucket'],
      ],
      [
        ['histogram', 'foo'],
        ['gauge', 'foo_count'],
      ],
      [
        ['histogram', 'foo'],
        ['counter', 'foo_total'],
      ],
    ] as [[keyof typeof make, string], [keyof typeof make, string]][]) {
      clash(pair[0], pair[1])
      clash(pair[1], pair[0])
    }
    const register = new Registry()
    gauge({ name: 'pool_count', help: 'H', register })
    gauge({ name: 'pool', help: 'H', register })
  })

  it('drops and counts what holds no labels, and never throws', async () => {
    const register = new Registry()
    const hits = counter({ name: 'hits_total', help: 'Hits', labelNames: ['a'], register })
    const throwing = { get a(): string { throw new Error('no') } } // prettier-ignore
    const unprintable = { a: Object.create(null) as string }
    for (const labels of [
      undefined,
      null,
      throwing,
      unprintable,
      {
        a: {
          toString: () => {
            throw new Error('no')
          },
        },
      },
    ])
      hits.inc(labels as never)
    hits.bind(undefined as never).inc()
    const text = await expositionText(register)
    expect(text).not.toContain('\nhits_total')
    expect(text).toContain('shop_metrics_dropped_total{metric="hits_total",reason="unreadable_labels"} 6')
  })

  it('still counts by a handle after resetMetrics() and after remove()', async () => {
    const register = new Registry()
    const hits = counter({ name: 'hits_total', help: 'Hits', labelNames: ['a'], register, maxSeries: 2 })
    const [x, y, beyond] = [hits.bind({ a: 'x' }), hits.bind({ a: 'y' }), hits.bind({ a: 'z' })]
    for (const handle of [x, y, beyond]) handle.inc(3)
    register.resetMetrics()
    for (const handle of [x, y, beyond]) handle.inc()
    expect(await expositionText(register)).toContain(
      '\nhits_total{a="x"} 1\nhits_total{a="y"} 1\nhits_total{otel_metric_overflow="true"} 1\n',
    )
    hits.remove({ a: 'x' })
    expect(await expositionText(register)).not.toContain('a="x"')
    hits.inc({ a: 'x' }, 5)
    x.inc()
    x.inc()
    expect(await expositionText(register)).toContain('hits_total{a="x"} 7')
    const level = gauge({ name: 'level', help: 'Level', labelNames: ['a'], register })
    const held = level.bind({ a: 'x' })
    held.set(4)
    level.remove({ a: 'x' })
    level.set({ a: 'x' }, 10)
    held.inc()
    held.dec(3)
    expect(await expositionText(register)).toContain('level{a="x"} 8')
    const sizes = histogram({ name: 'sizes', help: 'Sizes', labelNames: ['a'], register })
    const size = sizes.bind({ a: 'x' })
    sizes.remove({ a: 'x' })
    size.observe(1)
    expect(await expositionText(register)).toContain('sizes_count{a="x"} 1')
  })

  it('refuses a definition Prometheus could not read', () => {
    const register = new Registry()
    const make = (options: object) => () => counter({ name: 'a_total', help: 'A', register, ...options } as never)
    expect(make({ name: 'a b_total' })).toThrow(code('ERR_SHOP_METRICS_NAME'))
    expect(make({ name: 'orders' })).toThrow(code('ERR_SHOP_METRICS_NAME'))
    expect(make({ name: '_total' })).toThrow(code('ERR_SHOP_METRICS_NAME'))
    expect(() => gauge({ name: 'a_total', help: 'A', register })).toThrow(code('ERR_SHOP_METRICS_NAME'))
    expect(() => histogram({ name: 'a_total', help: 'A', register })).toThrow(code('ERR_SHOP_METRICS_NAME'))
    for (const labelNames of ['abc', null, [1], { 0: 'a' }])
      expect(make({ labelNames })).toThrow(code('ERR_SHOP_METRICS_OPTION'))
    expect(make({ collect: 5 })).toThrow(code('ERR_SHOP_METRICS_OPTION'))
    expect(() => counter(undefined as never)).toThrow(code('ERR_SHOP_METRICS_OPTION'))
    expect(() => gauge(null as never)).toThrow(code('ERR_SHOP_METRICS_OPTION'))
    for (const buckets of [5, null, '123'])
      expect(() => histogram({ name: 'h', help: 'H', register, buckets } as never)).toThrow(
        code('ERR_SHOP_METRICS_BUCKETS'),
      )
    expect(() => histogram({ name: 'h', help: 'H', register, native: null } as never)).toThrow(
      code('ERR_SHOP_METRICS_OPTION'),
    )
    expect(register.getMetricsAsArray()).toEqual([])
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
