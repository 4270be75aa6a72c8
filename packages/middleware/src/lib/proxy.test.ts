import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { createPeerOf, type TrustProxy } from './proxy.ts'

function peer(trust: TrustProxy | undefined, address: string, headers: Record<string, string>): unknown {
  return createPeerOf(trust)(address, false, (name) => headers[name])
}

describe('without trust', () => {
  test('nothing a client says is believed', () => {
    const said = {
      host: 'shop.example',
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
    }
    expect(peer(undefined, '9.9.9.9', said)).toEqual({ ip: '9.9.9.9', secure: false, host: 'shop.example' })
    expect(peer(0, '9.9.9.9', said)).toEqual({ ip: '9.9.9.9', secure: false, host: 'shop.example' })
    expect(peer(['10.0.0.0/8'], '9.9.9.9', said)).toMatchObject({ ip: '9.9.9.9', host: 'shop.example' })
  })
})

describe('behind proxies', () => {
  const said = {
    host: 'inner',
    'x-forwarded-for': '6.6.6.6, 1.2.3.4, 10.0.0.2',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example',
  }

  test('the client is the last address that no proxy of ours wrote', () => {
    expect(peer(['10.0.0.0/8'], '10.0.0.1', said)).toEqual({ ip: '1.2.3.4', secure: true, host: 'shop.example' })
    expect(peer(['uniquelocal', 'loopback'], '::ffff:127.0.0.1', said)).toMatchObject({ ip: '1.2.3.4' })
  })

  test('a number counts hops', () => {
    expect(peer(1, '10.0.0.1', said)).toMatchObject({ ip: '10.0.0.2' })
    expect(peer(2, '10.0.0.1', said)).toMatchObject({ ip: '1.2.3.4' })
    expect(peer(9, '10.0.0.1', said)).toMatchObject({ ip: '6.6.6.6' })
  })

  test('an address that is none ends the walk', () => {
    expect(peer(9, '10.0.0.1', { 'x-forwarded-for': '6.6.6.6, <script>, 10.0.0.2' })).toMatchObject({ ip: '10.0.0.2' })
  })

  test('IPv6 networks count too', () => {
    expect(peer(['2001:db8::/32'], '2001:db8::1', { 'x-forwarded-for': '2001:db9::7' })).toMatchObject({
      ip: '2001:db9::7',
    })
  })

  test('whatever a client sends, the address is one that was seen or sent whole', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(5), (header, hops) => {
        const { ip } = createPeerOf(hops)('10.0.0.1', false, (name) =>
          name === 'x-forwarded-for' ? header : undefined,
        )
        expect(ip === '10.0.0.1' || header.includes(ip)).toBe(true)
      }),
    )
  })
})

test.each([-1, 1.5, 'loopback', ['10.0.0.0/33'], ['example.com'], ['1.2.3.4/8/8'], [7]])('refuses %o', (trust) => {
  expect(() => createPeerOf(trust as TrustProxy)).toThrow(
    expect.objectContaining({ code: 'ERR_SHOP_MIDDLEWARE_OPTION' }),
  )
})
