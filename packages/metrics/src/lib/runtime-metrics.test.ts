import { setTimeout as sleep } from 'node:timers/promises'

import { Registry } from 'prom-client'
import { expect, it } from 'vitest'

import { expositionText } from './exposition.ts'
import { runtimeMetrics } from './runtime-metrics.ts'

it('tells how the event loop, the garbage collector, the heap and the process are', async () => {
  const register = new Registry()
  using _ = runtimeMetrics({ register })
  await sleep(30)
  const busyUntil = performance.now() + 60
  while (performance.now() < busyUntil);
  const garbage = Array.from({ length: 200_000 }, (__, i) => ({ i }))
  expect(garbage.length).toBe(200_000)
  await sleep(30)
  const text = await expositionText(register)
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  expect(value('nodejs_eventloop_delay_max_seconds')).toBeGreaterThan(0.03)
  expect(value('nodejs_eventloop_delay_p99_seconds')).toBeGreaterThan(0)
  expect(value('nodejs_eventloop_utilization_ratio')).toBeGreaterThan(0.1)
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0.05)
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  expect(value('process_start_time_seconds')).toBeCloseTo(performance.timeOrigin / 1000, 0)
  expect(text).toMatch(/v8js_memory_heap_used_bytes\{v8js_heap_space_name="new_space"\} \d+/)
  expect(text).toContain(`nodejs_version_info{version="${process.version}"} 1`)
  if (process.platform === 'linux') expect(value('process_open_fds')).toBeLessThan(value('process_max_fds'))
  const idle = await expositionText(register)
  expect(Number(/^nodejs_eventloop_delay_max_seconds (\S+)$/m.exec(idle)?.[1])).toBeLessThan(
    value('nodejs_eventloop_delay_max_seconds') + 1e-9,
  )
})

it('measures once however often it is installed, and begins anew after it was disposed of', async () => {
  const register = new Registry()
  const first = runtimeMetrics({ register })
  expect(runtimeMetrics({ register })).toBe(first)
  first[Symbol.dispose]()
  expect(register.getMetricsAsArray()).toEqual([])
  using _ = runtimeMetrics({ register })
  await sleep(30)
  expect(await expositionText(register)).toMatch(/^nodejs_eventloop_delay_max_seconds 0\.\d+$/m)
})
