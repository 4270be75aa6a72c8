import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import * as commerce from '../commerce.ts'
import { isIban } from './iban.ts'

const {
  currencyExponent,
  decimalMoney,
  email,
  emptyToUndefined,
  gtin,
  iban,
  money,
  pagination,
  paragraph,
  phone,
  postalAddress,
  postalCode,
  searchText,
  sku,
  text,
  toMinorUnits,
  vatNumber,
} = commerce

function parsed<T>(schema: commerce.Schema<T>, value: unknown): T | 'refused' {
  const result = schema.safeParse(value)
  return result.success ? result.data : 'refused'
}

describe('money', () => {
  test('knows the decimals of a currency by ISO 4217', () => {
    expect(['EUR', 'CHF', 'JPY', 'KRW', 'KWD', 'TND', 'CLF', 'ISK', 'XXX', 'eur'].map(currencyExponent)).toEqual([
      2,
      2,
      0,
      0,
      3,
      3,
      4,
      0,
      undefined,
      undefined,
    ])
  })

  test('takes whole minor units of a currency that exists', () => {
    expect(parsed(money(), { amount: 1999, currency: 'eur' })).toEqual({ amount: 1999, currency: 'EUR' })
    for (const wrong of [
      { amount: 19.99, currency: 'EUR' },
      { amount: '1999', currency: 'EUR' },
      { amount: -1, currency: 'EUR' },
      { amount: 1, currency: 'EUX' },
      { amount: 1e308, currency: 'EUR' },
      { amount: 1 },
    ]) {
      expect(parsed(money(), wrong)).toBe('refused')
    }
    expect(parsed(money({ currencies: ['CHF'] }), { amount: 1, currency: 'EUR' })).toBe('refused')
    expect(parsed(money({ min: 50 }), { amount: 49, currency: 'EUR' })).toBe('refused')
  })

  test.each([
    ['19.99', 'EUR', 1999],
    ['0.1', 'EUR', 10],
    ['1', 'JPY', 1],
    ['1.234', 'KWD', 1234],
    ['4.35', 'EUR', 435],
    ['1.005', 'EUR', 'refused'],
    ['1.5', 'JPY', 'refused'],
    ['1,99', 'EUR', 'refused'],
    ['1e3', 'EUR', 'refused'],
    ['-1', 'EUR', 'refused'],
    ['', 'EUR', 'refused'],
    ['9'.repeat(16), 'EUR', 'refused'],
  ] as const)('reads %s %s as %s', (amount, currency, expected) => {
    const result = parsed(decimalMoney(), { amount, currency })
    expect(result === 'refused' ? result : result.amount).toBe(expected)
  })

  test('a decimal text and its minor units are the same number, never through a float', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), fc.constantFrom(0, 2, 3, 4), (minor, exponent) => {
        const digits = String(minor).padStart(exponent + 1, '0')
        const decimal = exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`
        expect(toMinorUnits(decimal, exponent)).toBe(minor)
      }),
    )
  })
})

describe('text', () => {
  test('is trimmed, composed and collapsed', () => {
    expect(parsed(text(), '  Cafe\u0301 \t\n au  lait ')).toBe('Café au lait')
    expect(parsed(text(), ' \u00a0 ')).toBe('refused')
    expect(parsed(text({ max: 3 }), 'abcd')).toBe('refused')
  })

  test('has no control characters and no turned writing direction', () => {
    for (const wrong of ['a\u0000b', 'a\u001bb', 'safe\u202egpj.exe']) expect(parsed(text(), wrong)).toBe('refused')
  })

  test('a paragraph keeps its lines', () => {
    expect(parsed(paragraph(), ' a  b \r\n\r\n\r\n\r\n c ')).toBe('a b\n\nc')
  })

  test('empty input is nothing', () => {
    for (const empty of ['', '  ', null, undefined]) expect(parsed(emptyToUndefined(email()), empty)).toBeUndefined()
    expect(parsed(searchText(), '')).toBeUndefined()
    expect(parsed(searchText(), ' red  shoes')).toBe('red shoes')
  })

  test('parsing twice changes nothing more', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const once = parsed(text(), value)
        if (once !== 'refused') expect(parsed(text(), once)).toBe(once)
      }),
    )
  })
})

describe('identifiers', () => {
  test.each([
    [
      'e-mail',
      email(),
      ['a@b.example', ' Ada.Lovelace+shop@Example.COM '],
      ['a', 'a@', 'a@b@c.example', 'a b@c.example', `${'a'.repeat(250)}@b.example`, 'a@b.example\nbcc: x@y.example'],
    ],
    [
      'telephone',
      phone(),
      ['+41 44 668 18 00', '+1 (212) 555-0100'],
      ['0446681800', '+0123456789', '+1', `+${'1'.repeat(16)}`, '+4144x'],
    ],
    // the registry's own examples
    [
      'IBAN',
      iban(),
      [
        'CH93 0076 2011 6238 5295 7',
        'de89370400440532013000',
        'GB29NWBK60161331926819',
        'NO9386011117947',
        'MT84MALT011000012345MTLCAST001S',
      ],
      ['CH9300762011623852958', 'DE8937040044053201300', 'XX12345', '', 'US64SVBKUS6S3300958879'],
    ],
    [
      'GTIN',
      gtin(),
      ['4006381333931', '96385074', '036000291452', '978-3-16-148410-0', '10614141000415'],
      ['4006381333932', '123', '96385075', '4006381333931a', ''],
    ],
    ['SKU', sku(), [' sh-1.red_9 ', 'A'], ['-a', 'a b', 'a;drop', 'é', 'x'.repeat(41), '']],
    [
      'VAT number',
      vatNumber(),
      [
        'DE136695976',
        'ATU13585627',
        'BE0428759497',
        'FR40303265045',
        'IT00743110157',
        'NL004495445B01',
        'LU15027442',
        'PL8567346215',
        'PT501964843',
        'SE123456789701',
        'FI20774740',
        'DK13585628',
        'GB980780684',
        'CHE-116.281.710 MWST',
        'EL094259216',
        'SK2022749619',
        'SI50223054',
        'HU12892312',
        'HR33392005961',
        'EE100931558',
        'MT11679112',
      ],
      [
        'DE136695977',
        'ATU13585628',
        'BE0428759498',
        'FR41303265045',
        'IT00743110158',
        'LU15027443',
        'PL8567346216',
        'XX123',
        'DE',
        '',
      ],
    ],
  ] as const)('%s', (_, schema, right, wrong) => {
    expect(right.filter((value) => parsed(schema, value) === 'refused')).toEqual([])
    expect(wrong.filter((value) => parsed(schema, value) !== 'refused')).toEqual([])
  })

  test('are kept in one spelling', () => {
    expect(parsed(iban(), 'ch93 0076 2011 6238 5295 7')).toBe('CH9300762011623852957')
    expect(parsed(phone(), '+41 (44) 668-18-00')).toBe('+41446681800')
    expect(parsed(email(), ' Ada@Example.COM ')).toBe('Ada@example.com')
    expect(parsed(sku(), ' sh-1 ')).toBe('SH-1')
  })

  test('one wrong digit of an IBAN is always noticed', () => {
    const right = 'CH9300762011623852957'
    fc.assert(
      fc.property(fc.integer({ min: 2, max: right.length - 1 }), fc.integer({ min: 1, max: 9 }), (at, by) => {
        const digit = (Number(right[at]) + by) % 10
        expect(isIban(right.slice(0, at) + digit + right.slice(at + 1))).toBe(false)
      }),
    )
  })
})

describe('postal codes', () => {
  test.each([
    ['CH', ['8001'], ['0001', '80011', 'CH-8001']],
    ['DE', ['01067'], ['1067']],
    ['GB', ['SW1A 1AA', 'ec1a1bb', 'M1 1AE'], ['SW1A 1A', 'QQ1 1AA']],
    ['NL', ['1012 AB'], ['0012 AB', '1012 SA']],
    ['CA', ['K1A 0B1'], ['D1A 0B1', 'K1A-0B1']],
    ['US', ['94105', '94105-1234'], ['9410', '94105 1234']],
    ['IE', ['D02 AF30'], ['D02 AO30']],
    ['PL', ['00-950'], ['00950']],
  ] as const)('of %s', (country, right, wrong) => {
    expect(right.filter((value) => parsed(postalCode(country), value) === 'refused')).toEqual([])
    expect(wrong.filter((value) => parsed(postalCode(country), value) !== 'refused')).toEqual([])
  })

  test('an address is checked by its country', () => {
    const address = { name: 'A', line1: 'B 1', line2: '', city: 'Zürich', postalCode: '8001', country: 'CH' }
    expect(parsed(postalAddress(), address)).toEqual({ ...address, line2: undefined })
    expect(parsed(postalAddress(), { ...address, country: 'US' })).toBe('refused')
    expect(parsed(postalAddress(), { ...address, country: 'KE', postalCode: '00100' })).toMatchObject({ country: 'KE' })
  })
})

test('pagination comes from a query’s text, within bounds', () => {
  expect(parsed(pagination(), {})).toEqual({ page: 1, size: 20 })
  expect(parsed(pagination(), { page: '3', size: '50' })).toEqual({ page: 3, size: 50 })
  for (const wrong of [
    { page: '0' },
    { page: '-1' },
    { page: '1.5' },
    { page: '1e3' },
    { page: '99999' },
    { size: '101' },
    { page: ['1', '2'] },
  ])
    expect(parsed(pagination(), wrong)).toBe('refused')
})

test('no schema throws, whatever it is given', () => {
  const schemas = [
    money(),
    decimalMoney(),
    text(),
    paragraph(),
    searchText(),
    email(),
    phone(),
    iban(),
    gtin(),
    sku(),
    vatNumber(),
    postalCode('GB'),
    postalAddress(),
    pagination(),
  ]
  fc.assert(
    fc.property(fc.anything(), fc.constantFrom(...schemas), (value, schema) => {
      schema.safeParse(value)
    }),
    { numRuns: 1000 },
  )
})
