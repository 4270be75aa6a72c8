import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { view } from '@shop/testkit/view'
import { Counter as PromCounter, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { counter } from './counter.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'
import { otlpMetrics } from './otlp-metrics.ts'
import { otlpTraces } from './otlp-traces.ts'
import { traceOf, tracing } from './tracing.ts'

/** A receiver of OTLP/HTTP in JSON. */
async function receiver(status = 200): Promise<{ url: string; bodies: Received[] } & AsyncDisposable> {
  const bodies: Received[] = []
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    bodies.push({
      path: request.url!,
      headers: request.headers as Record<string, string>,
      body: JSON.parse(await text(request)) as Json,
    })
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  }
  const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
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
      exporter.settle!({ request, kind: 'finished', status: 503, seconds: 0.25, denied: undefined, error: undefined })
      if (sampled === '01') expect(traceOf(request)).toMatchObject({ parentSpanId: 'b'.repeat(16) })
    }
    await exporter[Symbol.asyncDispose]()
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
