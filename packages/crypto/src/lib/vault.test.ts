import { createCipheriv, randomBytes } from 'node:crypto'
import { inspect, isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { FieldContext } from './context.ts'
import { DecryptionError } from './errors.ts'
import { budgetReached, decryptFailed, legacyRead } from './events.ts'
import { readHeader, tokenPrefix } from './token.ts'
import { bigintCodec, dateCodec } from './value.ts'
import { createVault, defaultVault } from './vault.ts'
import type { Vault } from './vault.ts'

const hexKey = (): string => randomBytes(32).toString('hex')
const material = (): string => randomBytes(32).toString('base64url')
const context = { tenant: 'acme', table: 'customers', column: 'phone', row: 42 } satisfies FieldContext
const codecs = [bigintCodec, dateCodec]
const vault = createVault({ masterKey: hexKey(), deterministic: ['customers.tax_id'], codecs })
const taxId: FieldContext = { ...context, column: 'tax_id' }

/** Whether it is refused with the one error that every refusal is, to the letter. */
function refused(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    return error instanceof DecryptionError && JSON.stringify([error, error.message, error.cause]) === uniform
  }
}
const uniform = JSON.stringify([
  { name: 'DecryptionError', code: 'ERR_SHOP_CRYPTO_DECRYPT' },
  'the token could not be decrypted',
  undefined,
])

/** What the channel says while `run` runs. */
function reasons(run: () => void): string[] {
  const told: string[] = []
  const listen = (message: unknown): void => void told.push((message as { reason: string }).reason)
  decryptFailed.subscribe(listen)
  try {
    run()
  } finally {
    decryptFailed.unsubscribe(listen)
  }
  return told
}

const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('"__proto__"') && !hasNegativeZero(value))

function hasNegativeZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(hasNegativeZero)
  return Object.is(value, -0)
}

describe('a vault gives back what it took', () => {
  it('strings of any length, around every boundary of block, suite and pool', () => {
    for (const length of [0, 1, 14, 15, 16, 31, 339, 340, 341, 1022, 1023, 1024, 1025, 5000, 100_000]) {
      for (const letter of ['a', 'é', '語', '🛒']) {
        const text = letter.repeat(length)
        expect(vault.decrypt(vault.encrypt(text, context), context)).toBe(text)
      }
    }
  })

  it('strings, bytes and JSON values of every shape', () => {
    const seal = <T>(value: T): unknown => vault.decrypt(vault.encrypt(value as object, context), context)
    expect(seal([])).toEqual([])
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 1500 }), (value) => seal(value) === value))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), (value) => Buffer.from(value).equals(seal(value) as Buffer)),
    )
    fc.assert(fc.property(json, (value) => isDeepStrictEqual(seal(value), value)))
  })

  it('in one context after another, so that no message leaks into the next', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 60 }), fc.nat()), { maxLength: 20 }), (items) => {
        const sealed = items.map(([value, row]) => vault.encrypt(value, { ...context, row }))
        const back = sealed
          .toReversed()
          .map((token, i) => vault.decrypt(token, { ...context, row: items.at(-1 - i)![1] }))
        expect(back).toEqual(items.map(([value]) => value).toReversed())
      }),
    )
  })

  it('types a codec knows, and no others', () => {
    const when = new Date('2026-01-02T03:04:05.678Z')
    expect(vault.decrypt(vault.encrypt(when, context), context)).toEqual(when)
    expect(vault.decrypt(vault.encrypt(123n as unknown, context), context)).toBe(123n)
    const plain = createVault({ masterKey: hexKey() })
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    class Money {}
    for (const value of [
      123n,
      () => 1,
      Symbol('x'),
      undefined,
      NaN,
      Infinity,
      -0,
      when,
      new Map(),
      new Money(),
      circular,
      [undefined],
      { a: 1n },
      { a: () => 1 },
      { toJSON: () => 1 },
      JSON.parse('{"__proto__":1}'),
      'lone \ud800 surrogate',
    ])
      expect(() => plain.encrypt(value as unknown, context)).toThrow(
        expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_VALUE' }),
      )
    expect(plain.decrypt(plain.encrypt({ a: 1, b: undefined }, context), context)).toEqual({ a: 1 })
  })

  it('never says a plaintext in an error, not even when a codec does', () => {
    const loud = {
      ...bigintCodec,
      decode: () => {
        throw new Error('the secret 123')
      },
    }
    const masterKey = hexKey()
    const token = createVault({ masterKey, codecs }).encrypt(123n as unknown, context)
    expect(refused(() => createVault({ masterKey, codecs: [loud] }).decrypt(token, context))).toBe(true)
    expect(refused(() => createVault({ masterKey }).decrypt(token, context))).toBe(true)
  })

  it('as a different token every time', () => {
    const tokens = new Set(Array.from({ length: 2000 }, () => vault.encrypt('same', context)))
    expect(tokens.size).toBe(2000)
  })

  it('in batches, in order; one bad token can be stood in for', () => {
    const items = Array.from({ length: 10 }, (_, i) => ({ value: `v${i}`, context: { ...context, row: i + 1 } }))
    const sealed = vault.encryptMany(items).map((token, i) => ({ token, context: items[i]!.context }))
    expect(vault.decryptMany(sealed)).toEqual(items.map((item) => item.value))
    const broken = sealed.with(3, { token: 'e1.broken', context })
    expect(vault.decryptMany(broken, (i) => `row ${i} is damaged`)[3]).toBe('row 3 is damaged')
    expect(refused(() => vault.decryptMany(broken))).toBe(true)
    expect(() => vault.decryptMany([{ token: sealed[0]!.token, context: {} as FieldContext }], () => 0)).toThrow(
      'context',
    )
  })

  it('as the type it was asked for', () => {
    expect(vault.decryptString(vault.encrypt('x', context), context)).toBe('x')
    expect(vault.decryptBytes(vault.encrypt(Buffer.from('x'), context), context)).toEqual(Buffer.from('x'))
    expect(refused(() => vault.decryptString(vault.encrypt(7, context), context))).toBe(true)
    expect(refused(() => vault.decryptBytes(vault.encrypt('x', context), context))).toBe(true)
  })
})

describe('a token is bound', () => {
  const values = ['', 'a', '+4915112345678', { street: 'Hauptstraße 1' }, 'x'.repeat(2000)]

  it('to tenant, table, column and row: every swap is refused', () => {
    const places = fc.record({
      tenant: fc.option(fc.string({ maxLength: 5 }), { nil: undefined }),
      table: fc.string({ minLength: 1, maxLength: 5 }),
      column: fc.string({ minLength: 1, maxLength: 5 }),
      row: fc.oneof(
        fc.integer({ min: 0, max: 20 }),
        fc.string({ minLength: 1, maxLength: 5 }),
        fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.string({ minLength: 1, maxLength: 3 })), {
          minLength: 2,
          maxLength: 3,
        }),
      ),
    })
    const name = ({ tenant = '', table, column, row }: FieldContext): string =>
      JSON.stringify([tenant, table, column, Array.isArray(row) ? row.map(String) : String(row)])
    fc.assert(
      fc.property(places, places, fc.constantFrom(...values), (a, b, value) => {
        const token = vault.encrypt(value, a)
        if (name(a) === name(b)) expect(vault.decrypt(token, b)).toEqual(value)
        else expect(refused(() => vault.decrypt(token, b))).toBe(true)
      }),
    )
    for (const value of values) {
      const token = vault.encrypt(value, context)
      for (const swap of [
        { tenant: 'other' },
        { tenant: undefined },
        { table: 'orders' },
        { column: 'email' },
        { row: 43 },
        { row: '4' },
        { row: [4, 2] },
      ])
        expect(refused(() => vault.decrypt(token, { ...context, ...swap }))).toBe(true)
    }
  })

  it('to a boundary between its parts: moving a letter from table to column is another place', () => {
    expect(
      refused(() =>
        vault.decrypt(vault.encrypt('x', { table: 'ab', column: 'c', row: 1 }), { table: 'a', column: 'bc', row: 1 }),
      ),
    ).toBe(true)
    expect(
      refused(() =>
        vault.decrypt(vault.encrypt('x', { table: 'a', column: 'b', row: ['1', '23'] }), {
          table: 'a',
          column: 'b',
          row: ['12', '3'],
        }),
      ),
    ).toBe(true)
  })

  it('the same row, whether its key comes as number, string or bigint', () => {
    const token = vault.encrypt('x', { ...context, row: 42 })
    for (const row of ['42', 42n]) expect(vault.decrypt(token, { ...context, row })).toBe('x')
  })

  it('to every one of its bits', () => {
    for (const [value, where] of [
      ['hello', context],
      [{ a: 1 }, context],
      ['x'.repeat(1500), context],
      ['DE123456789', taxId],
    ] as const) {
      const token = vault.encrypt(value, where)
      const changes: string[] = []
      const bytes = Buffer.from(token.slice(3), 'base64url')
      for (let i = 0; i < bytes.length; i++) {
        const changed = Buffer.from(bytes)
        changed[i]! ^= 1 << (i % 8)
        changes.push(`e1.${changed.toString('base64url')}`)
      }
      for (let i = 0; i < token.length; i++)
        for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
          changes.push(token.slice(0, i) + String.fromCharCode(token.charCodeAt(i) ^ bit) + token.slice(i + 1))
        }
      expect(changes.filter((text) => !refused(() => vault.decrypt(text, where)))).toEqual([])
    }
  })

  it('to its length and to one spelling: truncated, extended, padded, respaced or in plain base64 it is refused', () => {
    for (const [value, where] of [
      ['hello', context],
      ['x'.repeat(1100), context],
      ['DE123456789', taxId],
    ] as const) {
      const token = vault.encrypt(value, where)
      const changes = [
        ...Array.from(token, (_, length) => token.slice(0, length)),
        // the same low byte, another letter
        ...Array.from(
          token,
          (letter, i) => token.slice(0, i) + String.fromCharCode(letter.charCodeAt(0) + 0x100) + token.slice(i + 1),
        ),
        `${token}A`,
        `${token}=`,
        `${token}\n`,
        ` ${token}`,
        `${token}AAAA`,
        token.toUpperCase(),
        token.replace('e1.', 'E1.'),
        `${token.slice(0, 20)}\n${token.slice(20)}`,
        `${token.slice(0, 20)}+${token.slice(21)}`,
        `${token.slice(0, 20)}/${token.slice(21)}`,
      ]
      expect(changes.filter((text) => text !== token && !refused(() => vault.decrypt(text, where)))).toEqual([])
    }
    for (const nothing of [undefined, null, 7, {}, '', 'e1.', 'nonsense', 'e1.4QEA'])
      expect(refused(() => vault.decrypt(nothing as unknown as string, context))).toBe(true)
  })

  it('to its suite: no relabelling, and deterministic only where the column asked for it', () => {
    const id = vault.keyset.primary.id
    const body = (token: string): string => token.slice(11)
    const short = vault.encrypt('hello', context)
    const long = vault.encrypt('x'.repeat(1100), context)
    const fixed = vault.encrypt('hello', taxId)
    expect([short, long, fixed].map((token) => readHeader(token)!.suite)).toEqual([1, 2, 3])
    for (const suite of [1, 2, 3, 0x10] as const)
      for (const token of [short, long, fixed])
        for (const where of [context, taxId]) {
          const relabelled = tokenPrefix(suite, id) + body(token)
          if (relabelled !== token) expect(refused(() => vault.decrypt(relabelled, where))).toBe(true)
        }
    const masterKey = hexKey()
    const opted = createVault({ masterKey, deterministic: ['customers.phone'] }).encrypt('hello', context)
    expect(reasons(() => expect(refused(() => createVault({ masterKey }).decrypt(opted, context))).toBe(true))).toEqual(
      ['suite-not-allowed'],
    )
  })

  it('to its key', () => {
    const keys = [1, 2].map((id) => ({ id, material: material() }))
    const of = (primary: number): Vault =>
      createVault({
        keyset: {
          format: 'shop-keyset/1',
          keys: keys.map((key) => ({ ...key, state: key.id === primary ? 'primary' : 'enabled' })),
        },
      })
    for (const value of values) {
      const token = of(1).encrypt(value, context)
      expect(of(2).decrypt(token, context)).toEqual(value)
      for (const id of [2, 3])
        expect(
          refused(() => of(2).decrypt(tokenPrefix(readHeader(token)!.suite as 1, id) + token.slice(11), context)),
        ).toBe(true)
    }
  })

  it('and moves only through rebind', () => {
    const there = { ...context, row: 43 }
    const token = vault.encrypt('x', context)
    const moved = vault.rebind(token, context, there)
    expect(vault.decrypt(moved, there)).toBe('x')
    expect(refused(() => vault.decrypt(moved, context))).toBe(true)
    expect(refused(() => vault.rebind(token, there, context))).toBe(true)
  })
})

describe('the channel knows why', () => {
  it('a token was refused, while the caller does not', () => {
    const keys = createVault({
      keyset: {
        format: 'shop-keyset/1',
        keys: [
          { id: 1, state: 'primary', material: material() },
          { id: 2, state: 'destroyed' },
        ],
      },
    })
    const token = keys.encrypt('x', context)
    const cases: readonly (readonly [string, string])[] = [
      ['nonsense', 'malformed'],
      [token.slice(0, -8), 'malformed'],
      [token.slice(0, 15), 'malformed'],
      [tokenPrefix(1, 2) + token.slice(11), 'destroyed-key'],
      [tokenPrefix(1, 3) + token.slice(11), 'unknown-key'],
      [tokenPrefix(0x10, 1) + token.slice(11), 'suite-not-allowed'],
      [token.slice(0, 30) + (token[30] === 'A' ? 'B' : 'A') + token.slice(31), 'failed-check'],
      [`${'0'.repeat(32)}:${'0'.repeat(32)}`, 'legacy-disabled'],
    ]
    for (const [text, reason] of cases)
      expect(reasons(() => expect(refused(() => keys.decrypt(text, context))).toBe(true))).toEqual([reason])
  })

  it('subscribers may encrypt while they are told', () => {
    const small = createVault({ masterKey: hexKey(), budget: 1 })
    const listen = (): unknown => vault.encrypt('told', { table: 'log', column: 'line', row: 1 })
    budgetReached.subscribe(listen)
    const token = small.encrypt('value', context)
    budgetReached.unsubscribe(listen)
    expect(small.decrypt(token, context)).toBe('value')
  })

  it('a key has reached its budget, once', () => {
    const told: unknown[] = []
    const listen = (message: unknown): void => void told.push(message)
    budgetReached.subscribe(listen)
    const small = createVault({ masterKey: hexKey(), budget: 3 })
    for (let i = 0; i < 5; i++) small.encrypt('x', context)
    budgetReached.unsubscribe(listen)
    const { id } = small.keyset.primary
    expect(told).toEqual([{ keyId: id, encryptions: 3 }])
    expect(small.keyset.usage(id).count).toBe(5)
  })
})

describe('a deterministic column', () => {
  it('gives equal tokens for equal values in every row, and to searchToken', () => {
    const token = vault.encrypt('DE123', taxId)
    expect(vault.encrypt('DE123', { ...taxId, row: 1 })).toBe(token)
    expect(vault.searchToken('DE123', { tenant: 'acme', table: 'customers', column: 'tax_id' })).toBe(token)
    expect(vault.encrypt('DE124', taxId)).not.toBe(token)
    expect(vault.decrypt(token, { ...taxId, row: 5 })).toBe('DE123')
    expect(refused(() => vault.decrypt(token, { ...taxId, tenant: 'other' }))).toBe(true)
    expect(() => vault.searchToken('x', context)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_OPTION' }))
  })
})

describe('legacy values', () => {
  const key = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0')).join('')
  const until = '2027-01-01T00:00:00Z'
  const made = (text: string): string => {
    const iv = randomBytes(16)
    const cipher = createCipheriv('aes-256-cbc', Buffer.from(key, 'hex'), iv)
    return `${iv.toString('hex')}:${cipher.update(text, 'utf8', 'hex')}${cipher.final('hex')}`
  }

  it('are refused unless they were switched on, and from a date on', () => {
    const text = made('legacy value')
    expect(refused(() => vault.decrypt(text, context))).toBe(true)
    let time = Date.parse(until) - 1
    const reader = createVault({ masterKey: hexKey(), legacy: { key, until }, now: () => time })
    expect(reader.decrypt(text, context)).toBe('legacy value')
    time++
    expect(reasons(() => expect(refused(() => reader.decrypt(text, context))).toBe(true))).toEqual(['legacy-expired'])
  })

  it('are counted, and resealed on read when asked', () => {
    const told: unknown[] = []
    const listen = (message: unknown): void => void told.push(message)
    legacyRead.subscribe(listen)
    const reader = createVault({ masterKey: hexKey(), legacy: { key, until }, now: () => 0 })
    const text = made('Grüße')
    expect(reader.open(text, context)).toEqual({ value: 'Grüße', stale: true })
    const fresh = reader.reseal(text, context) as string
    legacyRead.unsubscribe(listen)
    expect(told).toEqual([1, 2].map((count) => ({ table: 'customers', column: 'phone', count })))
    expect(reader.open(fresh, context)).toEqual({ value: 'Grüße', stale: false })
    expect(reader.reseal(fresh, context)).toBeUndefined()
  })

  it('that do not decrypt are refused like any other', () => {
    const reader = createVault({ masterKey: hexKey(), legacy: { key, until }, now: () => 0 })
    expect(refused(() => reader.decrypt(`${'0'.repeat(32)}:${'0'.repeat(32)}`, context))).toBe(true)
    expect(refused(() => reader.decrypt(`${'0'.repeat(32)}:${'0'.repeat(30)}`, context))).toBe(true)
  })

  it('have options that are checked', () => {
    expect(() => createVault({ masterKey: hexKey(), legacy: { key, until: 'some day' } })).toThrow('until')
    expect(() => createVault({ masterKey: hexKey(), legacy: { key: 'ff', until } })).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_MASTER_KEY' }),
    )
    expect(() => createVault({ masterKey: hexKey(), legacy: { key, until, on: true } as never })).toThrow(
      'is not an option',
    )
  })
})

describe('bad input is refused at once', () => {
  const code = (wanted: string) => expect.objectContaining({ code: wanted })

  it('options', () => {
    expect(() => createVault({})).toThrow(code('ERR_SHOP_CRYPTO_OPTION'))
    expect(() => createVault({ masterKey: hexKey(), keyset: '{}' })).toThrow(code('ERR_SHOP_CRYPTO_OPTION'))
    expect(() => createVault({ masterKey: hexKey(), masterkey: 1 } as never)).toThrow(
      /masterkey is not an option; known are keyset, /,
    )
    expect(() => createVault({ masterKey: hexKey(), maxBytes: 0 })).toThrow(/maxBytes must be a whole number from 1/)
    expect(() => createVault({ masterKey: hexKey(), budget: 1.5 })).toThrow(/budget/)
    expect(() => createVault({ masterKey: hexKey(), deterministic: ['phone'] })).toThrow(/'table.column'/)
    expect(() => createVault({ masterKey: hexKey(), codecs: [bigintCodec, bigintCodec] as never })).toThrow(
      /distinct tags/,
    )
    expect(() => createVault({ masterKey: hexKey(), codecs: [{ ...bigintCodec, tag: 1 }] as never })).toThrow(/0x40/)
  })

  it('contexts', () => {
    for (const bad of [
      undefined,
      {},
      { table: '' },
      { table: 't' },
      { table: 't', column: 'c' },
      { table: 't', column: 'c', row: '' },
      { table: 't', column: 'c', row: 1.5 },
      { table: 't', column: 'c', row: [1] },
      { table: 't', column: 'c', row: [1, ''] },
      { table: 't', column: 'c', row: {} },
      { tenant: 1, table: 't', column: 'c', row: 1 },
      { table: 'x'.repeat(3000), column: 'c', row: 1 },
    ])
      for (const run of [() => vault.encrypt('x', bad as never), () => vault.decrypt('e1.xxxxxxxxxxxx', bad as never)])
        expect(run).toThrow(code('ERR_SHOP_CRYPTO_CONTEXT'))
  })

  it('values beyond maxBytes, also when they come as tokens', () => {
    const masterKey = hexKey()
    const small = createVault({ masterKey, maxBytes: 10 })
    expect(small.encrypt('x'.repeat(10), context)).toContain('e1.')
    expect(() => small.encrypt('x'.repeat(11), context)).toThrow(code('ERR_SHOP_CRYPTO_TOO_LARGE'))
    expect(() => small.encrypt('é'.repeat(6), context)).toThrow(code('ERR_SHOP_CRYPTO_TOO_LARGE'))
    expect(refused(() => small.decrypt(createVault({ masterKey }).encrypt('x'.repeat(500), context), context))).toBe(
      true,
    )
  })

  it('keys outside their window', () => {
    let time = 0
    const keyset = {
      format: 'shop-keyset/1',
      keys: [{ id: 1, state: 'primary', material: material(), notBefore: '2026-01-01', notAfter: '2027-01-01' }],
    } as const
    const bounded = createVault({ keyset, now: () => time })
    expect(() => bounded.encrypt('x', context)).toThrow(code('ERR_SHOP_CRYPTO_KEY_WINDOW'))
    time = Date.parse('2026-06-01')
    const token = bounded.encrypt('x', context)
    time = Date.parse('2027-01-01')
    expect(() => bounded.encrypt('x', context)).toThrow(code('ERR_SHOP_CRYPTO_KEY_WINDOW'))
    expect(bounded.decrypt(token, context)).toBe('x')
  })
})

describe('the default vault', () => {
  afterEach(() => void vi.unstubAllEnvs())

  it('reads MASTER_ENCRYPTION_KEY on first use, and never prints it', () => {
    for (const bad of [undefined, '', 'f'.repeat(63), 'f'.repeat(65), `${'a1'.repeat(31)}zz`, 'ab'.repeat(32)]) {
      vi.stubEnv('MASTER_ENCRYPTION_KEY', bad)
      let message = ''
      try {
        defaultVault()
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_SHOP_CRYPTO_MASTER_KEY' })
        message = (error as Error).message
      }
      expect(message).toContain('MASTER_ENCRYPTION_KEY must be 64 hexadecimal characters')
      if (bad) expect(message).not.toContain(bad.slice(0, 8))
    }
    vi.stubEnv('MASTER_ENCRYPTION_KEY', hexKey())
    expect(defaultVault()).toBe(defaultVault())
    expect(defaultVault().decrypt(defaultVault().encrypt('x', context), context)).toBe('x')
  })

  it('prints no key, however it is printed', () => {
    const masterKey = hexKey()
    const shown = createVault({ masterKey })
    shown.encrypt('x', context)
    for (const text of [inspect(shown, { depth: 9, showHidden: true }), JSON.stringify(shown)])
      expect(text).not.toContain(masterKey.slice(0, 16))
  })
})
