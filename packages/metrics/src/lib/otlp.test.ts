import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { AggregationTemporality, AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { protect } from '@shop/middleware/node'
import { view } from '@shop/testkit/view'
import fc from 'fast-check'
import { Counter as PromCounter, Gauge as PromGauge, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { listening } from '../../fixtures/listening.ts'
import { otlpFaults } from '../../fixtures/otlp-schema.ts'
import { counter } from './counter.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'
import { httpMetrics } from './http-metrics.ts'
import { otlpMetrics } from './otlp-metrics.ts'
import { otlpTraces } from './otlp-traces.ts'
import { traceOf, tracing } from './tracing.ts'

/** A receiver of OTLP/HTTP in JSON that takes nothing the protocol does not know. */
async function receiver(
  status = 200,
): Promise<{ url: string; bodies: Received[]; faults: string[] } & AsyncDisposable> {
  const bodies: Received[] = []
  const faults: string[] = []
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = JSON.parse(await text(request)) as Json
    const found = otlpFaults(request.url!, body)
    faults.push(...found)
    bodies.push({ path: request.url!, headers: request.headers as Record<string, string>, body })
    response.writeHead(found.length > 0 ? 400 : status, { 'content-type': 'application/json' }).end('{}')
  }
  const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    faults,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What an exporter sends of a registry, by metric. */
async function pushed(register: Registry): Promise<Json> {
  await using collector = await receiver()
  await using exporter = otlpMetrics({ url: `${collector.url}/v1/metrics`, register })
  expect([await exporter.flush(), collector.faults]).toEqual([true, []])
  const [{ scopeMetrics }] = collector.bodies[0]!.body['resourceMetrics']
  return Object.fromEntries((scopeMetrics[0].metrics as { name: string }[]).map((metric) => [metric.name, metric]))
}

/** The SDK's exponential histogram of the same values, at the scale it chose. */
async function sdkHistogram(values: readonly number[]): Promise<Json> {
  class Reader extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const reader = new Reader({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE })
  const provider = new MeterProvider({
    readers: [reader],
    views: [
      {
        instrumentName: 'h',
        aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 160, recordMinMax: false } },
      },
    ],
  })
  const instrument = provider.getMeter('test').createHistogram('h')
  for (const value of values) instrument.record(value)
  const { resourceMetrics } = await reader.collect()
  await provider.shutdown()
  return resourceMetrics.scopeMetrics[0]!.metrics[0]!.dataPoints[0]!.value as Json
}

interface Received {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
}

describe('OTLP', () => {
  it('sends a span for each sampled request, under the span of its caller', async () => {
    await using collector = await receiver()
    const [trace, exporter] = [
      tracing(),
      otlpTraces({ url: `${collector.url}/v1/traces`, serviceName: 'shop-test', headers: { 'x-key': 'k' } }),
    ]
    for (const sampled of ['01', '00']) {
      const request = view({
        route: '/orders/:id',
        headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-${sampled}` },
      })
      void trace.evaluate!(request)
      exporter.settle!({
        request,
        kind: 'finished',
        status: 503,
        seconds: 0.25,
        bytes: 0,
        denied: undefined,
        error: undefined,
      })
      if (sampled === '01') expect(traceOf(request)).toMatchObject({ parentSpanId: 'b'.repeat(16) })
    }
    await exporter[Symbol.asyncDispose]()
    expect(collector.faults).toEqual([])
    expect(collector.bodies).toHaveLength(1)
    const { path, headers, body } = collector.bodies[0]!
    expect(path).toBe('/v1/traces')
    expect(headers['x-key']).toBe('k')
    const [{ resource, scopeSpans }] = body['resourceSpans']
    expect(resource.attributes).toEqual([{ key: 'service.name', value: { stringValue: 'shop-test' } }])
    const [span, ...more] = scopeSpans[0].spans
    expect(more).toEqual([])
    expect(span).toMatchObject({
      traceId: 'a'.repeat(32),
      parentSpanId: 'b'.repeat(16),
      name: 'GET /orders/:id',
      kind: 2,
      status: { code: 2 },
    })
    expect(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)).toBe(250_000_000n)
    expect(span.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: '503' } })
  })

  it('stands in a chain, and both exporters send when told to: what a serverless function needs', async () => {
    await using collector = await receiver()
    const register = new Registry()
    const given = { serviceName: 'shop', interval: '1h' } as const
    await using spans = otlpTraces({ ...given, url: `${collector.url}/v1/traces` })
    await using numbers = otlpMetrics({ ...given, url: `${collector.url}/v1/metrics`, register })
    const chain = protect(tracing({ sample: 1 }), spans, httpMetrics({ register }))
    await using shop = await listening(createServer(chain((_, response) => void response.end('hi'))))
    for (let calls = 1; calls <= 2; calls++) {
      await (await fetch(shop.url)).text()
      expect([await spans.flush(), await numbers.flush()]).toEqual([true, true])
      expect(collector.bodies.filter(({ path }) => path === '/v1/traces')).toHaveLength(calls)
      const [{ scopeMetrics }] = collector.bodies.at(-1)!.body['resourceMetrics']
      const sent = (scopeMetrics[0].metrics as Json[]).find(
        ({ name }) => name === 'http_server_request_duration_seconds',
      )
      expect(sent!['histogram'].dataPoints[0].count).toBe(String(calls))
    }
    expect(collector.faults).toEqual([])
  })

  it('pushes a registry, exemplars included', async () => {
    await using collector = await receiver()
    const register = new Registry()
    counter({ name: 'orders_total', help: 'Orders', labelNames: ['status'], register }).inc({ status: 'paid' }, 3)
    gauge({ name: 'queue_length', help: 'Queue', register }).set(7)
    histogram({ name: 'wait_seconds', help: 'Waits', buckets: [1], exemplars: true, register }).observe(0.5, {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      sampled: true,
    })
    new PromCounter({ name: 'old_total', help: 'Old', registers: [register] }).inc(2)
    const exporter = otlpMetrics({ url: `${collector.url}/v1/metrics`, register })
    expect(await exporter.flush()).toBe(true)
    await exporter[Symbol.asyncDispose]()
    const metrics = Object.fromEntries(
      (collector.bodies[0]!.body['resourceMetrics'][0].scopeMetrics[0].metrics as { name: string }[]).map((metric) => [
        metric.name,
        metric,
      ]),
    ) as Json
    expect(metrics['orders_total'].sum).toMatchObject({
      isMonotonic: true,
      aggregationTemporality: 2,
      dataPoints: [{ asDouble: 3, attributes: [{ key: 'status', value: { stringValue: 'paid' } }] }],
    })
    expect(metrics['queue_length'].gauge.dataPoints[0].asDouble).toBe(7)
    expect(metrics['wait_seconds'].histogram.dataPoints[0]).toMatchObject({
      count: '1',
      sum: 0.5,
      explicitBounds: [1],
      bucketCounts: ['1', '0'],
      exemplars: [{ traceId: 'a'.repeat(32), asDouble: 0.5 }],
    })
    expect(metrics['old_total'].sum.dataPoints[0].asDouble).toBe(2)
  })

  it('writes what is not finite as the texts of protobuf, and labels as texts', async () => {
    const register = new Registry()
    const odd = gauge({ name: 'odd', help: 'Odd', labelNames: ['a'], register })
    for (const value of [NaN, Infinity, -Infinity]) odd.set({ a: String(value) }, value)
    const wide = histogram({ name: 'wide', help: 'Wide', buckets: [1], register })
    for (let i = 0; i < 2; i++) wide.observe(Number.MAX_VALUE)
    new PromGauge({ name: 'old', help: 'Old', labelNames: ['code'], registers: [register] }).set({ code: 1.5 }, NaN)
    gauge({ name: 'cut', help: 'Cut', labelNames: ['a'], register }).set({ a: 'x\ud800' }, 1)
    const metrics = await pushed(register)
    expect((metrics['odd'].gauge.dataPoints as Json[]).map(({ asDouble }) => asDouble as string)).toEqual([
      'NaN',
      'Infinity',
      '-Infinity',
    ])
    expect(metrics['wide'].histogram.dataPoints[0].sum).toBe('Infinity')
    expect(metrics['old'].gauge.dataPoints[0]).toMatchObject({
      asDouble: 'NaN',
      attributes: [{ key: 'code', value: { stringValue: '1.5' } }],
    })
    expect(metrics['cut'].gauge.dataPoints[0].attributes[0].value.stringValue).toBe('x\ufffd')
  })

  it('sends the default labels of the registry, as a scrape shows them', async () => {
    const register = new Registry()
    register.setDefaultLabels({ app: 'shop', status: 'default' })
    counter({ name: 'orders_total', help: 'Orders', labelNames: ['status'], register }).inc({ status: 'paid' })
    new PromCounter({ name: 'old_total', help: 'Old', registers: [register] }).inc()
    const metrics = await pushed(register)
    expect(metrics['orders_total'].sum.dataPoints[0].attributes).toEqual([
      { key: 'app', value: { stringValue: 'shop' } },
      { key: 'status', value: { stringValue: 'paid' } },
    ])
    expect(metrics['old_total'].sum.dataPoints[0].attributes[0].key).toBe('app')
  })

  it('sends native histograms as exponential ones: the buckets the OpenTelemetry SDK makes of the same values', async () => {
    const values = fc.array(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 50 })
    await fc.assert(
      fc.asyncProperty(values, async (some) => {
        // so far apart that the SDK chooses no finer scale than ours begins with
        const all = [2 ** -30.3, 2 ** 29.7, 1, 0, ...some]
        const register = new Registry()
        const made = histogram({ name: 'wait', help: 'Waits', native: { factor: 1.2 }, register })
        for (const value of all) made.observe(value)
        const point = (await pushed(register))['wait'].exponentialHistogram.dataPoints[0]
        const { positive, scale, zeroCount, count } = await sdkHistogram(all)
        expect(point).toMatchObject({
          scale,
          count: String(count),
          zeroCount: String(zeroCount),
          positive: { offset: positive.offset, bucketCounts: (positive.bucketCounts as number[]).map(String) },
          negative: { bucketCounts: [] },
        })
      }),
      { numRuns: 25 },
    )
  })

  it('sends the exemplars and the negative side of native histograms', async () => {
    const register = new Registry()
    const made = histogram({ name: 'drift', help: 'Drift', native: true, buckets: [], exemplars: true, register })
    made.observe(-1, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true })
    const [point] = (await pushed(register))['drift'].exponentialHistogram.dataPoints
    // (2^-(1/8), 1], turned round
    expect(point).toMatchObject({ count: '1', sum: -1, negative: { offset: -1, bucketCounts: ['1'] } })
    expect(point.exemplars).toMatchObject([{ asDouble: -1, traceId: 'a'.repeat(32) }])
  })

  it('forgets idle series also where nothing scrapes', async () => {
    const register = new Registry()
    const made = counter({ name: 'seen_total', help: 'Seen', labelNames: ['a'], idle: 10, register })
    made.inc({ a: 'once' })
    await pushed(register)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect((await pushed(register))['seen_total'].sum.dataPoints).toEqual([])
    expect(made.size).toBe(0)
  })

  it('tells two exporters of one service apart', async () => {
    await using collector = await receiver()
    for (let i = 0; i < 2; i++) {
      await using _ = otlpMetrics({ url: `${collector.url}/v1/metrics`, register: new Registry() })
    }
    const ids = collector.bodies.map(({ body }) => JSON.stringify(body['resourceMetrics'][0].resource.attributes[1]))
    expect(ids[0]).toMatch(/service\.instance\.id.*[0-9a-f-]{36}/)
    expect(new Set(ids).size).toBe(2)
  })

  it('goes on after a batch that could not be made', async () => {
    const unhandled: unknown[] = []
    const listener = (error: unknown): unknown => unhandled.push(error)
    process.on('unhandledRejection', listener)
    await using collector = await receiver()
    const register = new Registry()
    const whole = register.getMetricsAsArray
    register.getMetricsAsArray = () => {
      throw new Error('no')
    }
    await using exporter = otlpMetrics({ url: `${collector.url}/v1/metrics`, register, interval: 10 })
    expect(await exporter.flush()).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 40))
    register.getMetricsAsArray = whole
    expect(await exporter.flush()).toBe(true)
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })

  it('makes no queue for a receiver that is slower than the interval', async () => {
    let asked = 0
    const server = createServer(() => asked++).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`
    const exporter = otlpMetrics({ url, register: new Registry(), interval: 10, timeout: 200 })
    await new Promise((resolve) => setTimeout(resolve, 150))
    const begun = performance.now()
    // one is under way, and the last
    await exporter[Symbol.asyncDispose]()
    expect(performance.now() - begun).toBeLessThan(500)
    expect(asked).toBe(2)
    server.closeAllConnections()
    server.close()
  })

  it('says when a receiver took nothing, and never fails the shop', async () => {
    await using collector = await receiver(503)
    for (const url of [`${collector.url}/v1/metrics`, 'http://127.0.0.1:1/v1/metrics']) {
      const exporter = otlpMetrics({ url, register: new Registry(), timeout: '500ms' })
      expect(await exporter.flush()).toBe(false)
      await exporter[Symbol.asyncDispose]()
    }
    expect(() => otlpMetrics({ url: 'collector:4318' })).toThrow(/not an http\(s\) URL/)
    expect(() => otlpTraces({ url: 'http://a/', interval: 'soon' as never })).toThrow(/not a duration/)
  })
})

// oxlint-disable-next-line typescript/no-explicit-any -- what a stranger receives has no type here
type Json = Record<string, any>
