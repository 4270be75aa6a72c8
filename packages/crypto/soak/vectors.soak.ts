// C2SP's accumulated test of XAES-256-GCM over 1,000,000 iterations.
import { createHash, createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { progress } from '@shop/testkit/bench'
import { Xaes, xaesOverhead, xaesTextAt } from '../src/lib/xaes.ts'

const corpora = path.resolve(import.meta.dirname, '../../..', process.env['SHOP_CORPORA'] ?? '../shared/corpora')
const known = JSON.parse(readFileSync(path.join(corpora, 'crypto/known-answers.json'), 'utf8')) as {
  'XAES-256-GCM': { accumulated: Record<string, string> }
}
const iterations = 1_000_000
const expected = known['XAES-256-GCM'].accumulated[`iterations${iterations}`]
const random = createHash('shake128', { outputLength: iterations * 320 }).digest()
const out = createHash('shake128', { outputLength: 32 })
const work = Buffer.alloc(255 + xaesOverhead)
let at = 0
const read = (length: number): Buffer => random.subarray(at, (at += length))
using bar = progress('XAES', iterations)
for (let i = 0; i < iterations; i++) {
  const key = createSecretKey(read(32))
  const nonce = read(24)
  const text = read(read(1)[0]!)
  const aad = read(read(1)[0]!)
  work.set(text, xaesTextAt)
  out.update(work.subarray(xaesTextAt, new Xaes(key).seal(aad, work, text.length, nonce)))
  bar.tick()
}
if (at > random.length) throw new Error('the random stream was too short')
const digest = out.digest('hex')
console.log(
  `XAES-256-GCM accumulated ${iterations}: ${digest} ${digest === expected ? 'as published' : `expected ${expected}`}`,
)
process.exitCode = digest === expected ? 0 : 1
