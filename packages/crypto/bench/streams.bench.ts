// Files of 64 MB: read, encrypted and written again, against a raw aes-256-gcm stream; then the streams alone, and age. Figures are
// MB per CPU second of the whole process, its I/O threads included; then the memory both streams hold.
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { benchTable } from '@shop/testkit/bench'
import { Decrypter, Encrypter } from 'age-encryption'
import { createVault } from '../src/index.ts'
import { createDecryptStream, createEncryptStream } from '../src/stream.ts'

const megabytes = 64
const block = randomBytes(65_536)
const vault = createVault({ masterKey: randomBytes(32).toString('hex') })
const context = { table: 'backups', column: 'file', row: 'bench' }
const key = createSecretKey(randomBytes(32))
const iv = randomBytes(12)

const dir = await mkdtemp(path.join(os.tmpdir(), 'shop-crypto-'))
const file = (name: string): string => path.join(dir, name)
await writeFile(file('plain'), Buffer.concat(Array.from({ length: megabytes * 16 }, () => block)))
await pipeline(createReadStream(file('plain')), createEncryptStream(vault, context), createWriteStream(file('sealed')))
const cipher = createCipheriv('aes-256-gcm', key, iv)
await pipeline(createReadStream(file('plain')), cipher, createWriteStream(file('raw')))
const tag = cipher.getAuthTag()

const memory = (): Readable =>
  Readable.from(
    (function* () {
      for (let i = 0; i < megabytes * 16; i++) yield block
    })(),
    { objectMode: false },
  )
const nowhere = (): Writable => new Writable({ write: (_data, _encoding, done) => done() })
const passphrase = 'bench'
const age = new Encrypter()
age.setScryptWorkFactor(1)
age.setPassphrase(passphrase)
const opener = new Decrypter()
opener.addPassphrase(passphrase)
const small = Buffer.concat(Array.from({ length: 128 }, () => block))
const ageSealed = await age.encrypt(small)

/** Each arm with the megabytes it moves. */
const arms: Readonly<Record<string, readonly [megabytes: number, run: () => Promise<unknown>]>> = {
  sealFile: [
    megabytes,
    async () =>
      pipeline(createReadStream(file('plain')), createEncryptStream(vault, context), createWriteStream(file('out'))),
  ],
  rawFile: [
    megabytes,
    async () =>
      pipeline(createReadStream(file('plain')), createCipheriv('aes-256-gcm', key, iv), createWriteStream(file('out'))),
  ],
  openFile: [
    megabytes,
    async () =>
      pipeline(createReadStream(file('sealed')), createDecryptStream(vault, context), createWriteStream(file('out'))),
  ],
  rawOpenFile: [
    megabytes,
    async () =>
      pipeline(
        createReadStream(file('raw')),
        createDecipheriv('aes-256-gcm', key, iv).setAuthTag(tag),
        createWriteStream(file('out')),
      ),
  ],
  seal: [megabytes, async () => pipeline(memory(), createEncryptStream(vault, context), nowhere())],
  raw: [megabytes, async () => pipeline(memory(), createCipheriv('aes-256-gcm', key, iv), nowhere())],
  age: [8, async () => age.encrypt(small)],
  ageOpen: [8, async () => opener.decrypt(ageSealed)],
}
const best: Record<string, number> = {}
for (let round = 0; round < 7; round++)
  for (const [name, [size, run]] of Object.entries(arms)) {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    best[name] = Math.max(best[name] ?? 0, size / ((user + system) / 1e6))
  }

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
gc()
const base = process.memoryUsage().arrayBuffers
let peak = 0
let seen = 0
const watch = new Writable({
  write(data: Buffer, _encoding, done) {
    seen += data.length
    if (seen < 4e6) return done()
    seen = 0
    gc()
    // array buffers are swept a moment after the collection
    setTimeout(() => {
      gc()
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - base)
      done()
    }, 20)
  },
})
await pipeline(memory(), createEncryptStream(vault, context), createDecryptStream(vault, context), watch)
await rm(dir, { recursive: true })

benchTable([
  {
    name: 'encrypt a file vs raw gcm stream',
    ours: best['sealFile']!,
    peer: best['rawFile']!,
    goal: '>= 0.6',
    unit: 'MB/s',
  },
  {
    name: 'decrypt a file vs raw gcm stream',
    ours: best['openFile']!,
    peer: best['rawOpenFile']!,
    goal: '>= 0.6',
    unit: 'MB/s',
  },
  { name: 'encrypt stream, no file, vs raw gcm', ours: best['seal']!, peer: best['raw']!, unit: 'MB/s' },
  { name: 'encrypt stream vs age-encryption', ours: best['seal']!, peer: best['age']!, unit: 'MB/s' },
  { name: 'decrypt a file vs age-encryption', ours: best['openFile']!, peer: best['ageOpen']!, unit: 'MB/s' },
  { name: 'memory of both streams', ours: peak / 1e6, goal: '<= 1', unit: 'MB' },
])
