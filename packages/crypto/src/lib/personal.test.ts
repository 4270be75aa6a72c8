import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { timingSafeEqual } from './equal.ts'
import { decryptFields, encryptFields } from './fields.ts'
import type { FieldSpec } from './fields.ts'
import { masterKeyset } from './keyset.ts'
import { maskCard, maskEmail, maskLastFour, maskPhone } from './mask.ts'
import {
  decryptAddress,
  decryptPersonalData,
  decryptPhone,
  encryptAddress,
  encryptPersonalData,
  encryptPhone,
} from './personal.ts'
import { normalisePhone } from './phone.ts'
import { createPseudonyms } from './pseudonym.ts'
import { Secret } from './secret.ts'
import { createVault } from './vault.ts'

const hexKey = (): string => randomBytes(32).toString('hex')
const vault = createVault({ masterKey: hexKey() })
const at = { table: 'customers', column: 'phone', row: 1 }
const withCode = (code: string): unknown => expect.objectContaining({ code })

describe('a phone number', () => {
  it.each([
    ['+4915112345678', undefined],
    ['+49 151 1234-5678', undefined],
    ['+49 (0) 151 / 1234.5678', undefined],
    ['0049 151 12345678', undefined],
    ['0151 12345678', '49'],
    ['(0151) 12345678', '49'],
    ['15112345678', '49'],
  ])('%s, calling code %s', (written, callingCode) => {
    expect(normalisePhone(written, { callingCode })).toBe('+4915112345678')
  })

  it('is refused when it is none, without being printed', () => {
    for (const bad of [
      '',
      '+',
      '12',
      '+012345678',
      'call me',
      '+49 151 123 x 4',
      '+1234567890123456',
      '0151 12345678',
      7 as never,
    ]) {
      expect(() => normalisePhone(bad)).toThrow(withCode('ERR_SHOP_CRYPTO_PHONE'))
      if (String(bad).length > 6) expect(() => normalisePhone(bad)).not.toThrow(String(bad))
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          return /^\+[1-9]\d{6,14}$/.test(normalisePhone(text, { callingCode: '49' }))
        } catch (error) {
          return (error as { code?: string }).code === 'ERR_SHOP_CRYPTO_PHONE'
        }
      }),
    )
  })
})

describe('the helpers', () => {
  afterEach(() => void vi.unstubAllEnvs())

  it('encrypt and give back phones, addresses and personal data', () => {
    expect(decryptPhone(encryptPhone('0151 12345678', at, { vault, callingCode: '49' }), at, { vault })).toBe(
      '+4915112345678',
    )
    const address = { line1: ' Unter  den Linden 1 ', city: 'Berlin', country: 'de', postalCode: '10117' }
    expect(decryptAddress(encryptAddress(address, at, { vault }), at, { vault })).toEqual({
      line1: 'Unter den Linden 1',
      city: 'Berlin',
      country: 'DE',
      postalCode: '10117',
    })
    const data = { born: '1815-12-10', tags: ['a'] }
    expect(decryptPersonalData(encryptPersonalData(data, at, { vault }), at, { vault })).toEqual(data)
  })

  it('refuse what is no address and no personal data', () => {
    for (const bad of [undefined, {}, { line1: 'x', city: '', country: 'DE' }])
      expect(() => encryptAddress(bad as never, at, { vault })).toThrow(withCode('ERR_SHOP_CRYPTO_VALUE'))
    for (const bad of [null, [], 'x'])
      expect(() => encryptPersonalData(bad as never, at, { vault })).toThrow(withCode('ERR_SHOP_CRYPTO_VALUE'))
  })

  it('use the default vault when none is given', () => {
    vi.stubEnv('MASTER_ENCRYPTION_KEY', hexKey())
    expect(decryptPhone(encryptPhone('+4915112345678', at), at)).toBe('+4915112345678')
  })
})

describe('a model’s fields', () => {
  interface Customer {
    readonly id: number
    readonly shop: string
    readonly name: string
    readonly phone: string
    readonly address: { readonly city: string } | null
  }
  const spec: FieldSpec<Customer, 'phone' | 'address'> = {
    vault,
    table: 'customers',
    key: 'id',
    tenant: 'shop',
    columns: ['phone', 'address'],
    indexes: { phone_idx: (row) => row.phone.slice(-1) },
  }
  const row: Customer = { id: 7, shop: 'berlin', name: 'Ada', phone: '+4915112345678', address: { city: 'Berlin' } }

  it('are encrypted, indexed and decrypted by one mapping', () => {
    const sealed = encryptFields(row, spec)
    expect(sealed).toMatchObject({ id: 7, shop: 'berlin', name: 'Ada', phone_idx: '8' })
    expect(sealed.phone).toMatch(/^e1\./)
    expect(decryptFields(sealed, spec)).toEqual({ ...row, phone_idx: '8' })
    expect(vault.decrypt(sealed.phone, { tenant: 'berlin', table: 'customers', column: 'phone', row: 7 })).toBe(
      row.phone,
    )
  })

  it('that are null or absent stay so', () => {
    expect(encryptFields({ ...row, address: null }, spec).address).toBeNull()
    expect(decryptFields({ id: 7, shop: 'berlin' }, spec)).toEqual({ id: 7, shop: 'berlin' })
  })

  it('are bound to their row, also by a composite key', () => {
    const sealed = encryptFields(row, spec)
    expect(() => decryptFields({ ...sealed, id: 8 }, spec)).toThrow(withCode('ERR_SHOP_CRYPTO_DECRYPT'))
    const composite: FieldSpec<Customer, 'phone'> = { vault, table: 't', key: ['shop', 'id'], columns: ['phone'] }
    expect(decryptFields(encryptFields(row, composite), composite)).toEqual(row)
    expect(() => decryptFields({ ...encryptFields(row, composite), shop: 'hamburg' }, composite)).toThrow(
      withCode('ERR_SHOP_CRYPTO_DECRYPT'),
    )
  })

  it('need a key that is not one of them', () => {
    expect(() => encryptFields({ ...row, id: null } as never, spec)).toThrow(withCode('ERR_SHOP_CRYPTO_OPTION'))
    expect(() => encryptFields(row, { ...spec, columns: ['id'] } as never)).toThrow(withCode('ERR_SHOP_CRYPTO_OPTION'))
  })
})

describe('masks', () => {
  it('show enough to recognise, and not more', () => {
    expect(maskEmail('ada.lovelace@example.com')).toBe('a***@example.com')
    expect(maskPhone('+49 151 1234 5678')).toBe('+49 *** *** 5678')
    expect(maskPhone('0151 12345678')).toBe('*** *** 5678')
    expect(maskCard('4111-1111-1111-1234')).toBe('**** **** **** 1234')
    expect(maskLastFour('DE89370400440532013000')).toBe('****3000')
  })

  it('show nothing of what is too short or not what it should be', () => {
    for (const bad of ['', '@', 'a@', '@b', 'ada']) expect(maskEmail(bad)).toBe('***')
    expect(maskPhone('112')).toBe('***')
    expect(maskCard('1234')).toBe('****')
    expect(maskLastFour('12345678')).toBe('****')
  })
})

describe('pseudonyms', () => {
  const keyset = masterKeyset(hexKey())
  const of = createPseudonyms(keyset, 'analytics')

  it('keep the type, and can be nobody’s', () => {
    expect(of.email('Ada@Example.com')).toMatch(/^[a-z2-7]{12}@token\.invalid$/)
    expect(of.phone('+4915112345678')).toMatch(/^\+999\d{10}$/)
    expect(of.card('4111 1111 1111 1234')).toMatch(/^9\d{11}1234$/)
    expect(of.uuid('x')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.isSafeInteger(of.number(5n))).toBe(true)
    const born = new Date('1990-05-17')
    expect(Math.abs(of.date(born).getTime() - born.getTime())).toBeLessThanOrEqual(182 * 86_400_000)
  })

  it('of a card fail the check every real card passes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{16}$/), (card) => {
        const sum = [...of.card(card)].toReversed().reduce((total, digit, i) => {
          const value = Number(digit) * (i % 2 === 0 ? 1 : 2)
          return total + (value > 9 ? value - 9 : value)
        }, 0)
        return sum % 10 !== 0
      }),
    )
  })

  it('are equal for equal values, in one scope and under one key', () => {
    expect(of.email('ada@example.com ')).toBe(of.email('ADA@example.com'))
    expect(createPseudonyms(keyset, 'tests').email('ada@example.com')).not.toBe(of.email('ada@example.com'))
    expect(createPseudonyms(masterKeyset(hexKey()), 'analytics').email('ada@example.com')).not.toBe(
      of.email('ada@example.com'),
    )
  })
})

describe('a Secret', () => {
  it('prints nothing, whoever prints it', () => {
    const secret = new Secret({ key: 'hunter2' })
    const shown = [
      String(secret),
      `${secret as unknown as string}`,
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true }),
      inspect([secret], { customInspect: false, depth: 9 }),
      '' + (secret as unknown as string),
    ]
    for (const text of shown) expect(text).not.toContain('hunter2')
    expect(shown.slice(0, 4)).toEqual(['[redacted]', '[redacted]', '{"secret":"[redacted]"}', '[redacted]'])
    expect(secret.reveal()).toEqual({ key: 'hunter2' })
    expect(Object.keys(secret)).toEqual([])
  })
})

describe('timingSafeEqual', () => {
  it('compares any two strings and byte arrays', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (a, b) => timingSafeEqual(a, b) === Buffer.from(a).equals(Buffer.from(b)) && timingSafeEqual(a, Buffer.from(a)),
      ),
    )
    expect(timingSafeEqual('', new Uint8Array())).toBe(true)
  })
})
