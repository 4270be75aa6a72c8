import { expect, test } from 'vitest'

import { chaos } from './chaos.ts'
import { breaker } from './breaker.ts'
import { pipeline } from './pipeline.ts'
import { retry } from './retry.ts'
import { timeout } from './timeout.ts'

test('faults in their share, the same with the same seed', async () => {
  const run = async (): Promise<number> => {
    const disturb = chaos({ faults: 0.3, seed: 4 })
    const p = pipeline('p', [])
    for (let i = 0; i < 1000; i++) await p.tryRun(disturb(() => 1))
    return disturb.counts.faults
  }
  const faults = await run()
  expect(faults).toBeGreaterThan(250)
  expect(faults).toBeLessThan(350)
  expect(await run()).toBe(faults)
})

test('a fault is an error of ours, or the one that is given', async () => {
  await expect(pipeline('p', []).run(chaos({ faults: 1 })(() => 1))).rejects.toMatchObject({
    code: 'ERR_SHOP_RETRY_CHAOS',
  })
  const fault = Object.assign(new Error('x'), { status: 503 })
  await expect(pipeline('p', []).run(chaos({ faults: 1, fault: () => fault })(() => 1))).rejects.toBe(fault)
})

test('a delay runs into the timeout, and ends with it', async () => {
  const disturb = chaos({ delays: 1, delay: '1m' })
  await expect(pipeline('p', [timeout(20)]).run(disturb(() => 1))).rejects.toMatchObject({
    code: 'ERR_SHOP_RETRY_TIMEOUT',
  })
  const short = chaos({ delays: 1, delay: 1 })
  expect(await pipeline('p', [timeout('1s')]).run(short(() => 1))).toBe(1)
})

test('a lost outcome is done and not told: only an idempotent call comes again', async () => {
  let done = 0
  const work = (): number => ++done
  const p = pipeline('p', [retry({ base: 1, attempts: 3 })])
  await expect(p.run(chaos({ lostOutcomes: 1 })(work))).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(done).toBe(1)
  await p.tryRun(chaos({ lostOutcomes: 1 })(work), { idempotent: true })
  expect(done).toBe(4)
  expect(await p.run(chaos({ lostOutcomes: 1, outcome: () => 'other' as never })(work))).toBe('other')
})

test('switched off it does nothing', async () => {
  const disturb = chaos({ faults: 1, on: false })
  expect(await breaker().run(disturb(() => 1))).toBe(1)
  disturb.on = true
  expect(await breaker().tryRun(disturb(() => 1))).toMatchObject({ ok: false })
})
