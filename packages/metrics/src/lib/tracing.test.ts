import { view } from '@shop/testkit/view'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { currentTrace, useOpenTelemetry, withTrace } from './trace-context.ts'
import { newSpanId, newTraceId } from './trace-ids.ts'
import { readTraceparent, toTraceparent } from './traceparent.ts'
import { traceOf, tracing } from './tracing.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

describe('traceparent', () => {
  it.each([
    [`00-${TRACE}-${SPAN}-01`, { traceId: TRACE, spanId: SPAN, sampled: true }],
    [`00-${TRACE}-${SPAN}-00`, { traceId: TRACE, spanId: SPAN, sampled: false }],
    [`00-${TRACE}-${SPAN}-fe`, { traceId: TRACE, spanId: SPAN, sampled: false }],
    [`cc-${TRACE}-${SPAN}-01`, { traceId: TRACE, spanId: SPAN, sampled: true }],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-brings`, { traceId: TRACE, spanId: SPAN, sampled: true }],
  ])('reads %s', (header, expected) => {
    expect(readTraceparent(header)).toEqual(expected)
  })

  it.each([
    undefined,
    '',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}`,
    `00_${TRACE}_${SPAN}_01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  ])('ignores %s', (header) => {
    expect(readTraceparent(header)).toBeUndefined()
  })

  it('reads back what it wrote, and nothing that is not one', () => {
    fc.assert(
      fc.property(fc.boolean(), (sampled) => {
        const ids = { traceId: newTraceId(), spanId: newSpanId(), sampled }
        expect(readTraceparent(toTraceparent(ids))).toEqual(ids)
      }),
    )
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => readTraceparent(text) === undefined))
  })

  it('never makes the same id twice', () => {
    expect(new Set(Array.from({ length: 10_000 }, newTraceId)).size).toBe(10_000)
  })
})

describe('tracing', () => {
  const seen = (policy = tracing(), headers: Record<string, string> = {}) => {
    const request = view({ headers })
    const verdict = policy.evaluate!(request) as { headers?: readonly (readonly [string, string])[] } | undefined
    return { trace: traceOf(request)!, header: verdict?.headers?.[0] }
  }

  it('goes on with the trace of the caller, under a span of its own', () => {
    const { trace, header } = seen(tracing(), { traceparent: `00-${TRACE}-${SPAN}-01` })
    expect(trace).toMatchObject({ traceId: TRACE, sampled: true })
    expect(trace.spanId).not.toBe(SPAN)
    expect(header).toEqual(['x-request-id', trace.requestId])
  })

  it('begins one where there is none, or where it does not know the caller', () => {
    expect(seen(tracing({ sample: 1 })).trace).toMatchObject({
      sampled: true,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(seen(tracing({ sample: 0 })).trace.sampled).toBe(false)
    expect(seen(tracing({ incoming: 'restart' }), { traceparent: `00-${TRACE}-${SPAN}-01` }).trace.traceId).not.toBe(
      TRACE,
    )
  })

  it("takes a caller's request id only when told to, and only a plain word", () => {
    const trusting = tracing({ trustRequestId: true })
    expect(seen(tracing(), { 'x-request-id': 'abcdefgh' }).trace.requestId).not.toBe('abcdefgh')
    expect(seen(trusting, { 'x-request-id': 'abcdefgh' }).trace.requestId).toBe('abcdefgh')
    for (const hostile of ['short', 'a b c d e f', 'x'.repeat(129), 'line\nbreak-here', '{"a":"bcdefg"}']) {
      expect(seen(trusting, { 'x-request-id': hostile }).trace.requestId).not.toBe(hostile)
    }
  })

  it('refuses options out of range', () => {
    for (const options of [
      { sample: 2 },
      { sample: '1' },
      { sample: null },
      { requestIdHeader: 'X-Id' },
      { requestIdHeader: 5 },
      { trustRequestId: 'false' },
      { incoming: 'maybe' },
    ]) {
      expect(() => tracing(options as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_OPTION' }))
    }
  })

  it("follows OpenTelemetry's active span, and keeps the request id", () => {
    const spanContext = () => ({ traceId: TRACE, spanId: SPAN, traceFlags: 1 })
    const own = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, requestId: 'request-1' }
    {
      using _ = useOpenTelemetry({ getActiveSpan: () => ({ spanContext }) })
      withTrace(own, () =>
        expect(currentTrace()).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true, requestId: 'request-1' }),
      )
      expect(currentTrace()).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true })
    }
    withTrace(own, () => expect(currentTrace()).toBe(own))
  })
})
