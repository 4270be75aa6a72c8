import { randomBytes } from 'node:crypto'
import { database } from '@shop/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBlindIndexes } from './blind-index.ts'
import type { BlindIndexOptions } from './blind-index.ts'
import { planIndexes } from './index-plan.ts'
import { addKey, createKeyset, promoteKey, retireKey } from './keyset-edit.ts'
import { masterKeyset, parseKeyset } from './keyset.ts'
import { transforms } from './transforms.ts'
import { createVault } from './vault.ts'

const keyset = masterKeyset(randomBytes(32).toString('hex'))
const unsafe = expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_INDEX_UNSAFE' })
const phone: BlindIndexOptions = { columns: { phone: 'digits' }, values: 1e9 }
const make = (indexes: Record<string, BlindIndexOptions>, rows = 1_000_000) =>
  createBlindIndexes({ keyset, table: 'customers', rows, indexes })

describe('a blind index', () => {
  it('is equal for values that a person would call equal', () => {
    const { phone: index } = make({ phone })
    expect(index!.write({ phone: '+49 (151) 12 34' })).toBe(index!.write({ phone: '491511234' }))
    expect(index!.search({ phone: '491511234' })).toContain(index!.write({ phone: '+49-151-1234' }))
    expect(transforms.lowerCase('  ÄDA@Example.COM ')).toBe('äda@example.com')
    expect(transforms.exact('ﬁ')).toBe('fi')
    expect(transforms.lastFour('**** 1111 2222')).toBe('2222')
  })

  it('is another for another table, index, tenant, key and column, though the value is the same', () => {
    const write = (table: string, name: string, column: string, tenant?: string, keys = keyset): string =>
      createBlindIndexes({
        keyset: keys,
        table,
        rows: 1e9,
        indexes: { [name]: { columns: { [column]: 'exact' }, values: 1e12, bits: 256, dangerouslyUnplanned: true } },
      })[name]!.write({ [column]: 'x' }, tenant)
    const all = [
      write('a', 'b', 'c'),
      write('b', 'b', 'c'),
      write('a', 'c', 'c'),
      write('a', 'b', 'd'),
      write('a', 'b', 'c', 'tenant'),
      write('a', 'b', 'c', undefined, masterKeyset(randomBytes(32).toString('hex'))),
    ]
    expect(new Set(all.map((text) => text.split('.')[2])).size).toBe(all.length)
  })

  it('shows as many bits as it was given, and no more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 256 }), fc.string(), (bits, value) => {
        const index = make({ i: { columns: { c: 'exact' }, values: 1e9, bits, dangerouslyUnplanned: true } })['i']!
        const bytes = Buffer.from(index.write({ c: value }).split('.')[2]!, 'base64url')
        const spare = bytes.length * 8 - bits
        return bytes.length === Math.ceil(bits / 8) && (bytes.at(-1)! & ((1 << spare) - 1)) === 0
      }),
    )
  })

  it('of several columns matches only in all of them, and cannot be shifted between them', () => {
    const index = make({ name_zip: { columns: { name: 'lowerCase', zip: 'digits' }, values: 1e8, bits: 18 } })[
      'name_zip'
    ]!
    const written = index.write({ name: 'Lovelace', zip: '10115' })
    expect(index.write({ name: 'LOVELACE', zip: 'D-10115' })).toBe(written)
    const wide = make({ w: { columns: { a: 'exact', b: 'exact' }, values: 1e8, dangerouslyUnplanned: true } })['w']!
    expect(wide.write({ a: 'xy', b: 'z' })).not.toBe(wide.write({ a: 'x', b: 'yz' }))
    expect(() => index.write({ name: 'x' })).toThrow('zip must be a string')
  })

  it('finds rows in PostgreSQL while its key rotates, without downtime', async () => {
    await using db = await database()
    const { client } = db
    await client.query(
      'create table customers (id int primary key, phone text not null, phone_idx text not null); create index on customers (phone_idx)',
    )
    let json = await createKeyset()
    const live = parseKeyset(json)
    const vault = createVault({ keyset: live })
    const index = createBlindIndexes({ keyset: live, table: 'customers', rows: 5000, indexes: { phone } }).phone
    const numberOf = (id: number): string => `+49151${String(id).padStart(7, '0')}`
    const place = (id: number) => ({ table: 'customers', column: 'phone', row: id })
    const rows = Array.from({ length: 300 }, (_, i) => i + 1)
    const write = async (ids: readonly number[]): Promise<void> =>
      void (await client.query(
        `insert into customers select * from unnest($1::int[], $2::text[], $3::text[])
         on conflict (id) do update set phone = excluded.phone, phone_idx = excluded.phone_idx`,
        [
          ids,
          ids.map((id) => vault.encrypt(numberOf(id), place(id))),
          ids.map((id) => index.write({ phone: numberOf(id) })),
        ],
      ))
    const find = async (number: string): Promise<number[]> => {
      const found = await client.query<{ id: number; phone: string }>(
        'select id, phone from customers where phone_idx = any($1)',
        [index.search({ phone: number })],
      )
      return found.rows.filter((row) => vault.decrypt(row.phone, place(row.id)) === number).map((row) => row.id)
    }
    await write(rows)
    expect(await find('+491510000042')).toEqual([42])
    json = await addKey(json)
    json = promoteKey(json, json.keys[1]!.id)
    live.replace(parseKeyset(json))
    expect(index.search({ phone: '1' }).length).toBe(2)
    await write(rows.slice(0, 100))
    for (const id of [42, 242]) expect(await find(numberOf(id))).toEqual([id])
    const stale = await client.query<{ id: number }>("select id from customers where phone_idx not like $1 || '%'", [
      index.currentPrefix(),
    ])
    expect(stale.rows.length).toBe(200)
    await write(stale.rows.map((row) => row.id))
    live.replace(parseKeyset(retireKey(json, json.keys[0]!.id)))
    expect(index.search({ phone: '1' }).length).toBe(1)
    for (const id of [42, 242]) expect(await find(numberOf(id))).toEqual([id])
  })
})

describe('the planner', () => {
  it('gives every index its share of what leaves two rows alike', () => {
    expect(planIndexes(1_000_000, [{ name: 'phone', values: 1e9 }])).toEqual([
      { name: 'phone', bits: 18, candidates: 4 },
    ])
    expect(
      planIndexes(1_000_000, [
        { name: 'a', values: 1e9 },
        { name: 'b', values: 1e9 },
      ]).map((index) => index.bits),
    ).toEqual([9, 9])
    expect(
      planIndexes(1_000_000, [
        { name: 'a', values: 1e9, bits: 12 },
        { name: 'b', values: 1e9 },
      ]).map((index) => index.bits),
    ).toEqual([12, 6])
  })

  it('never plans a table whose indexes name a row', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.array(
          fc.record({
            name: fc.constant('i'),
            values: fc.integer({ min: 1, max: 1e9 }),
            bits: fc.option(fc.integer({ min: 1, max: 64 }), { nil: undefined }),
          }),
          { minLength: 1, maxLength: 4 },
        ),
        (rows, indexes) => {
          try {
            const plan = planIndexes(rows, indexes)
            const leaked = plan.reduce((sum, { bits }, i) => sum + Math.min(bits, Math.log2(indexes[i]!.values)), 0)
            return (
              rows / 2 ** leaked >= 2 &&
              indexes.every(({ values }) => values >= 1000) &&
              plan.every(({ bits }) => bits >= 1)
            )
          } catch (error) {
            return (error as { code?: string }).code === 'ERR_SHOP_CRYPTO_INDEX_UNSAFE'
          }
        },
      ),
    )
  })

  it('refuses what is too wide, too many, or a boolean or enum by itself', () => {
    expect(() => make({ phone: { ...phone, bits: 32 } })).toThrow(unsafe)
    expect(() => make({ phone, mail: { ...phone, bits: 19 } })).toThrow(unsafe)
    expect(() => make({ active: { columns: { active: 'exact' }, values: 2 } })).toThrow(/active has 2 values/)
    expect(() => make({ country: { columns: { country: 'exact' }, values: 249 } })).toThrow(unsafe)
    expect(() => make({ phone }, 3)).toThrow(unsafe)
    expect(make({ seen: { columns: { active: 'exact', phone: 'digits' }, values: 2e9 } })['seen']!.bits).toBe(18)
    expect(make({ iban: { ...phone, dangerouslyUnplanned: true } })['iban']).toMatchObject({ bits: 256, candidates: 1 })
  })

  it('checks its options', () => {
    const option = expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_OPTION' })
    for (const bad of [
      { ...phone, bits: 0 },
      { ...phone, values: 0 },
      { ...phone, columns: {} },
      { ...phone, columns: { phone: 'reverse' } },
      { ...phone, width: 1 },
    ])
      expect(() => make({ phone: bad as BlindIndexOptions })).toThrow(option)
    expect(() => createBlindIndexes({ keyset, table: '', rows: 1, indexes: {} })).toThrow(option)
    expect(() => createBlindIndexes({ keyset, table: 't', rows: 0.5, indexes: {} })).toThrow(option)
  })
})
