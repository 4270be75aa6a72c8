import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { database } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBlindIndexes } from './blind-index.ts'
import { openEnvelope } from './envelope.ts'
import type { EnvelopeOptions } from './envelope.ts'
import { dataKeyEvents } from './events.ts'
import { createKeyset } from './keyset-edit.ts'
import { fileKeysetStore } from './keyset-store.ts'
import type { KeysetStore } from './keyset-store.ts'
import { fileWrapper } from './local-wrapper.ts'
import { postgresKeysetStore } from './postgres-keyset-store.ts'
import { createPseudonyms } from './pseudonym.ts'
import { createEncryptStream, openHead, streamHead } from './stream.ts'
import { createVault } from './vault.ts'
import type { KeyWrapper } from './wrapper.ts'

const context = { table: 't', column: 'c', row: 1 }
const hour = 3_600_000

describe('an envelope', () => {
  let dir: string
  let kek: KeyWrapper
  let db: Awaited<ReturnType<typeof database>>
  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'shop-crypto-'))
    await writeFile(path.join(dir, 'kek'), `${randomBytes(32).toString('hex')}\n`)
    kek = fileWrapper(path.join(dir, 'kek'))
    db = await database()
  })
  afterAll(async () => {
    await rm(dir, { recursive: true })
    await db.close()
  })
  const newStore = (): KeysetStore => fileKeysetStore(path.join(dir, `${randomBytes(4).toString('hex')}.json`))

  it('makes its first data key, and never asks the service to encrypt or decrypt', async () => {
    let calls = 0
    const counted: KeyWrapper = {
      ...kek,
      generateDataKey: (signal) => (calls++, kek.generateDataKey(signal)),
      unwrap: (wrapped, signal) => (calls++, kek.unwrap(wrapped, signal)),
    }
    await using envelope = await openEnvelope({ wrapper: counted, store: newStore() })
    const vault = createVault({ keyset: envelope.keyset })
    expect(calls).toBe(2)
    for (let i = 0; i < 100; i++) expect(vault.decrypt(vault.encrypt('x', context), context)).toBe('x')
    expect(calls).toBe(2)
  })

  it('takes a new data key into use only when every process can read it', async () => {
    let time = Date.parse('2026-01-01')
    const options: EnvelopeOptions = {
      wrapper: kek,
      store: newStore(),
      refreshEvery: '1h',
      rotateAfter: '10h',
      maxAge: '9h',
      now: () => time,
    }
    await using one = await openEnvelope(options)
    await using two = await openEnvelope(options)
    const first = one.keyset.primary.id
    expect(two.keyset.primary.id).toBe(first)
    const [a, b] = [one, two].map((envelope) => createVault({ keyset: envelope.keyset, now: () => time }))
    const primaries: number[] = []
    for (let i = 0; i < 16; i++) {
      time += hour
      // in turn, so that one process is always a refresh behind the other
      await (i % 2 === 0 ? one : two).refresh()
      for (const [from, to] of [
        [a!, b!],
        [b!, a!],
      ] as const)
        expect(to.decrypt(from.encrypt('x', context), context)).toBe('x')
      primaries.push(one.keyset.primary.id)
    }
    expect(primaries.indexOf(primaries.find((id) => id !== first)!)).toBeGreaterThanOrEqual(11)
    expect(new Set(primaries).size).toBe(2)
  })

  it('refuses everything once the service has not confirmed the keys for maxAge, and recovers by itself', async () => {
    let time = 0
    let down = false
    const flaky: KeyWrapper = {
      ...kek,
      unwrap: (wrapped, signal) =>
        down ? Promise.reject(new Error('connection refused')) : kek.unwrap(wrapped, signal),
    }
    const told: string[] = []
    const listen = (message: unknown): void => void told.push((message as { kind: string }).kind)
    dataKeyEvents.subscribe(listen)
    await using envelope = await openEnvelope({
      wrapper: flaky,
      store: newStore(),
      refreshEvery: '1h',
      maxAge: '3h',
      now: () => time,
    })
    const vault = createVault({ keyset: envelope.keyset })
    const token = vault.encrypt('x', context)
    const stream = createEncryptStream(vault, context)
    await once(stream, 'readable')
    const streamStart = stream.read(streamHead) as Buffer
    down = true
    time = 2 * hour
    await expect(envelope.refresh()).rejects.toThrow('connection refused')
    expect(vault.decrypt(token, context)).toBe('x')
    time = 3 * hour
    await expect(envelope.refresh()).rejects.toThrow('connection refused')
    const indexes = createBlindIndexes({
      keyset: envelope.keyset,
      table: 'customers',
      rows: 1e6,
      indexes: { phone: { columns: { phone: 'digits' }, values: 1e9 } },
    })
    for (const run of [
      () => vault.encrypt('x', context),
      () => vault.decrypt(token, context),
      () => createEncryptStream(vault, context),
      () => openHead(vault, streamStart, context),
      () => indexes.phone.search({ phone: '1' }),
      () => createPseudonyms(envelope.keyset, 'logs'),
    ])
      expect(run).toThrow(expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_ENVELOPE' }))
    down = false
    await envelope.refresh()
    expect(vault.decrypt(token, context)).toBe('x')
    dataKeyEvents.unsubscribe(listen)
    expect(told).toEqual(['failed', 'failed', 'expired', 'refreshed'])
  })

  it('rotates at half of maxMessages, and refuses at the whole', async () => {
    let time = 0
    const now = (): number => time
    await using envelope = await openEnvelope({
      wrapper: kek,
      store: newStore(),
      refreshEvery: '1h',
      maxAge: '9h',
      maxMessages: 10,
      now,
    })
    const vault = createVault({ keyset: envelope.keyset, now })
    const first = envelope.keyset.primary.id
    const seal = (times: number): void => void Array.from({ length: times }, () => vault.encrypt('x', context))
    seal(5)
    await envelope.refresh()
    expect([...envelope.keyset.keys].length).toBe(2)
    seal(5)
    await envelope.refresh()
    expect(() => vault.encrypt('x', context)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_CRYPTO_ENVELOPE' }))
    time = 2 * hour
    await envelope.refresh()
    expect(envelope.keyset.primary.id).not.toBe(first)
    seal(1)
  })

  it('lets one of many processes that start at once make the first key: in a file, and in a table', async () => {
    const pool = new pg.Pool({ connectionString: db.url, max: 6 })
    const table = postgresKeysetStore(pool)
    await table.install()
    await table.install()
    for (const store of [newStore(), table]) {
      const envelopes = await Promise.all(Array.from({ length: 6 }, async () => openOrRetry(store)))
      expect(new Set(envelopes.map((envelope) => envelope.keyset.primary.id)).size).toBe(1)
      const json = await store.load()
      expect(await store.save(await createKeyset(), undefined)).toBe(false)
      expect(await store.save(await createKeyset(), await createKeyset())).toBe(false)
      expect(await store.save(json!, json)).toBe(true)
      for (const envelope of envelopes) await envelope.close()
    }
    await pool.end()
  })

  const openOrRetry = async (store: KeysetStore): ReturnType<typeof openEnvelope> => {
    for (;;) {
      try {
        return await openEnvelope({ wrapper: kek, store })
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_SHOP_CRYPTO_ENVELOPE' })
      }
    }
  }

  it('keeps its file to its owner, and survives a process that died while saving', async () => {
    const file = path.join(dir, 'private.json')
    const store = fileKeysetStore(file)
    const json = await createKeyset({ wrapper: kek })
    await writeFile(`${file}.lock`, '')
    expect(await store.save(json, undefined)).toBe(false)
    await utimes(`${file}.lock`, 0, 0)
    expect(await store.save(json, undefined)).toBe(false)
    expect(await store.save(json, undefined)).toBe(true)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file, 'utf8')).not.toContain('material')
    await writeFile(file, 'broken')
    await expect(store.load()).rejects.toMatchObject({ code: 'ERR_SHOP_CRYPTO_KEYSET' })
  })

  it('checks its options', async () => {
    const base = { wrapper: kek, store: newStore() }
    for (const bad of [
      { refreshEvery: '0ms' },
      { maxAge: '1m', refreshEvery: '5m' },
      { rotateAfter: 'soon' },
      { maxMessages: 1 },
      { other: 1 },
    ])
      await expect(openEnvelope({ ...base, ...bad } as EnvelopeOptions)).rejects.toMatchObject({
        code: 'ERR_SHOP_CRYPTO_OPTION',
      })
  })
})
