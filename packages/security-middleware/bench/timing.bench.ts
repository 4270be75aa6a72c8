// What holding responses costs: CPU for each, and how long the others are kept waiting, with 200 held responses a second.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

import { benchTable, interleave } from '@shop/testkit/bench'

import { safeEqual } from '../src/index.ts'
import { longestSpin, waitUntil } from '../src/lib/wait-until.ts'

const seconds = 3

/** A loop with `perSecond` responses held for 50 ms each: its processor time, and its longest and typical delay. */
async function loaded(
  perSecond: number,
  hold: (instant: number) => Promise<unknown>,
): Promise<{ cpu: number; p50: number; p99: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const before = process.cpuUsage()
  delay.enable()
  const held: Promise<unknown>[] = []
  for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
    held.push(hold(performance.now() + 50))
    await sleep(1000 / perSecond)
  }
  await Promise.all(held)
  delay.disable()
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / held.length, p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6 }
}

const byTimer = await loaded(200, (instant) => sleep(instant - performance.now()))
const byDeadline = await loaded(200, (instant) => waitUntil(instant))

let late = 0
const lateness: number[] = []
for (let i = 0; i < 200; i++) {
  const instant = performance.now() + 5 + Math.random()
  await waitUntil(instant)
  late = performance.now() - instant
  lateness.push(late)
}
lateness.sort((a, b) => a - b)

const long = 'x'.repeat(64)
const other = `${'x'.repeat(63)}y`
const costs = await interleave({ safeEqual: () => safeEqual(long, other) }, { calls: 20_000 })

benchTable([
  { name: 'longest spin without a pause', ours: longestSpin, unit: 'ms', goal: '<= 1' },
  { name: 'CPU a held response vs one held by a timer', ours: byDeadline.cpu, peer: byTimer.cpu, unit: 'us' },
  { name: 'median delay of other work vs with timers', ours: byDeadline.p50, peer: byTimer.p50, unit: 'ms' },
  { name: 'p99 delay of other work vs with timers', ours: byDeadline.p99, peer: byTimer.p99, unit: 'ms' },
  { name: 'median distance from the deadline', ours: lateness[100]! * 1000, unit: 'us' },
  { name: 'safeEqual of 64 bytes', ours: costs.safeEqual.us, unit: 'us' },
])
