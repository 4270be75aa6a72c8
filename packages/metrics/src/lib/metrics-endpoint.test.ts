import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import { protect } from '@shop/middleware/node'
import { view } from '@shop/testkit/view'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { counter } from './counter.ts'
import { metricsEndpoint, type MetricsEndpointOptions } from './metrics-endpoint.ts'
import { CONTENT_TYPES } from './negotiate.ts'

async function served(options: MetricsEndpointOptions): Promise<{ url: string } & AsyncDisposable> {
  const pass: RequestListener = (_, response) => void response.end('passed')
  const server = createServer(protect(metricsEndpoint(options))(pass)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('the metrics endpoint', () => {
  it('answers in the format the scraper prefers, gzipped where it may', async () => {
    const register = new Registry()
    counter({ name: 'a_total', help: 'A', register })
    await using app = await served({ register })
    const ask = (accept: string): Promise<Response> => fetch(`${app.url}/metrics`, { headers: { accept } })
    const openmetrics = await ask(
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    )
    expect(openmetrics.headers.get('content-type')).toBe(CONTENT_TYPES.openmetrics)
    expect(openmetrics.headers.get('content-encoding')).toBe('gzip')
    expect(await openmetrics.text()).toMatch(/# EOF\n$/)
    const protobuf = await ask(
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;q=0.5',
    )
    expect(protobuf.headers.get('content-type')).toBe(CONTENT_TYPES.protobuf)
    for (const accept of [
      '*/*',
      'text/html',
      'application/openmetrics-text;version=2.0.0',
      'application/vnd.google.protobuf',
      'text/plain;q=x',
      ';;,,',
    ]) {
      const text = await ask(accept)
      expect(text.headers.get('content-type')).toBe(CONTENT_TYPES.text)
      expect(await text.text()).toContain('a_total 0\n')
    }
    expect(
      (await fetch(`${app.url}/metrics`, { headers: { 'accept-encoding': 'identity' } })).headers.get(
        'content-encoding',
      ),
    ).toBeNull()
  })

  it('lets other paths pass and other methods not', async () => {
    await using app = await served({ register: new Registry() })
    expect(await (await fetch(`${app.url}/`)).text()).toBe('passed')
    expect((await fetch(`${app.url}/metrics`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${app.url}/metrics`, { method: 'POST' })).status).toBe(405)
  })

  it('asks for its token, when it has one', async () => {
    const token = 'a-token-of-some-length'
    await using app = await served({ register: new Registry(), token })
    const ask = (authorization?: string): Promise<Response> =>
      fetch(`${app.url}/metrics`, authorization === undefined ? {} : { headers: { authorization } })
    expect((await ask()).status).toBe(401)
    expect((await ask('Bearer wrong')).status).toBe(401)
    expect((await ask(`Bearer ${token}`)).status).toBe(200)
  })

  it('answers private addresses only, without one', async () => {
    const policy = metricsEndpoint({ register: new Registry() })
    const status = async (ip: string): Promise<number | undefined> => {
      const verdict = await policy.evaluate!(view({ url: '/metrics', ip }))
      return verdict?.deny?.status ?? verdict?.answer?.status
    }
    for (const ip of [
      '127.0.0.1',
      '::1',
      '10.1.2.3',
      '172.20.0.1',
      '192.168.1.1',
      '::ffff:10.0.0.1',
      'fd00::1',
      'fe80::1',
    ]) {
      expect([ip, await status(ip)]).toEqual([ip, 200])
    }
    for (const ip of ['203.0.113.7', '8.8.8.8', '172.32.0.1', '2001:db8::1', '::ffff:8.8.8.8', '', 'unknown']) {
      expect([ip, await status(ip)]).toEqual([ip, 404])
    }
  })

  it('serves a bounded number of scrapes at once', async () => {
    const policy = metricsEndpoint({ register: new Registry(), maxConcurrent: 1 })
    const first = await policy.evaluate!(view({ url: '/metrics', ip: '127.0.0.1' }))
    const reading = (first!.answer!.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    await reading.next()
    expect((await policy.evaluate!(view({ url: '/metrics', ip: '127.0.0.1' })))!.answer!.status).toBe(503)
    await reading.return?.()
    expect((await policy.evaluate!(view({ url: '/metrics', ip: '127.0.0.1' })))!.answer!.status).toBe(200)
  })

  it('refuses a short token and a path that is none', () => {
    expect(() => metricsEndpoint({ token: 'short' })).toThrow(/fewer than 16/)
    expect(() => metricsEndpoint({ path: 'metrics' })).toThrow(/does not begin with/)
  })
})
