import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'

import { expect, test } from 'vitest'

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
