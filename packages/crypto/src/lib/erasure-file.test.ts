import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fileErasureLedger } from './erasure-file.ts'
import type { Erasure } from './erasure-ledger.ts'
import { subjectSchema } from './subject-schema.ts'

let dir: string
beforeAll(async () => void (dir = await mkdtemp(path.join(os.tmpdir(), 'shop-crypto-'))))
afterAll(async () => rm(dir, { recursive: true }))

const erasure = (n: number): Erasure => ({
  keyRef: `key ${n}`,
  subjectRef: `subject ${n}`,
  forgottenAt: '2026-01-01T00:00:00.000Z',
  reason: 'asked\nfor',
})
async function all(file: string): Promise<Erasure[]> {
  const entries: Erasure[] = []
  for await (const entry of fileErasureLedger(file).entries()) entries.push(entry)
  return entries
}

it('keeps what was appended, in order, also when many append at once', async () => {
  const file = path.join(dir, 'many')
  expect(await all(file)).toEqual([])
  const ledger = fileErasureLedger(file)
  await Promise.all(Array.from({ length: 30 }, async (_, i) => ledger.append(erasure(i))))
  expect(await all(file)).toEqual(Array.from({ length: 30 }, (_, i) => erasure(i)))
})

it('forgets a line that was torn by a crash, and nothing else', async () => {
  const file = path.join(dir, 'torn')
  await fileErasureLedger(file).append(erasure(1))
  const whole = await readFile(file, 'utf8')
  for (let cut = 1; cut < whole.length - 1; cut += 7) {
    await writeFile(file, whole + whole.slice(0, cut))
    expect(await all(file)).toEqual([erasure(1)])
    await fileErasureLedger(file).append(erasure(2))
    expect(await all(file)).toEqual([erasure(1), erasure(2)])
  }
})

it('refuses to go on behind a damaged line', async () => {
  const file = path.join(dir, 'damaged')
  const ledger = fileErasureLedger(file)
  await ledger.append(erasure(1))
  for (const damage of ['{"keyRef":', '{}', '']) {
    await writeFile(file, `${JSON.stringify(erasure(1))}\n${damage}\n`)
    await appendFile(file, `${JSON.stringify(erasure(2))}\n`)
    await expect(all(file)).rejects.toMatchObject({
      code: 'ERR_SHOP_CRYPTO_LEDGER',
      message: expect.stringContaining('line 2'),
    })
  }
})

it('ships the schema of its tables as a file, for those who migrate by themselves', async () => {
  expect(await readFile(new URL('../../sql/subject-keys.sql', import.meta.url), 'utf8')).toBe(subjectSchema('public'))
})
