// What a call costs that succeeds: retry + breaker + budget + deadline against the bare call and against the peers.
import { benchTable, interleave } from '@shop/testkit/bench'
import {
  circuitBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleAll,
  retry as peerRetry,
  timeout as peerTimeout,
  TimeoutStrategy,
  wrap,
} from 'cockatiel'
import CircuitBreaker from 'opossum'
import pRetry from 'p-retry'

import { breaker, deadline, pipeline, retry } from '../src/index.ts'

const ours = pipeline('bench', [deadline('2s'), retry(), breaker()])
const cockatiel = wrap(
  peerRetry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() }),
  circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) }),
  peerTimeout(2000, TimeoutStrategy.Aggressive),
)

const settled = Promise.resolve()

/** A function that is settled when it returns is the least there is; one that waits once is the least that is asynchronous. */
const functions = {
  'f waits once': async () => {
    await settled
    return 42
  },
  'f is settled at once': async () => 42,
}

for (const [name, f] of Object.entries(functions)) {
  const opossum = new CircuitBreaker(f)
  const cost = await interleave(
    {
      bare: () => f(),
      ours: () => ours.run(f),
      asResult: () => ours.tryRun(f),
      cockatiel: () => cockatiel.execute(f),
      opossum: () => opossum.fire(),
      pRetry: () => pRetry(f),
    },
    { repeats: 9, turn: 150, bytes: true },
  )
  benchTable([
    { name: `run, ${name}, vs bare`, ours: cost.ours.us, peer: cost.bare.us, goal: '<= 2.5', unit: 'us' },
    { name: `tryRun, ${name}, vs bare`, ours: cost.asResult.us, peer: cost.bare.us, unit: 'us' },
    { name: `run, ${name}, vs cockatiel`, ours: cost.ours.us, peer: cost.cockatiel.us, goal: '<= 0.05', unit: 'us' },
    { name: `run, ${name}, vs opossum`, ours: cost.ours.us, peer: cost.opossum.us, goal: '<= 0.25', unit: 'us' },
    { name: `run, ${name}, vs p-retry`, ours: cost.ours.us, peer: cost.pRetry.us, unit: 'us' },
    { name: `bytes of a run, ${name}`, ours: cost.ours.bytes!, goal: '<= 700', unit: 'B' },
    { name: `bytes of a run, ${name}, vs bare`, ours: cost.ours.bytes!, peer: cost.bare.bytes, unit: 'B' },
    { name: `bytes of a run, ${name}, vs cockatiel`, ours: cost.ours.bytes!, peer: cost.cockatiel.bytes, unit: 'B' },
  ])
  opossum.shutdown()
}
