import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { isSecretName, isSecretValue, Redactor, REDACTED } from './redact.ts'

describe('names of secrets', () => {
  it.each([
    'password',
    'newPassword',
    'user_passwd',
    'API-Key',
    'clientSecret',
    'resetToken',
    'cvv',
    'card_number',
    'Authorization',
    'set-cookie',
    'pin',
  ])('%s is one', (name) => expect(isSecretName(name)).toBe(true))
  it.each([
    'passwordChangedAt',
    'tokenCount',
    'shipping',
    'keyboard',
    'opinion',
    'cardType',
    'secretary',
    'company',
    '',
  ])('%s is none', (name) => expect(isSecretName(name)).toBe(false))
})

describe('values that are secrets under any name', () => {
  it.each([
    ['a Visa number', 'pay with 4242424242424242'],
    ['an Amex number with blanks', '3782 822463 10005'],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc'],
    ['a bearer header', 'Bearer abcdef123456'],
    ['a private key', '-----BEGIN EC PRIVATE KEY-----'],
    ['a live key', 'sk_live_0123456789abcdef'],
  ])('%s', (_, text) => expect(isSecretValue(text)).toBe(true))

  it.each([
    ['a time in milliseconds', '1767225600000'],
    ['a wrong check digit', '4242424242424241'],
    ['an order number', '1234567890123452'],
    ['a UUID', '019ab3f0-0000-7000-8000-000000000001'],
    ['a sentence', 'the bearer of this letter may pass'],
  ])('%s is none', (_, text) => expect(isSecretValue(text)).toBe(false))
})

describe('the redactor', () => {
  it('leaves no secret anywhere in any structure, and counts each', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, key) => {
        const redactor = new Redactor(new Set())
        const cleaned = redactor.clean({ [key]: { password: 'hunter2hunter2', list: [value, '4242424242424242'] } }, '')
        expect(JSON.stringify(cleaned)).not.toMatch(/hunter2hunter2|4242424242424242/)
        expect(redactor.count).toBeGreaterThanOrEqual(1)
      }),
    )
  })

  it('keeps allowed names, and makes text storable', () => {
    const redactor = new Redactor(new Set(['pin']))
    expect(redactor.clean({ pin: 'brooch', note: 'a\0b\ud800' }, '')).toEqual({ pin: 'brooch', note: 'a\ufffdb\ufffd' })
    expect(redactor.clean({ card: 4242424242424242 }, '')).toEqual({ card: REDACTED })
  })
})
