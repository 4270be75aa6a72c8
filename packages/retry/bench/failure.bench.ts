// What a failing call and a refused call cost, and that neither grows with the window.
import { benchTable, interleave } from '@shop/testkit/bench'
import CircuitBreaker from 'opossum'

import { breaker, pipeline } from '../src/index.ts'

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
const fail = async (): Promise<never> => {
  throw refused
}
const full = async (calls: number) => {
  const p = pipeline('bench', [breaker({ calls, minimum: calls, mode: 'metrics' })])
  for (let i = 0; i < calls; i++) await p.tryRun(fail)
  return p
}
const [small, large] = [await full(10), await full(1_000_000)]
const open = pipeline('open', [breaker({ mode: 'open' })])
const call = async (): Promise<number> => 1

const cost = await interleave(
  {
    small: () => small.tryRun(fail),
    large: () => large.tryRun(fail),
    openResult: () => open.tryRun(call),
    openError: () => open.run(call).catch(() => undefined),
  },
  { repeats: 9, turn: 150 },
)

const SAMPLES = 100_000
let good = true
const peer = new CircuitBreaker(() => (good ? call() : fail()), {
  errorThresholdPercentage: 100,
  volumeThreshold: 10_000_000,
  rollingCountTimeout: 600_000,
  timeout: false,
})
// filled with successes: each failure sorts the whole window
for (let i = 0; i < SAMPLES; i++) await peer.fire()
good = false
const sorting = await interleave({ opossum: () => peer.fire().catch(() => undefined) }, { repeats: 3, calls: 3 })
peer.shutdown()

benchTable([
  { name: 'a failing call, 10 in the window', ours: cost.small.us, goal: '<= 5', unit: 'us' },
  { name: 'a failing call, 1000000 in the window', ours: cost.large.us, goal: '<= 5', unit: 'us' },
  {
    name: 'a failing call, 1000000 vs 10 in the window',
    ours: cost.large.us,
    peer: cost.small.us,
    goal: '<= 2',
    unit: 'us',
  },
  {
    name: `a failing call vs opossum with ${SAMPLES} in the window`,
    ours: cost.large.us,
    peer: sorting.opossum.us,
    unit: 'us',
  },
  { name: 'open, as a Result', ours: cost.openResult.us, goal: '<= 1', unit: 'us' },
  { name: 'open, as an error', ours: cost.openError.us, goal: '<= 3', unit: 'us' },
])
