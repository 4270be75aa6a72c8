import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chunkBytes, openedLength, sealedChunkBytes, sealedLength } from './chunked.ts'
import { openEncryptedFile } from './encrypted-file.ts'
import { decryptFailed } from './events.ts'
import { createDecryptStream, createEncryptStream, streamHead } from './stream.ts'
import { createVault } from './vault.ts'

const vault = createVault({ masterKey: randomBytes(32).toString('hex') })
const context = { table: 'backups', column: 'file', row: '2026-01-01' }
const refusal = { code: 'ERR_SHOP_CRYPTO_DECRYPT', message: 'the token could not be decrypted' }

/** Sends bytes through a stream in pieces of the given lengths, round and round. */
async function through(stream: Transform, bytes: Buffer, lengths: readonly number[] = [65_536]): Promise<Buffer> {
  function* pieces(): Generator<Buffer> {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const end = at + lengths[i % lengths.length]!
      yield bytes.subarray(at, end)
      at = end
    }
  }
  const [out] = await Promise.all([buffer(stream), pipeline(Readable.from(pieces(), { objectMode: false }), stream)])
  return out
}
const seal = async (bytes: Buffer, lengths?: readonly number[]): Promise<Buffer> =>
  through(createEncryptStream(vault, context), bytes, lengths)
const unseal = async (bytes: Buffer, lengths?: readonly number[], where = context): Promise<Buffer> =>
  through(createDecryptStream(vault, where), bytes, lengths)

const sizes = [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 5 * chunkBytes + 123]

describe('an encrypted stream', () => {
  it.each(sizes)('of %i bytes comes back', async (size) => {
    const plain = randomBytes(size)
    const sealed = await seal(plain)
    expect(sealed.length).toBe(6 + sealedLength(size))
    expect(openedLength(sealed.length - 6)).toBe(size)
    expect(await unseal(sealed)).toEqual(plain)
  })

  it('does not care how it is cut into pieces', async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60_000 }), lengths, lengths, async (size, a, b) => {
        const plain = randomBytes(size)
        return (await unseal(await seal(plain, a), b)).equals(plain)
      }),
      { numRuns: 40 },
    )
    const plain = randomBytes(300)
    expect(await unseal(await seal(plain, [1]), [1])).toEqual(plain)
  })

  it('is refused when it is cut short anywhere, and gives out nothing that is not authentic before it says so', async () => {
    const plain = randomBytes(2 * chunkBytes + 50)
    const sealed = await seal(plain)
    const cuts = [
      0,
      1,
      5,
      6,
      30,
      streamHead - 1,
      streamHead,
      streamHead + 15,
      streamHead + 16,
      streamHead + sealedChunkBytes,
      streamHead + 2 * sealedChunkBytes,
      sealed.length - 1,
    ]
    for (const cut of cuts) {
      const stream = createDecryptStream(vault, context)
      const given: Buffer[] = []
      stream.on('data', (data: Buffer) => given.push(data))
      await expect(
        pipeline(Readable.from([sealed.subarray(0, cut)], { objectMode: false }), stream),
      ).rejects.toMatchObject(refusal)
      expect(plain.subarray(0, Buffer.concat(given).length)).toEqual(Buffer.concat(given))
    }
  })

  it('is refused when a bit is flipped, chunks change places, something follows, or it stands elsewhere', async () => {
    const sealed = await seal(randomBytes(3 * chunkBytes))
    const chunk = (i: number): Buffer =>
      sealed.subarray(streamHead + i * sealedChunkBytes, streamHead + (i + 1) * sealedChunkBytes)
    const head = sealed.subarray(0, streamHead)
    for (let i = 0; i < streamHead + 40; i++) {
      const changed = Buffer.from(sealed)
      changed[i]! ^= 1 << (i % 8)
      await expect(unseal(changed)).rejects.toMatchObject(refusal)
    }
    for (const changed of [
      [head, chunk(1), chunk(0), chunk(2), chunk(3)],
      [head, chunk(0), chunk(0), chunk(2), chunk(3)],
      [head, chunk(0), chunk(2), chunk(3)],
      [sealed, Buffer.from('x')],
      [sealed, chunk(3)],
    ])
      await expect(unseal(Buffer.concat(changed))).rejects.toMatchObject(refusal)
    await expect(unseal(sealed, undefined, { ...context, row: 'other' })).rejects.toMatchObject(refusal)
    await expect(
      through(createDecryptStream(createVault({ masterKey: randomBytes(32).toString('hex') }), context), sealed),
    ).rejects.toMatchObject(refusal)
  })

  it('tells the channel why, as a token does', async () => {
    const told: string[] = []
    const listen = (message: unknown): void => void told.push((message as { reason: string }).reason)
    decryptFailed.subscribe(listen)
    const sealed = await seal(Buffer.from('x'))
    const id = vault.keyset.primary.id
    const withHead = (...head: number[]): Buffer => Buffer.concat([Buffer.from(head), sealed.subarray(head.length)])
    for (const bytes of [
      withHead(0xe2),
      withHead(0xe1, 1),
      withHead(0xe1, 0x10, (id >>> 24) ^ 1),
      sealed.subarray(0, 10),
      sealed.subarray(0, -1),
    ])
      await expect(unseal(bytes)).rejects.toMatchObject(refusal)
    decryptFailed.unsubscribe(listen)
    expect(told).toEqual(['malformed', 'suite-not-allowed', 'unknown-key', 'malformed', 'failed-check'])
  })

  it('holds less than 1 MB, however much waits on either side', async () => {
    const encrypt = createEncryptStream(vault, context)
    const decrypt = createDecryptStream(vault, context)
    encrypt.pipe(decrypt)
    const block = randomBytes(65_536)
    let written = 0
    while (encrypt.write(block)) {
      written++
      await new Promise((resolve) => setImmediate(resolve))
    }
    const waiting = [encrypt, decrypt].reduce((sum, stream) => sum + stream.readableLength + stream.writableLength, 0)
    expect(waiting).toBeLessThan(1_000_000)
    expect(written).toBeLessThan(16)
    encrypt.destroy()
    decrypt.destroy()
  })
})

describe('an encrypted file', () => {
  let dir: string
  const plain = randomBytes(3 * chunkBytes + 77)
  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'shop-crypto-'))
    await writeFile(path.join(dir, 'whole'), await seal(plain))
  })
  afterAll(async () => rm(dir, { recursive: true }))

  it('is read from anywhere, as if it were not encrypted', async () => {
    await using handle = await open(path.join(dir, 'whole'))
    const file = await openEncryptedFile(handle, vault, context)
    expect(file.size).toBe(plain.length)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -5, max: plain.length + 5 }),
        fc.integer({ min: 0, max: plain.length }),
        async (start, length) =>
          (await file.read(start, length)).equals(start < 0 ? Buffer.alloc(0) : plain.subarray(start, start + length)),
      ),
    )
  })

  it('opens only whole, and each part only unchanged', async () => {
    const sealed = await seal(plain)
    const write = async (bytes: Buffer): Promise<string> => {
      const name = path.join(dir, randomBytes(4).toString('hex'))
      await writeFile(name, bytes)
      return name
    }
    for (const cut of [
      0,
      10,
      streamHead,
      streamHead + 5,
      streamHead + sealedChunkBytes,
      streamHead + 2 * sealedChunkBytes + 20,
      sealed.length - 1,
    ]) {
      await using handle = await open(await write(sealed.subarray(0, cut)))
      await expect(openEncryptedFile(handle, vault, context)).rejects.toMatchObject(refusal)
    }
    const changed = Buffer.from(sealed)
    changed[streamHead + sealedChunkBytes + 3]! ^= 1
    await using handle = await open(await write(changed))
    const file = await openEncryptedFile(handle, vault, context)
    expect(await file.read(0, 100)).toEqual(plain.subarray(0, 100))
    await expect(file.read(chunkBytes, 1)).rejects.toMatchObject(refusal)
    await expect(file.readChunk(99)).rejects.toMatchObject(refusal)
  })
})
