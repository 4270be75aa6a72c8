import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { breaker } from './breaker.ts'
import { deadline } from './deadline.ts'
import { standard } from './standard.ts'
import { pipeline } from './pipeline.ts'
import { systemRuntime } from './runtime.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

test('thirty thousand calls of every fate leave no memory, no timer and no alarm', async () => {
  const p = pipeline('p', standard({ idempotent: true }))
  const refused = Object.assign(new Error('x'), { status: 404 })
  const controller = new AbortController()
  const batch = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, n) => {
          if (n % 10 === 0) return p.tryRun(() => Promise.reject(refused))
          if (n % 10 === 1) return p.tryRun(({ signal }) => signal.aborted)
          if (n % 10 === 2) return p.tryRun(() => turn(), { signal: controller.signal })
          if (n % 10 === 3) return p.tryRun(() => turn())
          return p.tryRun(() => n)
        }),
      )
    }
  }
  await batch(5000)
  await wait(30)
  gc()
  const before = process.memoryUsage().heapUsed
  await batch(30_000)
  await wait(30)
  gc()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000)
  expect(systemRuntime.wheel.pending).toBe(0)
})

test('tasks that never end are given up whole: neither they nor what waits for them stay', async () => {
  const p = pipeline('p', [deadline(20), breaker({ mode: 'metrics' })])
  const hang = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 500)
      await Promise.all(Array.from({ length: 500 }, () => p.tryRun(() => new Promise(() => undefined))))
  }
  await hang(1000)
  await wait(50)
  gc()
  const before = process.memoryUsage().heapUsed
  await hang(10_000)
  await wait(50)
  gc()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(500_000)
})
