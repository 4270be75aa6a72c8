import { scryptSync } from 'node:crypto'

import { progress } from '@shop/testkit/bench'
import { dudect, type TimingVerdict } from '@shop/testkit/dudect'

import { constantWork, safeEqual } from '../src/index.ts'

// 100,000 timing samples each, and a leaky control that the same test must catch. On a busy machine a measurement is
// repeated: a leak is there every time, a neighbour is not.
const samples = Number(process.env['SOAK_SAMPLES'] ?? 100_000)
const limit = 4.5
let failed = false

async function report(name: string, leaks: boolean, measure: () => Promise<TimingVerdict>): Promise<void> {
  let verdict = await measure()
  for (let attempt = 1; attempt < 5 && verdict.t < limit === leaks; attempt++) verdict = await measure()
  const holds = verdict.t < limit !== leaks
  failed ||= !holds
  console.log(
    `${name}  |t| ${verdict.t.toFixed(2)}  ${leaks ? '> 4.5' : '< 4.5'}  means ${verdict.means.map((mean) => mean.toFixed(0)).join(' and ')} ns  ${holds ? 'ok' : 'VIOLATED'}`,
  )
}

function counted(name: string, operate: (input: 0 | 1) => unknown): () => Promise<TimingVerdict> {
  return async () => {
    const shown = progress(name, samples)
    const verdict = await dudect(samples, (input) => operate(input))
    shown.tick(samples)
    shown.done()
    return verdict
  }
}

const secret = 'k'.repeat(1024)
const guesses = [`${'k'.repeat(1023)}x`, `x${'k'.repeat(1023)}`] as const
function stopsEarly(a: string, b: string): boolean {
  for (let i = 0; i < a.length; i++) if (a.charCodeAt(i) !== b.charCodeAt(i)) return false
  return true
}
await report(
  'safeEqual, first or last byte wrong',
  false,
  counted('safeEqual', (input) => safeEqual(secret, guesses[input])),
)
await report(
  'control: a comparison that stops early',
  true,
  counted('control', (input) => stopsEarly(secret, guesses[input])),
)

// the injected cost: a small scrypt, as a real one would make this an hour
const hash = (password: string): Buffer => scryptSync(password, 'salt', 32, { N: 2, r: 1, p: 1 })
const verify = (stored: Buffer, password: string): boolean => safeEqual(hash(password), stored)
const login = constantWork(verify, hash('nobody knows this'))
const users = [hash('secret'), undefined] as const
await report(
  'login by constantWork, user known or unknown',
  false,
  counted('login', (input) => login(users[input], 'wrong')),
)
await report(
  'control: a login that skips the work',
  true,
  counted('control', (input) => (users[input] ? verify(users[input], 'wrong') : false)),
)
process.exit(failed ? 1 : 0)
