// A million calls of every fate: memory, timers and alarms must be where they were.
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { progress } from '@shop/testkit/bench'

import {
  adaptiveLimit,
  breaker,
  bulkhead,
  deadline,
  hedge,
  pipeline,
  retry,
  systemRuntime,
  timeout,
} from '../src/index.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const TOTAL = 1_000_000
const BATCH = 200

const p = pipeline('soak', [
  deadline('5s'),
  retry({ base: 1, max: 2 }),
  adaptiveLimit(),
  breaker({ mode: 'metrics' }),
  hedge(),
  bulkhead({ limit: 100, queue: 1000 }),
  timeout('1s'),
])
const plain = pipeline('plain', [deadline('5s'), retry({ base: 1, max: 2 }), breaker({ mode: 'metrics' })])
const missing = Object.assign(new Error('404'), { status: 404 })
const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
const signal = new AbortController().signal

const fates = [
  () => plain.tryRun(async () => 1),
  () => plain.tryRun(() => turn()),
  () => plain.tryRun(() => Promise.reject(missing)),
  () => p.tryRun(() => 1),
  () => p.tryRun((context) => context.signal.aborted),
  () => p.tryRun(() => turn(), { signal, idempotent: true }),
  () => p.tryRun(() => Promise.reject(missing)),
  (n: number) =>
    n % 50 === 0 ? p.tryRun(() => Promise.reject(refused)) : p.tryRun(() => 1, { priority: 'background' }),
  () => p.tryRun(() => 1, { signal: AbortSignal.abort() }),
]

using bar = progress('leak', TOTAL)
const batch = async (): Promise<void> => {
  await Promise.all(Array.from({ length: BATCH }, (_, n) => fates[n % fates.length]!(n)))
}
for (let i = 0; i < 20_000; i += BATCH) await batch()
await wait(100)
gc()
const before = process.memoryUsage().heapUsed
for (let i = 0; i < TOTAL; i += BATCH) {
  await batch()
  bar.tick(BATCH)
}
bar.done()
await wait(1200)
gc()
const grown = process.memoryUsage().heapUsed - before
const timers = process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length
console.log(`calls ${TOTAL}  heap grown ${grown} B  timers ${timers}  alarms ${systemRuntime.wheel.pending}`)
process.exitCode = grown < 2_000_000 && timers === 0 && systemRuntime.wheel.pending === 0 ? 0 : 1
