import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addKey, createKeyset, destroyKey, promoteKey, retireKey } from './keyset-edit.ts'
import type { KeyJson, KeysetJson } from './keyset-json.ts'
import { Keyset, masterKeyset, openKeyset, parseKeyset } from './keyset.ts'
import { environmentWrapper } from './local-wrapper.ts'
import { createVault } from './vault.ts'

const context = { table: 't', column: 'c', row: 1 }
const material = (): string => randomBytes(32).toString('base64url')
const keysetOf = (...keys: object[]): KeysetJson => ({ format: 'shop-keyset/1', keys: keys as KeyJson[] })
const withCode = (code: string): unknown => expect.objectContaining({ code })

describe('a keyset at rest', () => {
  it('is refused when anything in it is wrong, without ever being quoted', () => {
    const good = { id: 1, state: 'primary', material: material() }
    const wrong: readonly unknown[] = [
      'not json',
      '"text"',
      'null',
      { format: 'other', keys: [good] },
      { format: 'shop-keyset/1', keys: [] },
      { format: 'shop-keyset/1', keys: {} },
      keysetOf(good, { ...good, state: 'enabled' }),
      keysetOf(good, { ...good, id: 2 }),
      keysetOf({ ...good, state: 'enabled' }),
      keysetOf({ ...good, state: 'secondary' }),
      keysetOf({ ...good, id: 0 }),
      keysetOf({ ...good, id: 2 ** 32 }),
      keysetOf({ ...good, id: '1' }),
      keysetOf({ ...good, secret: 1 }),
      keysetOf({ ...good, material: undefined }),
      keysetOf({ ...good, material: randomBytes(31).toString('base64url') }),
      keysetOf({ ...good, material: randomBytes(32).toString('base64') }),
      keysetOf({ ...good, wrapped: 'AAAA' }),
      keysetOf({ ...good, material: undefined, wrapped: 'not base64url!' }),
      keysetOf({ ...good, notBefore: 'soon' }),
      keysetOf({ ...good, notBefore: '2027-01-01', notAfter: '2026-01-01' }),
      keysetOf(good, { ...good, id: 2, state: 'destroyed' }),
      keysetOf({ ...good, material: undefined, wrapped: 'AAAA' }),
      keysetOf(null as never),
    ]
    for (const json of wrong) {
      let message = ''
      try {
        parseKeyset(json as KeysetJson)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_SHOP_CRYPTO_KEYSET' })
        message = inspect(error)
      }
      expect(message).not.toBe('')
      expect(message).not.toContain(good.material)
    }
    expect(() => new Keyset([])).toThrow(withCode('ERR_SHOP_CRYPTO_KEYSET'))
  })

  it('is parsed as a whole or not at all, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        try {
          parseKeyset(JSON.stringify(json))
          return false
        } catch (error) {
          return (error as { code?: string }).code === 'ERR_SHOP_CRYPTO_KEYSET'
        }
      }),
    )
    expect(() => parseKeyset('{')).toThrow('not JSON')
  })

  it('shows ids and states when printed, and no key', () => {
    const secret = material()
    const keyset = parseKeyset(keysetOf({ id: 7, state: 'primary', material: secret }))
    expect(JSON.stringify(keyset)).toBe('[{"id":7,"state":"primary"}]')
    expect(inspect(keyset, { depth: 9, showHidden: true })).not.toContain(secret)
  })
})

describe('the life of a key', () => {
  it('enabled, primary, enabled, decrypt-only, destroyed: what it sealed opens until the end', async () => {
    let json = await createKeyset()
    const first = json.keys[0]!.id
    const old = createVault({ keyset: json }).encrypt('x', context)
    json = await addKey(json, { notBefore: '2020-01-01T00:00:00Z', notAfter: '2999-01-01T00:00:00Z' })
    const second = json.keys[1]!.id
    expect(createVault({ keyset: json }).isStale(old, context)).toBe(false)
    json = promoteKey(json, second)
    const vault = createVault({ keyset: json })
    expect(vault.open(old, context)).toEqual({ value: 'x', stale: true })
    expect(vault.decrypt(vault.reseal(old, context)!, context)).toBe('x')
    json = retireKey(json, first)
    expect(createVault({ keyset: json }).decrypt(old, context)).toBe('x')
    json = destroyKey(json, first)
    expect(json.keys[0]).not.toHaveProperty('material')
    expect(() => createVault({ keyset: json }).decrypt(old, context)).toThrow(withCode('ERR_SHOP_CRYPTO_DECRYPT'))
  })

  it('has no short cuts', async () => {
    const one = await createKeyset()
    const id = one.keys[0]!.id
    const two = await addKey(one)
    const other = two.keys[1]!.id
    for (const run of [
      () => promoteKey(one, id),
      () => retireKey(one, id),
      () => destroyKey(one, id),
      () => destroyKey(two, other),
      () => promoteKey(retireKey(two, other), other),
      () => promoteKey(one, 1 + (id % 0xffff_ffff)),
    ])
      expect(run).toThrow(withCode('ERR_SHOP_CRYPTO_KEY_STATE'))
  })

  it('rotates under running vaults, without a restart', async () => {
    const before = await createKeyset()
    const keyset = parseKeyset(before)
    const vault = createVault({ keyset })
    const old = vault.encrypt('x', context)
    const [beforePrefix] = vault.currentPrefixes(context)
    const grown = await addKey(before)
    keyset.replace(parseKeyset(promoteKey(grown, grown.keys[1]!.id)))
    expect(vault.decrypt(old, context)).toBe('x')
    expect(vault.encrypt('x', context).startsWith(beforePrefix!)).toBe(false)
    expect(vault.isStale(old, context)).toBe(true)
  })
})

describe('a master key', () => {
  it('always has the same key id, and another has another', () => {
    const hex = randomBytes(32).toString('hex')
    expect(masterKeyset(hex).primary.id).toBe(masterKeyset(hex.toUpperCase()).primary.id)
    expect(masterKeyset(randomBytes(32).toString('hex')).primary.id).not.toBe(masterKeyset(hex).primary.id)
  })

  it('unwraps what it wrapped, and nothing else does', async () => {
    process.env['TEST_KEK'] = randomBytes(32).toString('hex')
    const json = await createKeyset({ wrapper: environmentWrapper('TEST_KEK') })
    expect(json.keys[0]).toMatchObject({ wrapper: 'env:TEST_KEK', state: 'primary' })
    expect(() => parseKeyset(json)).toThrow('openKeyset')
    const token = createVault({ keyset: await openKeyset(json, environmentWrapper('TEST_KEK')) }).encrypt('x', context)
    const again = createVault({ keyset: await openKeyset(JSON.stringify(json), environmentWrapper('TEST_KEK')) })
    expect(again.decrypt(token, context)).toBe('x')
    process.env['TEST_KEK'] = randomBytes(32).toString('hex')
    await expect(openKeyset(json, environmentWrapper('TEST_KEK'))).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_KEY_WRAP',
    })
    delete process.env['TEST_KEK']
    await expect(openKeyset(json, environmentWrapper('TEST_KEK'))).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_MASTER_KEY',
    })
  })
})
