import { createServer, type RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'

import { describeWith, prometheus } from '@shop/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { listening } from '../../fixtures/listening.ts'
import { type AlertNotification, type NotifiedAlert, withTraces } from './notification-traces.ts'

const alert = (more: Partial<NotifiedAlert> = {}): NotifiedAlert => ({
  status: 'firing',
  labels: { alertname: 'ShopRouteFailing', job: 'shop', http_route: '/cart', severity: 'warning' },
  annotations: { summary: 'it fails', exemplars: 'wait_seconds_bucket{code="500"}' },
  generatorURL: 'http://internal.example/graph?g0.expr=ignored',
  ...more,
})
const notification = (...alerts: NotifiedAlert[]) => ({ version: '4', receiver: 'hook', alerts })

/** One exemplar as Prometheus tells it. */
const exemplar = (labels: Record<string, string>, timestamp: number) => ({ labels, value: '0.1', timestamp })
const answering =
  (...data: object[]): RequestListener =>
  (_, response) =>
    void response.end(JSON.stringify({ status: 'success', data }))

describe('a notification with traces', () => {
  it('tells the newest traces of the series its rule names, and the request ids they have', async () => {
    const bodies: string[] = []
    await using server = await answers(async (request, response) => {
      bodies.push(`${request.method} ${request.url} ${request.headers.authorization} ${await text(request)}`)
      answering(
        {
          seriesLabels: { job: 'shop', http_route: '/cart', le: '0.1' },
          exemplars: [exemplar({ trace_id: 'old' }, 1), exemplar({ trace_id: 'new', request_id: 'r-new' }, 3)],
        },
        {
          seriesLabels: { job: 'shop', http_route: '/cart', le: '1.0' },
          exemplars: [exemplar({ trace_id: 'mid' }, 2)],
        },
      )(request, response)
    })
    const traced = withTraces({ prometheus: `${server.url}/`, limit: 2, headers: { authorization: 'Bearer t' } })
    const told = await traced(notification(alert()))
    expect(told).toMatchObject({ receiver: 'hook', alerts: [{ labels: alert().labels, status: 'firing' }] })
    expect(told.alerts[0]!.annotations).toEqual({
      ...alert().annotations,
      trace_ids: 'new, mid',
      request_ids: 'r-new',
    })
    expect(bodies).toHaveLength(1)
    expect(bodies[0]).toMatch(
      /^POST \/api\/v1\/query_exemplars Bearer t query=wait_seconds_bucket%7Bcode%3D%22500%22%7D&/,
    )
  })

  it('leaves out what belongs to another route, and what is no id', async () => {
    await using server = await answers(
      answering(
        { seriesLabels: { http_route: '/other' }, exemplars: [exemplar({ trace_id: 'other' }, 9)] },
        {
          seriesLabels: { http_route: '/cart' },
          exemplars: [
            exemplar({ trace_id: '<https://evil.example|click>' }, 8),
            exemplar({ span_id: 'a' }, 7),
            exemplar({ trace_id: 'mine', request_id: '@everyone now' }, 6),
          ],
        },
      ),
    )
    const [told] = (await withTraces({ prometheus: server.url })(notification(alert()))).alerts
    expect(told!.annotations).toMatchObject({ trace_ids: 'mine' })
    expect(told!.annotations).not.toHaveProperty('request_ids')
  })

  it('asks for the buckets of the whole expression when the rule names nothing, and once for the same one', async () => {
    const queries: (string | null)[] = []
    await using server = await answers(async (request, response) => {
      queries.push(new URLSearchParams(await text(request)).get('query'))
      answering({ exemplars: [exemplar({ trace_id: 't' }, 1)] })(request, response)
    })
    const expr = 'rate(job_seconds_sum{a="b"}[5m]) / rate(job_seconds_count[5m]) > 1'
    const own = alert({ annotations: {}, generatorURL: `http://x.example/graph?g0.expr=${encodeURIComponent(expr)}` })
    const told = await withTraces({ prometheus: server.url })(
      notification(own, own, alert({ status: 'resolved' }), alert({ annotations: {}, generatorURL: 'no URL' })),
    )
    expect(queries).toEqual(['rate(job_seconds_bucket{a="b"}[5m]) / rate(job_seconds_bucket[5m]) > 1'])
    expect(told.alerts.map(({ annotations }) => annotations['trace_ids'])).toEqual(['t', 't', undefined, undefined])
  })
})

describe('a notification is never lost', () => {
  const missing = async (listener: RequestListener, timeout = 5000, signal?: AbortSignal): Promise<string> => {
    await using server = await answers(listener)
    const given = notification(alert(), alert({ status: 'resolved' }))
    const told = await withTraces({ prometheus: server.url, timeout })(given, signal)
    const { traces_missing: reason = '', ...kept } = told.alerts[0]!.annotations
    expect({ ...told, alerts: [{ ...told.alerts[0]!, annotations: kept }, told.alerts[1]!] }).toEqual(given)
    return reason
  }

  it.each([
    ['refuses', 'refused with 422', (_, response) => void response.writeHead(422).end('{"status":"error"}')],
    ['is none', 'did not answer as one', (_, response) => void response.end('<html>')],
    ['answers without data', 'did not answer as one', (_, response) => void response.end('{"status":"success"}')],
    ['knows nothing', 'no exemplar found', answering()],
    ['hangs up', 'cannot be reached', (request) => void request.destroy()],
    ['sends elsewhere', 'cannot be reached', (_, response) => void response.writeHead(307, { location: '/x' }).end()],
    ['says too much', 'more than 4 MB', (_, response) => void response.end(Buffer.alloc(4_000_001, ' '))],
  ] satisfies [string, string, RequestListener][])('when Prometheus %s', async (_, reason, listener) => {
    expect(await missing(listener)).toContain(reason)
  })

  it('when Prometheus is silent, or nobody waits for it', async () => {
    expect(await missing(() => undefined, 50)).toBe('Prometheus did not answer in time')
    expect(await missing(() => undefined, 60_000, AbortSignal.abort('enough'))).toBe('it was not waited for')
  })

  it('when it is about more rules than are asked for', async () => {
    await using server = await answers(answering())
    const many = Array.from({ length: 25 }, (_, i) => alert({ annotations: { exemplars: `x${i}_bucket` } }))
    const told = (await withTraces({ prometheus: server.url })(notification(...many))).alerts
    expect(told.map(({ annotations }) => annotations['traces_missing']).slice(19, 21)).toEqual([
      'no exemplar found',
      'more than 20 rules in one notification',
    ])
  })

  it('whatever Prometheus answers', async () => {
    let answer: unknown
    await using server = await answers((_, response) => void response.end(JSON.stringify(answer)))
    const traced = withTraces({ prometheus: server.url })
    const labels = fc.dictionary(fc.constantFrom('trace_id', 'request_id'), fc.oneof(fc.string(), fc.jsonValue()))
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.record({ data: fc.jsonValue() }),
      fc.record({
        data: fc.array(fc.record({ exemplars: fc.array(fc.record({ labels, timestamp: fc.jsonValue() })) })),
      }),
    )
    await fc.assert(
      fc.asyncProperty(anything, async (given) => {
        answer = given
        const [told] = (await traced(notification(alert()))).alerts
        expect(told).toMatchObject(alert())
        expect(told!.annotations['trace_ids'] ?? told!.annotations['traces_missing']).toMatch(/^[\w., -]+$/)
      }),
      { numRuns: 100 },
    )
  })

  it('is refused only when it is none', async () => {
    const traced = withTraces({ prometheus: 'http://127.0.0.1:9' })
    const wrong: unknown[] = [
      undefined,
      null,
      'text',
      {},
      { version: '3', alerts: [] },
      { version: '4' },
      { version: '4', alerts: [null] },
      { version: '4', alerts: [{ status: 'firing', labels: {} }] },
    ]
    for (const given of wrong)
      await expect(traced(given as AlertNotification)).rejects.toMatchObject({ code: 'ERR_SHOP_METRICS_NOTIFICATION' })
    expect(await traced(notification())).toEqual(notification())
  })
})

describe('its options', () => {
  it.each([
    ['ERR_SHOP_METRICS_UNKNOWN_OPTION', { prometheus: 'http://p', url: 'x' }],
    ['ERR_SHOP_METRICS_OPTION', { prometheus: 'prometheus:9090' }],
    ['ERR_SHOP_METRICS_OPTION', { prometheus: 'http://user:word@p' }],
    ['ERR_SHOP_METRICS_OPTION', { prometheus: 'http://p', limit: 0 }],
    ['ERR_SHOP_METRICS_DURATION', { prometheus: 'http://p', timeout: 'soon' }],
    ['ERR_SHOP_METRICS_DURATION', { prometheus: 'http://p', window: 0 }],
  ])('%s', (code, options) => {
    expect(() => withTraces(options as never)).toThrow(expect.objectContaining({ code }))
  })
})

describeWith('prometheus', 'a Prometheus without exemplar storage', () => {
  it('gives none, and that is told', async () => {
    await using server = await prometheus({ config: 'scrape_configs: []' })
    const [told] = (await withTraces({ prometheus: server.url })(notification(alert()))).alerts
    expect(told!.annotations['traces_missing']).toBe('no exemplar found')
    const [own] = (
      await withTraces({ prometheus: server.url })(notification(alert({ annotations: { exemplars: '{' } })))
    ).alerts
    expect(own!.annotations['traces_missing']).toBe('Prometheus refused with 400')
  })
})

function answers(
  listener: (...args: Parameters<RequestListener>) => unknown,
): Promise<{ readonly url: string } & AsyncDisposable> {
  return listening(createServer((request, response) => void listener(request, response)))
}
