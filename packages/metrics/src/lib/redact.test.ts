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
  })
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
