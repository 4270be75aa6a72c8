import { randomBytes } from 'node:crypto'
import { database } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Erasure } from './erasure-ledger.ts'
import { subjectEvents } from './events.ts'
import { parseKeyset } from './keyset.ts'
import { createSubjectKeys } from './subject-keys.ts'
import type { SubjectKeys } from './subject-keys.ts'
import { createVault } from './vault.ts'

const context = { table: 'customers', column: 'email', row: 7 }
const material = (): string => randomBytes(32).toString('base64url')

describe('subject keys', () => {
  let db: Awaited<ReturnType<typeof database>>
  let pool: pg.Pool
  const vault = createVault({ masterKey: randomBytes(32).toString('hex') })
  let keys: SubjectKeys

  beforeAll(async () => {
    db = await database()
    pool = new pg.Pool({ connectionString: db.url, max: 8 })
    keys = createSubjectKeys({ client: pool, vault })
    await keys.install()
    await keys.install()
  })
  afterAll(async () => {
    await pool.end()
    await db.close()
  })

  it('encrypts under a key of the subject’s own', async () => {
    await keys.ensureMany(['ada', 'bob'])
    const token = await keys.encrypt('ada', 'ada@example.com', context)
    expect(await keys.decrypt('ada', token, context)).toBe('ada@example.com')
    await expect(keys.decrypt('bob', token, context)).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_DECRYPT' })
    expect(() => vault.decrypt(token, context)).toThrow('could not be decrypted')
  })

  it('refuses a subject nobody admitted', async () => {
    await expect(keys.encrypt('eve', 'x', context)).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_SUBJECT_UNKNOWN' })
  })

  it('gives one key to a subject admitted by many writers at once', async () => {
    const writers = Array.from({ length: 8 }, () => createSubjectKeys({ client: pool, vault, cacheSize: 0 }))
    await Promise.all(writers.map((w) => w.ensure('many')))
    const token = await (writers[0] as SubjectKeys).encrypt('many', 'x', context)
    for (const writer of writers) expect(await writer.decrypt('many', token, context)).toBe('x')
  })

  it('forgets: the key is gone, for this process at once and for others within cacheAge', async () => {
    let time = 0
    const other = createSubjectKeys({ client: pool, vault, cacheAge: '60s', now: () => time })
    await keys.ensure('carol')
    const token = await keys.encrypt('carol', 'c', context)
    expect(await other.decrypt('carol', token, context)).toBe('c')
    expect(await keys.forget('carol', { reason: 'request 17' })).toMatchObject({
      destroyed: true,
      erasure: { reason: 'request 17' },
    })
    await expect(keys.decrypt('carol', token, context)).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN',
    })
    expect(await other.decrypt('carol', token, context)).toBe('c')
    time = 60_000
    await expect(other.decrypt('carol', token, context)).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN',
    })
    expect(await keys.isForgotten('carol')).toBe(true)
    expect(await keys.forget('carol')).toEqual({ destroyed: false, erasure: undefined })
    expect(await keys.forget('never seen')).toEqual({ destroyed: false, erasure: undefined })
  })

  it('gives a late writer no new key, and a person who comes back one', async () => {
    await keys.ensure('dave')
    const old = await keys.encrypt('dave', 'old', context)
    await keys.forget('dave')
    await expect(keys.ensure('dave')).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN' })
    await expect(keys.encrypt('dave', 'late', context)).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN',
    })
    expect(await keys.readmit('dave')).toBe(true)
    expect(await keys.readmit('dave')).toBe(false)
    const token = await keys.encrypt('dave', 'new', context)
    expect(await keys.decrypt('dave', token, context)).toBe('new')
    await expect(keys.decrypt('dave', old, context)).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_DECRYPT' })
  })

  it('stores neither a key in the clear nor a subject’s name', async () => {
    const { rows } = await pool.query<Record<string, unknown>>(
      'select k::text as a from shop_subject_keys k union all select l::text from shop_erasure_ledger l union all select p::text from shop_subject_pepper p',
    )
    // hex digits may spell ada
    for (const name of ['bob', 'carol', 'dave']) for (const row of rows) expect(String(row['a'])).not.toContain(name)
  })

  it('replays the ledger over a restored backup, as often as asked', async () => {
    const told: unknown[] = []
    const listen = (message: unknown): void => void told.push(message)
    subjectEvents.subscribe(listen)
    const outside: Erasure[] = []
    const careful = createSubjectKeys({
      client: pool,
      vault,
      ledger: {
        append: (erasure) => Promise.resolve(void outside.push(erasure)),
        async *entries() {
          yield* outside
        },
      },
    })
    await careful.ensureMany(['frank', 'grace'])
    const frank = await careful.encrypt('frank', 'f', context)
    const grace = await careful.encrypt('grace', 'g', context)
    await pool.query(
      'create table backup_keys as table shop_subject_keys; create table backup_ledger as table shop_erasure_ledger',
    )
    await careful.forget('frank')
    // the restore brings the key back, and takes the database's own ledger back in time
    await pool.query(`truncate shop_subject_keys, shop_erasure_ledger; insert into shop_subject_keys table backup_keys;
      insert into shop_erasure_ledger (key_ref, subject_ref, forgotten_at, reason) select key_ref, subject_ref, forgotten_at, reason from backup_ledger`)
    const restarted = createSubjectKeys({ client: pool, vault })
    expect(await restarted.decrypt('frank', frank, context)).toBe('f')
    expect(await careful.replay()).toBe(1)
    expect(await careful.replay()).toBe(0)
    await expect(careful.decrypt('frank', frank, context)).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN',
    })
    expect(await careful.decrypt('grace', grace, context)).toBe('g')
    subjectEvents.unsubscribe(listen)
    expect(told.map((event) => (event as { kind: string }).kind)).toEqual([
      'created',
      'created',
      'forgotten',
      'replayed',
    ])
    const own: Erasure[] = []
    for await (const erasure of careful.erasures()) own.push(erasure)
    expect(own.map((e) => e.keyRef)).toContain(outside[0]?.keyRef)
    await expect(restarted.replay()).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_OPTION' })
  })

  it('is not forgotten when the caller’s transaction is rolled back', async () => {
    await keys.ensure('hans')
    const client = await pool.connect()
    await client.query('begin')
    await keys.forget('hans', { client })
    await client.query('rollback')
    client.release()
    expect(await keys.isForgotten('hans')).toBe(false)
  })

  it('reads and writes batches with one query, and lets a forgotten subject’s row stand', async () => {
    const items = ['ada', 'bob', 'ada'].map((subject, row) => ({
      subject,
      value: `v${row}`,
      context: { ...context, row: row + 1 },
    }))
    const tokens = await keys.encryptMany(items)
    const sealed = items.map((item, i) => ({
      subject: item.subject,
      token: tokens[i] as string,
      context: item.context,
    }))
    expect(await keys.decryptMany(sealed)).toEqual(['v0', 'v1', 'v2'])
    await keys.forget('bob')
    expect(await keys.decryptMany(sealed, () => null)).toEqual(['v0', null, 'v2'])
    await expect(keys.decryptMany(sealed)).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_SUBJECT_FORGOTTEN' })
  })

  it('rewraps every key when the vault rotates, and leaves the data alone', async () => {
    const first = { id: 1, material: material() }
    const before = createVault({ keyset: { format: 'shop-keyset/1', keys: [{ ...first, state: 'primary' }] } })
    const schema = 'rotation'
    await pool.query(`create schema ${schema}`)
    const old = createSubjectKeys({ client: pool, vault: before, schema })
    await old.install()
    const subjects = Array.from({ length: 25 }, (_, i) => `s${i}`)
    await old.ensureMany(subjects)
    const token = await old.encrypt('s3', 'still here', context)
    const second = { id: 2, material: material() }
    const both = parseKeyset({
      format: 'shop-keyset/1',
      keys: [
        { ...first, state: 'decrypt-only' },
        { ...second, state: 'primary' },
      ],
    })
    expect(
      await createSubjectKeys({ client: pool, vault: createVault({ keyset: both }), schema }).rewrap({ batch: 10 }),
    ).toBe(26)
    expect(await createSubjectKeys({ client: pool, vault: createVault({ keyset: both }), schema }).rewrap()).toBe(0)
    const after = createVault({
      keyset: {
        format: 'shop-keyset/1',
        keys: [
          { id: 1, state: 'destroyed' },
          { ...second, state: 'primary' },
        ],
      },
    })
    expect(await createSubjectKeys({ client: pool, vault: after, schema }).decrypt('s3', token, context)).toBe(
      'still here',
    )
  })
})
