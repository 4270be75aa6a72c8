import { createServer } from 'node:http'
import { buffer, json } from 'node:stream/consumers'

import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { AlwaysOnSampler, ParentBasedSampler, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { protect } from '@shop/middleware/express'
import express from 'express'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { listening } from '../../fixtures/listening.ts'
import { expositionText } from './exposition.ts'
import { histogram } from './histogram.ts'
import { httpMetrics } from './http-metrics.ts'
import { logOptions } from './log-correlation.ts'
import { useOpenTelemetry } from './trace-context.ts'
import { readTraceparent } from './traceparent.ts'
import { tracing } from './tracing.ts'

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
}

/** A collector's OTLP/HTTP receiver: the spans it was sent. */
async function collector(): Promise<{ readonly url: string; readonly spans: Span[] } & AsyncDisposable> {
  const spans: Span[] = []
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      const { resourceSpans } = body as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  return { spans, ...(await listening(server)) }
}

/** The real SDK, sending to a collector, for the length of a test. */
function sdk(url: string): { readonly provider: TracerProvider } & AsyncDisposable {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces` })
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  return {
    provider,
    async [Symbol.asyncDispose]() {
      await provider.shutdown()
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}

describe('beside the OpenTelemetry SDK', () => {
  it('logs, exemplars and exported spans of a request carry the same ids', async () => {
    await using receiver = await collector()
    await using otel = sdk(receiver.url)
    using _following = useOpenTelemetry(trace)
    const tracer = trace.getTracer('shop')
    const register = new Registry()
    const lines: Record<string, string>[] = []
    const log = pino(logOptions(), { write: (line) => void lines.push(JSON.parse(line) as Record<string, string>) })
    const loading = histogram({ name: 'load_seconds', help: 'Loading', exemplars: true, register })

    const app = express()
    app.use(protect(tracing({ sample: 0 }), httpMetrics({ register })))
    app.get('/orders/:id', async (request, response) => {
      log.info('begun')
      await tracer.startActiveSpan('load order', async (span) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        log.info('loaded')
        loading.observe(0.2)
        span.end()
      })
      response.json({ id: request.params.id })
    })
    // as an HTTP instrumentation does: a server span around the whole request
    const server = createServer((request, response) => {
      const caller = readTraceparent(request.headers['traceparent']?.toString())
      const parent = caller
        ? trace.setSpanContext(ROOT_CONTEXT, { ...caller, traceFlags: Number(caller.sampled), isRemote: true })
        : ROOT_CONTEXT
      const span = tracer.startSpan('GET /orders/:id', { kind: SpanKind.SERVER }, parent)
      response.on('close', () => span.end())
      context.with(trace.setSpan(parent, span), () => app(request, response))
    })
    await using shop = await listening(server)

    const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
    for (const headers of [{}, { traceparent: `00-${caller.traceId}-${caller.spanId}-01` }]) {
      lines.length = receiver.spans.length = 0
      const response = await fetch(`${shop.url}/orders/7`, { headers: { connection: 'close', ...headers } })
      await buffer(response.body!)
      await expect.poll(() => receiver.spans.length, { timeout: 20_000 }).toBe(2)
      await otel.provider.forceFlush()
      const [loaded, served] = ['load order', 'GET /orders/:id'].map((name) =>
        receiver.spans.find((span) => span.name === name)!,
      ) as [Span, Span]
      expect(loaded).toMatchObject({ traceId: served.traceId, parentSpanId: served.spanId })
      if ('traceparent' in headers)
        expect(served).toMatchObject({ traceId: caller.traceId, parentSpanId: caller.spanId })

      const requestId = response.headers.get('x-request-id')
      expect(lines).toMatchObject([
        { msg: 'begun', trace_id: served.traceId, span_id: served.spanId, trace_flags: '01', request_id: requestId },
        { msg: 'loaded', trace_id: served.traceId, span_id: loaded.spanId, trace_flags: '01', request_id: requestId },
      ])
      const text = await expositionText(register, 'openmetrics')
      expect(exemplarOf(text, 'http_server_request_duration_seconds')).toEqual([served.traceId, served.spanId])
      expect(exemplarOf(text, 'load_seconds')).toEqual([loaded.traceId, loaded.spanId])
      register.resetMetrics()
    }
  })

  it('a request the SDK does not sample is no exemplar, and its lines still carry its trace', async () => {
    await using receiver = await collector()
    await using _otel = sdk(receiver.url)
    using _following = useOpenTelemetry(trace)
    const register = new Registry()
    const wait = histogram({ name: 'wait_seconds', help: 'Waits', exemplars: true, register })
    const unsampled = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 0 }
    context.with(trace.setSpanContext(ROOT_CONTEXT, unsampled), () => {
      trace.getTracer('shop').startActiveSpan('wait', (span) => {
        wait.observe(1)
        expect(logOptions().mixin()).toEqual({
          trace_id: unsampled.traceId,
          span_id: span.spanContext().spanId,
          trace_flags: '00',
        })
        span.end()
      })
    })
    expect(await expositionText(register, 'openmetrics')).not.toContain('trace_id')
    expect(receiver.spans).toEqual([])
  })
})

/** Trace and span id of the one exemplar of a histogram. */
function exemplarOf(text: string, name: string): readonly string[] | undefined {
  return new RegExp(`^${name}_bucket.* # \\{trace_id="(\\w+)",span_id="(\\w+)"[,}]`, 'm').exec(text)?.slice(1)
}
