import { setTimeout as wait } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { deadline } from './deadline.ts'
import { hedge } from './hedge.ts'
import { pipeline } from './pipeline.ts'
import { retry } from './retry.ts'
import { percentile } from './simulate/report.ts'
import { replay } from './simulate/simulation.ts'

test('a straggler gets a second copy, the first answer wins, and the other is aborted', async () => {
  const h = hedge({ idempotent: true, extraLoad: 1 })
  const p = pipeline('p', [h])
  for (let i = 0; i < 60; i++) await p.run(() => wait(1))
  expect(h.delayMs).toBeGreaterThanOrEqual(1)
  const reasons: unknown[] = []
  const answer = await p.run(({ hedged, signal, attempt }) => {
    signal.addEventListener('abort', () => reasons.push(signal.reason))
    return hedged ? `copy of attempt ${attempt}` : new Promise(() => undefined)
  })
  expect(answer).toBe('copy of attempt 1')
  expect(reasons).toMatchObject([{ code: 'ERR_SHOP_RETRY_HEDGED' }])
})

test('what may not be sent twice is not', async () => {
  const p = pipeline('p', [hedge({ extraLoad: 1 })])
  let copies = 0
  for (let i = 0; i < 100; i++)
    await p.run(() => {
      copies++
      return wait(i % 10 === 0 ? 20 : 1)
    })
  expect(copies).toBe(100)
  await p.run(
    () => {
      copies++
      return wait(30)
    },
    { idempotent: true, once: true },
  )
  expect(copies).toBe(101)
})

const stragglers = { name: 'stragglers', stragglers: 0.01 }

test('one straggler in a hundred: p99.9 falls to a ninth at no more than 5 % extra load', async () => {
  const scenario = { ...stragglers, requestsPerSecond: 300, workers: 40, clients: 4, seconds: 60 }
  const bare = await replay({ scenario, client: (runtime) => pipeline('c', [deadline('20s')], { runtime }) })
  const hedged = await replay({
    scenario,
    client: (runtime) =>
      pipeline('c', [deadline('20s'), retry({ idempotent: true }), hedge({ idempotent: true })], { runtime }),
  })
  expect(percentile(hedged.latencies, 0.999)).toBeLessThanOrEqual(percentile(bare.latencies, 0.999) / 9)
  expect(hedged.attemptsPerRequest).toBeLessThanOrEqual(1.05)
})

test('under 1.3 times what the server can do, hedging adds no more than 5 %', async () => {
  const scenario = { ...stragglers, requestsPerSecond: 1000, workers: 10, clients: 4, seconds: 8 }
  const hedged = await replay({
    scenario,
    client: (runtime) =>
      pipeline('c', [deadline('2s'), retry({ idempotent: true, attempts: 1 }), hedge({ idempotent: true })], {
        runtime,
      }),
  })
  expect(hedged.attemptsPerRequest).toBeLessThanOrEqual(1.05)
})
