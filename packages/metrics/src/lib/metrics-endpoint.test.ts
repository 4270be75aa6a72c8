import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import net, { type AddressInfo } from 'node:net'

import { protect } from '@shop/middleware/node'
import { view } from '@shop/testkit/view'
import { Registry } from 'prom-client'
import { describe, expect, it, vi } from 'vitest'

import { counter } from './counter.ts'
import { gauge } from './gauge.ts'
import { metricsEndpoint, type MetricsEndpointOptions } from './metrics-endpoint.ts'
import { acceptsGzip, CONTENT_TYPES, formatOf } from './negotiate.ts'

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

  it('cuts off who does not read, after half a minute, and serves others in its place', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const register = new Registry()
    for (let i = 0; i < 200; i++) gauge({ name: `g${i}`, help: randomBytes(40_000).toString('hex'), register })
    await using app = await served({ register, maxConcurrent: 2 })
    const status = async (): Promise<number> => {
      const response = await fetch(`${app.url}/metrics`)
      await response.body?.cancel()
      return response.status
    }
    const stuck = ['gzip', 'identity'].map((coding) => {
      const socket = net.connect(Number(new URL(app.url).port), '127.0.0.1').pause()
      socket.write(`GET /metrics HTTP/1.1\r\nHost: shop\r\nAccept-Encoding: ${coding}\r\n\r\n`)
      socket.on('error', () => undefined)
      return socket
    })
    await expect.poll(status).toBe(503)
    vi.advanceTimersByTime(29_000)
    expect(await status()).toBe(503)
    vi.advanceTimersByTime(1000)
    vi.useRealTimers()
    expect(await status()).toBe(200)
    for (const socket of stuck) {
      socket.resume()
      await once(socket, 'close')
    }
  })

  it('refuses what is no option, or no value of it', () => {
    expect(() => metricsEndpoint({ token: 'short' })).toThrow(/fewer than 16/)
    expect(() => metricsEndpoint({ path: 'metrics' })).toThrow(/does not begin with/)
    for (const options of [
      { token: null },
      { token: 1234567890123456 },
      { path: 5 },
      { path: null },
      { allow: true },
      { allow: null },
      { maxConcurrent: 0 },
      null,
      5,
    ]) {
      expect(() => metricsEndpoint(options as never)).toThrow(
        expect.objectContaining({ name: 'MetricsError', code: 'ERR_SHOP_METRICS_OPTION' }),
      )
    }
  })

  it('lets nobody in but where allow() says true, now or later', async () => {
    const status = async (allow: () => unknown): Promise<number | undefined> => {
      const policy = metricsEndpoint({ register: new Registry(), allow: allow as () => boolean })
      const verdict = await policy.evaluate!(view({ url: '/metrics', ip: '127.0.0.1' }))
      return verdict?.deny?.status ?? verdict?.answer?.status
    }
    expect(await status(() => true)).toBe(200)
    expect(await status(async () => true)).toBe(200)
    for (const other of [false, undefined, 1, 'yes', {}]) {
      expect(await status(() => other)).toBe(404)
      expect(await status(async () => other)).toBe(404)
    }
    await expect(status(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  })
})

describe('content negotiation (RFC 9110, 12.5)', () => {
  const OPENMETRICS = 'application/openmetrics-text'
  const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

  it.each([
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    [OPENMETRICS, 'openmetrics'],
    ['APPLICATION/OpenMetrics-Text; VERSION=1.0.0', 'openmetrics'],
    [`${OPENMETRICS};version="1.0.0"`, 'openmetrics'],
    ['application/*', 'openmetrics'],
    [PROTOBUF, 'protobuf'],
    [`${PROTOBUF};q=0.1,text/plain;Q=0.2`, 'text'],
    [`text/plain;q=0.2,${OPENMETRICS};Q=0.1`, 'text'],
    [`text/plain;q=0.5,${OPENMETRICS};q=0.5`, 'text'],
    [`${OPENMETRICS};q=0.5,text/plain;q=0.5`, 'openmetrics'],
    // the most specific range decides, wherever it stands
    ['*/*,text/plain;q=0', 'openmetrics'],
    [`${OPENMETRICS};q=0,*/*;q=0.1`, 'text'],
    [`text/*;q=0.9,text/plain;q=0.1,${OPENMETRICS};q=0.5`, 'openmetrics'],
    [`text/html;a="${OPENMETRICS},",text/plain;q=0.1`, 'text'],
    ['text/plain;q=0', 'text'],
    [`${OPENMETRICS};q=2`, 'text'],
  ])('Accept: %s', (accept, format) => {
    expect(formatOf(accept)).toBe(format)
  })

  it.each([
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['x-gzip', true],
    ['GZIP;Q=1', true],
    ['*', true],
    ['br, gzip;q=0.5', true],
    ['gzip;q=0, *', false],
    ['*, gzip;q=0', false],
    ['gzip;Q=0', false],
    ['gzip; q=0.000', false],
    ['gzip, *;q=0', true],
    ['identity, gzip;q=0.5', false],
    ['identity;q=0.5, gzip;q=0.5', true],
    ['br', false],
  ])('Accept-Encoding: %s', (header, zipped) => {
    expect(acceptsGzip(header)).toBe(zipped)
  })
})
