import fc from 'fast-check'
import { expect, test } from 'vitest'

import { VirtualRuntime } from './simulate/virtual.ts'
import { Alarm } from './wheel.ts'

test('every alarm fires once, never early and never late, whatever is added and removed between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(9000), fc.nat(9000), fc.boolean()), { maxLength: 60 }), async (plans) => {
      const runtime = new VirtualRuntime(1)
      const late: number[] = []
      let fired = 0
      for (const [at, ms, removed] of plans) {
        runtime.after(at, () => {
          const due = runtime.now() + ms
          const alarm = new Alarm(() => {
            fired++
            late.push(runtime.now() - due)
          })
          runtime.wheel.add(alarm, ms)
          if (removed) runtime.wheel.remove(alarm)
        })
      }
      await runtime.run(60_000)
      expect(fired).toBe(plans.filter(([, , removed]) => !removed).length)
      for (const each of late) expect(each).toBeGreaterThanOrEqual(0)
      // timers of the clock are whole milliseconds
      for (const each of late) expect(each).toBeLessThanOrEqual(1)
      expect(runtime.wheel.pending).toBe(0)
    }),
    { numRuns: 60 },
  )
})

test('the timer of the clock exists only while something is pending', () => {
  let timers = 0
  const runtime = new VirtualRuntime(1)
  const { wheel } = Object.assign(runtime, {})
  const after = runtime.after.bind(runtime)
  runtime.after = (ms, run) => {
    timers++
    const cancel = after(ms, run)
    return () => {
      timers--
      cancel()
    }
  }
  const alarms = Array.from({ length: 1000 }, () => new Alarm(() => undefined))
  for (const alarm of alarms) wheel.add(alarm, 500)
  expect(timers).toBe(1)
  for (const alarm of alarms) wheel.remove(alarm)
  expect(timers).toBe(0)
  wheel.remove(alarms[0]!)
  expect(wheel.pending).toBe(0)
})
