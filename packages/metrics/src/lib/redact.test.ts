import { Writable } from 'node:stream'

import fc from 'fast-check'
import pino from 'pino'
import { describe, expect, it } from 'vitest'

import { logOptions } from './log-correlation.ts'
import { PERSONAL_FIELDS, redactor } from './redact.ts'
import { withTrace } from './trace-context.ts'

describe('redaction', () => {
  const redact = redactor()

  it('replaces personal fields at any depth, whatever their spelling', () => {
    expect(
      redact({
        order: { id: 7, customer: { Email: 'a@b.example', first_name: 'Ada', 'phone-number': '1' } },
        items: [{ sku: 'x', iban: 'DE' }],
      }),
    ).toEqual({
      order: { id: 7, customer: { Email: '[redacted]', first_name: '[redacted]', 'phone-number': '[redacted]' } },
      items: [{ sku: 'x', iban: '[redacted]' }],
    })
  })

  it('finds mail addresses, cards and tokens inside of texts', () => {
    expect(redact('mail ada@shop.example paid with 4242 4242 4242 4242, header Bearer abcdef123456.x')).toBe(
      'mail [redacted] paid with [redacted], header Bearer [redacted]',
    )
    expect(redact('order 1234567890123 of 2026-11-24')).toBe('order 1234567890123 of 2026-11-24')
    expect(redact(['a@b.co', { 'a@b.co': 1 }])).toEqual(['[redacted]', { '[redacted]': 1 }])
    expect(redact(new URL('https://shop.example/orders?page=2&Token=t-1&mail=a%40b.co'))).toBe(
      'https://shop.example/orders?page=2&Token=[redacted]&mail=[redacted]',
    )
    expect(redact('postgres://shop:hunter2@db:5432/shop')).toBe('postgres://shop:[redacted]@db:5432/shop')
    expect(redact('HTTP/1.1 200 OK\r\nSet-Cookie: sid=1; Path=/\r\nAge: 1')).toBe(
      'HTTP/1.1 200 OK\r\nSet-Cookie: [redacted]\r\nAge: 1',
    )
  })

  it('knows a card that is a number from other numbers, a mail address from a version, a card from a UUID', () => {
    expect(redact([4242424242424242, 4242424242424242n, 4242424242424241, 42n])).toEqual([
      '[redacted]',
      '[redacted]',
      4242424242424241,
      42,
    ])
    // milliseconds and microseconds that pass the check digit
    expect(redact([1796067273336, 1796067273335005])).toEqual([1796067273336, 1796067273335005])
    const frame = 'at run (/shop/node_modules/.pnpm/fastify@5.12.8/node_modules/fastify/lib/route.js:1:2)'
    expect(redact(frame)).toBe(frame)
    expect(redact('4a7b1c2d-0e9f-4a1b-8242-424242424243')).toBe('4a7b1c2d-0e9f-4a1b-8242-424242424243')
  })

  it('goes through sets and maps, and tells only the size of bytes', () => {
    expect(
      redact({
        set: new Set(['a@b.co', { pin: 1 }]),
        map: new Map<unknown, unknown>([
          ['email', 'x'],
          [7, 'b'],
        ]),
        bytes: Buffer.alloc(1e6),
        numbers: new Float64Array(3),
        date: new Date(0),
      }),
    ).toEqual({
      set: ['[redacted]', { pin: '[redacted]' }],
      map: { email: '[redacted]', 7: 'b' },
      bytes: '[1000000 bytes]',
      numbers: '[24 bytes]',
      date: '1970-01-01T00:00:00.000Z',
    })
  })

  it('says what cannot be read, and keeps the rest', () => {
    const fail = () => {
      throw new Error('not now')
    }
    const value = {
      id: 1,
      getter: Object.defineProperty({ id: 2 }, 'x', { get: fail, enumerable: true }),
      json: { toJSON: fail },
      proxy: new Proxy({}, { ownKeys: fail, getPrototypeOf: fail }),
      error: Object.defineProperty(new Error('kept'), 'stack', { get: fail }),
    }
    expect(redact(value)).toMatchObject({
      id: 1,
      getter: { id: 2, x: '[unreadable]' },
      json: '[unreadable]',
      proxy: '[unreadable]',
      error: { message: 'kept', stack: '[unreadable]' },
    })
    expect(redact(value.proxy)).toBe('[unreadable]')
  })

  it('is bounded in depth, width and all together', () => {
    let shared: object = { x: 1 }
    for (let i = 0; i < 7; i++) shared = Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`k${k}`, shared]))
    expect(JSON.stringify(redact(shared)).length).toBeLessThan(200_000)
    expect(redact(Array.from({ length: 1e5 }, () => 1))).toHaveLength(200)
    let deep: object = { bottom: 'SECRET' }
    for (let i = 0; i < 1e5; i++) deep = { deep }
    expect(JSON.stringify(redact(deep))).toMatch(/\[deeper\]/)
  })

  it('keeps an error readable', () => {
    const error = Object.assign(new Error('no mail to ada@shop.example', { cause: new Error('4242424242424242') }), {
      code: 'EX',
      email: 'x',
    })
    expect(redact({ err: error })).toMatchObject({
      err: {
        type: 'Error',
        code: 'EX',
        email: '[redacted]',
        message: 'no mail to [redacted]',
        cause: { message: '[redacted]' },
      },
    })
    expect(JSON.stringify(redact({ err: error }))).not.toContain('ada@')
    const several = new AggregateError([Object.assign(new Error('one'), { token: 't' })], 'all')
    expect(redact(several)).toMatchObject({
      message: 'all',
      aggregateErrors: [{ message: 'one', token: '[redacted]' }],
    })
  })

  it('bears circles, depth, size and every kind of value, and changes nothing', () => {
    const circle: Record<string, unknown> = { a: 1 }
    circle['self'] = circle
    expect(redact(circle)).toEqual({ a: 1, self: '[circular]' })
    fc.assert(
      fc.property(fc.anything({ withMap: true, withDate: true, withBigInt: true, withTypedArray: true }), (value) => {
        expect(() => redact(value)).not.toThrow()
      }),
    )
  })

  it('leaks a personal field under no key order and no nesting', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PERSONAL_FIELDS),
        fc.array(fc.string({ minLength: 1 }), { maxLength: 6 }),
        (field, path) => {
          const secret = { marker: 'SECRET-VALUE' }
          const value = path.reduceRight<object>((inner, key) => ({ before: 1, [`k${key}`]: inner }), {
            [field]: secret,
          })
          expect(JSON.stringify(redact(value))).not.toContain('SECRET-VALUE')
        },
      ),
    )
  })

  it('takes further fields, and shows what it is told to', () => {
    expect(
      redactor({ fields: ['vehiclePlate'], show: ['zip'], censor: '*' })({ vehicle_plate: 'B-1', zip: '10115' }),
    ).toEqual({ vehicle_plate: '*', zip: '10115' })
    expect(() => redactor({ show: ['zap'] })).toThrow(/not a field of the built-in list/)
    expect(redactor({ censor: '$&' })('to ada@shop.example')).toBe('to $&')
  })

  it.each([{ fields: [5] }, { fields: 'x' }, { show: 'zip' }, { show: [null] }, { censor: null }, { maxDepth: 0 }])(
    'refuses %o',
    (options) => {
      expect(() => redactor(options as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_OPTION' }))
    },
  )
})

describe('log lines of pino', () => {
  it('carry trace and request ids, and nothing personal', () => {
    const lines: string[] = []
    const sink = new Writable({ write: (chunk: Buffer, _, done) => (lines.push(chunk.toString()), done()) })
    const log = pino({ ...(logOptions() as object), base: null, timestamp: false }, sink)
    withTrace({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, requestId: 'r-1' }, () =>
      log.info({ email: 'a@b.example' }, 'order of %s', 'ada@shop.example'),
    )
    log.error(new Error('lost ada@shop.example'))
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 30,
      trace_id: 'a'.repeat(32),
      span_id: 'b'.repeat(16),
      trace_flags: '01',
      request_id: 'r-1',
      email: '[redacted]',
      msg: 'order of [redacted]',
    })
    expect(JSON.parse(lines[1]!)).toMatchObject({
      level: 50,
      msg: 'lost [redacted]',
      err: { type: 'Error', message: 'lost [redacted]' },
    })
    expect(lines.join('')).not.toContain('ada@')
  })
})
