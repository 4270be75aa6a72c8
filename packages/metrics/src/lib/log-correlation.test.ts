import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import fastify, { type FastifyServerOptions } from 'fastify'
import pino, { type LoggerOptions } from 'pino'
import { describe, expect, it } from 'vitest'

import { logOptions } from './log-correlation.ts'

type Line = Record<string, unknown>

/** A logger, and what it wrote. */
function written(options: LoggerOptions = {}) {
  const texts: string[] = []
  const stream = { write: (text: string) => void texts.push(text) }
  const log = pino({ base: null, timestamp: false, ...logOptions(), ...options }, stream)
  return { log, stream, texts, lines: () => texts.map((text) => JSON.parse(text) as Line) }
}

const secret = { email: 'ada@shop.example', password: 'hunter2' }
const hidden = { email: '[redacted]', password: '[redacted]' }
const fail = () => {
  throw new Error('not now')
}

describe('a log line', () => {
  it('has nothing personal of bindings, whoever set them', () => {
    const { log, texts, lines } = written({ base: { ...secret }, name: 'shop of ada@shop.example' })
    log.info('base')
    log.child(secret).child({ note: 'ada@shop.example' }).info('child')
    log.child({}, { formatters: { log: (line) => ({ ...line, ...secret }) } }).info('formatter')
    const child = log.child({ pin: 1 }, { serializers: { customer: () => secret } })
    child.setBindings({ nested: { token: 't-1' } })
    child.info({ customer: 81 }, 'set')
    expect(lines()).toEqual([
      { ...hidden, level: 30, name: 'shop of [redacted]', msg: 'base' },
      { ...hidden, level: 30, name: 'shop of [redacted]', note: '[redacted]', msg: 'child' },
      { ...hidden, level: 30, name: 'shop of [redacted]', msg: 'formatter' },
      {
        ...hidden,
        level: 30,
        name: 'shop of [redacted]',
        pin: '[redacted]',
        nested: { token: '[redacted]' },
        customer: hidden,
        msg: 'set',
      },
    ])
    expect(texts.join('')).not.toMatch(/ada@|hunter2|t-1/)
  })

  it('has nothing personal in its message, whatever it is made of', () => {
    const { log, texts, lines } = written()
    log.info('order %j %o %O', secret, [secret], { set: new Set(['ada@shop.example']) })
    log.info(
      { id: 1 },
      'of %s at %s for %d',
      new URL('https://shop.example/?token=t-1'),
      new Error('ada@shop.example'),
      5,
    )
    log.info({ id: 1 }, secret as never)
    log.info('card %d', 4242424242424242)
    log.info({ err: new Error('lost ada@shop.example') })
    log.error(new Error('lost ada@shop.example'), undefined)
    expect(lines().map(({ msg }) => msg)).toEqual([
      `order ${JSON.stringify(hidden)} [${JSON.stringify(hidden)}] {"set":["[redacted]"]}`,
      'of https://shop.example/?token=[redacted] at Error: [redacted] for 5',
      hidden,
      'card [redacted]',
      'lost [redacted]',
      'lost [redacted]',
    ])
    expect(texts.join('')).not.toMatch(/ada@|hunter2|t-1/)
  })

  it('has nothing personal of errors, of mixins, or of values without a serializer', () => {
    class Session {
      readonly sessionId = 's-1'
      readonly tags = new Set(['ada@shop.example'])
    }
    const { log, texts, lines } = written({ mixin: () => ({ ...secret }) })
    const cause = Object.assign(new Error('ada@shop.example'), secret)
    log.error({ err: new AggregateError([cause], 'all', { cause }), of: new Session(), bytes: Buffer.alloc(1e6) })
    expect(lines()[0]).toMatchObject({
      ...hidden,
      err: { type: 'AggregateError', message: 'all: [redacted]', aggregateErrors: [{ ...hidden, type: 'Error' }] },
      of: { sessionId: '[redacted]', tags: ['[redacted]'] },
      bytes: '[1000000 bytes]',
    })
    expect(texts.join('')).not.toMatch(/ada@|hunter2|s-1/)
  })

  it('keeps every digit and its own end', () => {
    const { log, texts } = written({ crlf: true })
    log.child({ order: 12345678901234567890n }).info({ id: 9007199254740993n, share: 0.1234567890123456 })
    expect(texts).toEqual([
      '{"level":30,"order":"12345678901234567890","id":"9007199254740993","share":0.1234567890123456}\r\n',
    ])
  })

  it('is written whatever a value does', () => {
    const { log, lines } = written({ serializers: { broken: fail } })
    log.info({ a: Object.defineProperty({ id: 1 }, 'x', { get: fail, enumerable: true }) }, 'getter')
    log.info({ a: { toJSON: fail }, b: new Proxy({}, { get: fail, ownKeys: fail, getPrototypeOf: fail }) }, 'json')
    log.info(Object.defineProperty({ id: 1, ...secret }, 'x', { get: fail, enumerable: true }), 'first')
    log.info(new Proxy({}, { get: fail, ownKeys: fail, getPrototypeOf: fail }), 'proxy')
    log.info({ broken: secret }, 'serializer')
    log.info('%s', Object.create(null))
    expect(lines()).toEqual([
      { level: 30, a: { id: 1, x: '[unreadable]' }, msg: 'getter' },
      { level: 30, a: '[unreadable]', b: '[unreadable]', msg: 'json' },
      { level: 30, unreadable: [{ id: 1, ...hidden, x: '[unreadable]' }, 'first'], msg: 'first' },
      { level: 30, unreadable: ['[unreadable]', 'proxy'], msg: 'proxy' },
      { level: 30, unreadable: [{ broken: hidden }, 'serializer'], msg: 'serializer' },
      { level: 30, unreadable: ['%s', {}], msg: '%s' },
    ])
  })

  it('is cleaned as a text where a timestamp of its own makes it no JSON', () => {
    const { log, texts } = written({ timestamp: () => ',"time":now' })
    log.info('to ada@shop.example')
    expect(texts).toEqual(['{"level":30,"time":now,"msg":"to [redacted]"}\n'])
  })
})

describe('a request line', () => {
  const headers = { authorization: 'Bearer abcdefghijk', cookie: 'sid=s-1', 'x-page': '2' }

  it.each(['loggerInstance', 'logger'] as const)("has all that Fastify's has, by %s", async (how) => {
    const { log, stream, texts, lines } = written()
    const options: FastifyServerOptions =
      how === 'logger' ? { logger: { ...logOptions(), stream } } : { loggerInstance: log }
    await using app = fastify(options)
    app.get('/orders/:id', (request) => {
      request.log.info({ request, ...secret, body: { cvc: 1 } }, 'taken')
      return 'x'
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    await (await fetch(`http://127.0.0.1:${port}/orders/7?token=t-1`, { headers })).text()
    const received = lines().find(({ msg }) => msg === 'incoming request')
    expect(received).toMatchObject({
      reqId: 'req-1',
      req: { method: 'GET', url: '/orders/7?token=[redacted]', host: `127.0.0.1:${port}`, remoteAddress: '[redacted]' },
    })
    expect(lines().find(({ msg }) => msg === 'taken')).toMatchObject({ ...hidden, body: { cvc: '[redacted]' } })
    expect(lines().find(({ msg }) => msg === 'request completed')).toMatchObject({ res: { statusCode: 200 } })
    expect(texts.join('')).not.toMatch(/ada@|hunter2|t-1|abcdefghijk|s-1/)
  })

  it.each([{ serializers: pino.stdSerializers }, {}])('has nothing personal with %o', async (options) => {
    const { log, texts, lines } = written(options)
    const server = createServer((req, res) => {
      res.setHeader('set-cookie', 'sid=s-1')
      res.end('x')
      // as pino-http does it
      log.child({ req }).info({ res }, 'request completed')
      log.info({ req, res }, 'both')
      log.info(req, 'request')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await (await fetch(`http://127.0.0.1:${port}/orders/7?token=t-1`, { headers })).text()
    server.close()
    server.closeAllConnections()
    expect(texts.join('')).not.toMatch(/t-1|abcdefghijk|s-1/)
    if (!options.serializers) return
    const req = {
      method: 'GET',
      url: '/orders/7?token=[redacted]',
      headers: { authorization: '[redacted]', cookie: '[redacted]', 'x-page': '2' },
    }
    const res = { statusCode: 200, headers: { 'set-cookie': '[redacted]' } }
    expect(lines()).toMatchObject([{ req, res }, { req, res }, { req }])
  })
})
