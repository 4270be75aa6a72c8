import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'

import { deliverDuplicates } from './stripe-duplicates.ts'

// 10,000 deliveries of one event, then of twenty, over 4 processes that keep dying: each event has its effect once.
const count = Number(process.env['SOAK_DELIVERIES'] ?? 10_000)
const server = await startPostgres({ durable: true })
let failed = false
try {
  for (const events of [1, 20]) {
    const shown = progress(`deliveries of ${events} event(s)`, count)
    const { effects, crashed, answers } = await deliverDuplicates({
      url: server.url,
      events,
      deliveriesPerEvent: Math.floor(count / events),
      processes: 4,
      concurrency: 64,
      crashes: 0.003,
      deaths: 60,
      tick: () => shown.tick(1),
    })
    shown.done()
    const exactly = effects.every((effect) => effect === 1)
    failed ||= !exactly
    console.log(
      `${count} deliveries of ${events} event(s), 4 processes, ${crashed} crashes, answers ${JSON.stringify(answers)}: effects ${[...new Set(effects)].join()} each  ${exactly ? 'ok' : 'VIOLATED'}`,
    )
  }
} finally {
  await server.stop()
}
process.exit(failed ? 1 : 0)
