import { describe, expect, test } from 'vitest'

import { classify, classifyResult } from './classify.ts'
import { RetryError } from './errors.ts'
import { NETWORK } from './network.ts'
import { SQLSTATE } from './sqlstate.ts'
import { HTTP_STATUS } from './status.ts'
import { STRIPE } from './stripe.ts'

const failed = (members: object): Error => Object.assign(new Error('x'), members)

describe('HTTP status', () => {
  test.each([
    [408, 'always'],
    [425, 'always'],
    [429, 'always'],
    [500, 'idempotent'],
    [501, 'never'],
    [502, 'always'],
    [503, 'always'],
    [504, 'always'],
  ] as const)('%d: %s', (status, retry) => {
    expect(classifyResult(new Response(null, { status }))).toMatchObject({
      domain: 'status',
      row: String(status),
      retry,
    })
    expect(classify(failed({ status })).retry).toBe(retry)
    expect(classify(failed({ response: { status } })).retry).toBe(retry)
  })
  test('the table has these rows and no other', () => {
    expect(Object.keys(HTTP_STATUS)).toEqual(['408', '425', '429', '500', '501', '502', '503', '504'])
  })
  test.each([400, 401, 403, 404, 409, 422])(
    '%d is the request’s own fault, and no fault of the dependency',
    (status) => {
      expect(classifyResult(new Response(null, { status }))).toMatchObject({ retry: 'never', fault: false })
    },
  )
  test.each([200, 204, 301, 304])('%d is no failure', (status) => {
    expect(classifyResult(new Response(null, { status }))).toBeUndefined()
  })
})

describe('network', () => {
  test.each([
    'EADDRNOTAVAIL',
    'EAI_AGAIN',
    'ECONNREFUSED',
    'EHOSTDOWN',
    'EHOSTUNREACH',
    'ENETDOWN',
    'ENETUNREACH',
    'ENOTFOUND',
    'UND_ERR_CONNECT_TIMEOUT',
  ])('%s: not sent, any request may go again', (code) =>
    expect(classify(failed({ code }))).toMatchObject({ domain: 'network', row: code, retry: 'always' }),
  )
  test.each([
    'ECONNABORTED',
    'ECONNRESET',
    'EPIPE',
    'ERR_HTTP2_STREAM_CANCEL',
    'ERR_STREAM_PREMATURE_CLOSE',
    'UND_ERR_SOCKET',
    'ESOCKETTIMEDOUT',
    'ETIMEDOUT',
    'UND_ERR_BODY_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
  ])('%s: maybe processed, idempotent or keyed only', (code) =>
    expect(classify(failed({ code })).retry).toBe('idempotent'),
  )
  test.each([
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ])('%s: never, and it counts against the dependency', (code) =>
    expect(classify(failed({ code }))).toMatchObject({ retry: 'never', fault: true }),
  )
  test.each(['ABORT_ERR', 'AbortError', 'UND_ERR_ABORTED', 'UND_ERR_INVALID_ARG'])(
    '%s: never, and no fault',
    (code) => {
      expect(classify(failed({ code }))).toMatchObject({ retry: 'never', fault: false })
    },
  )
  test('TimeoutError, as AbortSignal.timeout throws it: maybe processed', () => {
    expect(classify(new DOMException('x', 'TimeoutError')).retry).toBe('idempotent')
    expect(classify(new DOMException('x', 'AbortError')).retry).toBe('never')
  })
  test('a timeout while connecting was not sent', () => {
    expect(classify(failed({ code: 'ETIMEDOUT', syscall: 'connect' })).retry).toBe('always')
  })
  test('every row is in one of the lists above', () => expect(Object.keys(NETWORK)).toHaveLength(29))
})

describe('PostgreSQL', () => {
  test.each([
    ['40001', 'always'],
    ['40P01', 'always'],
    ['55P03', 'always'],
    ['53300', 'always'],
    ['57P01', 'always'],
    ['57P02', 'always'],
    ['57P03', 'always'],
    ['08000', 'idempotent'],
    ['08001', 'always'],
    ['08003', 'always'],
    ['08004', 'always'],
    ['08006', 'idempotent'],
    ['08007', 'unknown'],
    ['57014', 'never'],
  ] as const)('%s: %s', (code, retry) => {
    expect(classify(failed({ code, severity: 'ERROR' }))).toMatchObject({ domain: 'postgres', row: code, retry })
  })
  test('the table has these rows and no other', () => expect(Object.keys(SQLSTATE)).toHaveLength(14))
  test('any other SQLSTATE is the statement’s own fault', () => {
    expect(classify(failed({ code: '23505', severity: 'ERROR' }))).toMatchObject({ retry: 'never', fault: false })
  })
})

describe('Stripe', () => {
  test.each([
    ['StripeAPIError', 'idempotent'],
    ['StripeConnectionError', 'idempotent'],
    ['StripeRateLimitError', 'always'],
    ['StripeAuthenticationError', 'never'],
    ['StripeCardError', 'never'],
    ['StripeIdempotencyError', 'never'],
    ['StripeInvalidGrantError', 'never'],
    ['StripeInvalidRequestError', 'never'],
    ['StripePermissionError', 'never'],
    ['StripeSignatureVerificationError', 'never'],
  ] as const)('%s: %s', (type, retry) =>
    expect(classify(failed({ type }))).toMatchObject({ domain: 'stripe', row: type, retry }),
  )
  test.each(['lock_timeout', 'idempotency_key_in_use'])('%s overrides its class: always', (code) => {
    expect(classify(failed({ type: 'StripeInvalidRequestError', code }))).toMatchObject({ row: code, retry: 'always' })
  })
  test('every row is in the lists above', () => expect(Object.keys(STRIPE)).toHaveLength(12))
  test('the SDK’s own errors are known', async () => {
    const { default: Stripe } = await import('stripe')
    const error = new Stripe.errors.StripeConnectionError({ message: 'x', type: 'api_error' } as never)
    expect(classify(error)).toMatchObject({ domain: 'stripe', retry: 'idempotent' })
  })
  test('stripe-should-retry knows better than the tables', () => {
    expect(classify(failed({ type: 'StripeAPIError', headers: { 'stripe-should-retry': 'true' } })).retry).toBe(
      'always',
    )
    expect(classify(failed({ type: 'StripeRateLimitError', headers: { 'stripe-should-retry': 'false' } })).retry).toBe(
      'never',
    )
    expect(
      classifyResult(new Response(null, { status: 503, headers: { 'stripe-should-retry': 'false' } }))?.retry,
    ).toBe('never')
  })
})

describe('what hides in other errors', () => {
  test('a cause is walked to, as undici hides it', () => {
    const error = new TypeError('fetch failed', { cause: failed({ code: 'ECONNREFUSED' }) })
    expect(classify(error)).toMatchObject({ domain: 'network', retry: 'always' })
    expect(classify(new Error('a', { cause: new Error('b', { cause: failed({ code: 'EPIPE' }) }) })).retry).toBe(
      'idempotent',
    )
  })
  test('of several errors the strictest wins', () => {
    const both = new AggregateError([failed({ code: 'ECONNREFUSED' }), failed({ code: 'ECONNRESET' })])
    expect(classify(both).retry).toBe('idempotent')
    expect(
      classify(new AggregateError([failed({ code: 'ECONNREFUSED' }), failed({ code: 'EHOSTUNREACH' })])).retry,
    ).toBe('always')
  })
  test('a circle of causes ends', () => {
    const error = failed({})
    error.cause = error
    expect(classify(error).domain).toBe('none')
  })
  test('mistakes in the program are never retried, and say nothing about the dependency', () => {
    for (const error of [
      new TypeError('x is not a function'),
      new RangeError('x'),
      new SyntaxError('x'),
      new ReferenceError('x'),
      new EvalError('x'),
    ]) {
      expect(classify(error)).toMatchObject({ domain: 'language', retry: 'never', fault: false })
    }
  })
  test('our own: a timeout may have been processed, a refusal is final, a lost COMMIT is unknown', () => {
    expect(classify(new RetryError('ERR_SHOP_RETRY_TIMEOUT', 'x')).retry).toBe('idempotent')
    expect(classify(new RetryError('ERR_SHOP_RETRY_OPEN', 'x'))).toMatchObject({ retry: 'never', fault: false })
    expect(classify(new RetryError('ERR_SHOP_RETRY_OUTCOME_UNKNOWN', 'x')).retry).toBe('unknown')
  })
  test.each([undefined, null, 'text', 42, Symbol('x'), {}])('%s is known to no table', (thrown) => {
    expect(classify(thrown).domain).toBe('none')
  })
})
