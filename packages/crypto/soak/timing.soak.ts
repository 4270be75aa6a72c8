// Whether the time of a refusal tells where a token is wrong: medians of interleaved batches, all causes beside each other.
import { randomBytes } from 'node:crypto'
import { progress } from '@shop/testkit/bench'
import { createVault } from '../src/index.ts'

const vault = createVault({ masterKey: randomBytes(32).toString('hex') })
const context = { table: 'customers', column: 'phone', row: 42 }
const rounds = 4000
const flip = (token: string, byte: number): string => {
  const bytes = Buffer.from(token.slice(3), 'base64url')
  bytes[byte < 0 ? bytes.length + byte : byte]! ^= 1
  return `e1.${bytes.toString('base64url')}`
}
let failed = false
for (const [suite, text] of [
  ['A256CBC-HS512', '+4915112345678'],
  ['XAES-256-GCM', 'x'.repeat(1200)],
] as const) {
  const token = vault.encrypt(text, context)
  const at = (name: string, bad: string, where = context): readonly [string, () => unknown] => [
    name,
    () => vault.decrypt(bad, where),
  ]
  const causes: Readonly<Record<string, () => unknown>> = Object.fromEntries([
    at('first byte of the tag', flip(token, suite === 'XAES-256-GCM' ? -16 : -32)),
    at('last byte of the tag', flip(token, -1)),
    at('first byte of the ciphertext', flip(token, suite === 'XAES-256-GCM' ? 62 : 22)),
    at('iv or nonce', flip(token, 6)),
    at('wrong row', flip(flip(token, 8), 8), { ...context, row: 43 }),
    ...(suite === 'XAES-256-GCM' ? [at('commitment', flip(token, 40))] : []),
  ])
  const times: Record<string, number[]> = {}
  using bar = progress(suite, rounds)
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(causes)) {
      const start = performance.now()
      for (let i = 0; i < 20; i++)
        try {
          run()
        } catch {
          // what is measured is how long it takes to get here
        }
      ;(times[name] ??= []).push((performance.now() - start) / 20)
    }
    bar.tick()
  }
  bar.done()
  const medians = Object.entries(times).map(
    ([name, list]) => [name, list.toSorted((a, b) => a - b)[list.length >> 1]! * 1000] as const,
  )
  const [least, most] = [Math.min(...medians.map(([, us]) => us)), Math.max(...medians.map(([, us]) => us))]
  for (const [name, us] of medians) console.log(`${suite}  ${name.padEnd(30)} ${us.toFixed(2)} us`)
  const ok = most / least < 1.1
  console.log(`${suite}  spread ${((most / least - 1) * 100).toFixed(1)} %  ${ok ? 'ok' : 'TOO WIDE'}`)
  failed ||= !ok
}
process.exitCode = failed ? 1 : 0
