import { database } from '@shop/testkit'
import { expect, test } from 'vitest'

import { deliverDuplicates } from '../../soak/stripe-duplicates.ts'

test('concurrent duplicates over two processes that die in the middle: each event has its effect exactly once (short form)', async () => {
  await using db = await database()
  const { effects, answers } = await deliverDuplicates({
    url: db.url,
    events: 4,
    deliveriesPerEvent: 60,
    processes: 2,
    concurrency: 24,
    crashes: 0.004,
    deaths: 2,
  })
  expect(effects).toEqual([1, 1, 1, 1])
  expect(answers[200]).toBeGreaterThan(0)
}, 60_000)
