import { expect, it } from 'vitest'

import { faultRun } from '../../soak/fault.ts'

it('loses and duplicates nothing acknowledged, whatever is killed when (short form of soak/fault)', async () => {
  const count = await faultRun({ kills: 5, within: 200, outage: 700, durable: false })
  expect(count.acknowledged).toBeGreaterThan(100)
  expect(count.acknowledgedInOutage).toBeGreaterThan(10)
  expect(count).toMatchObject({ lost: 0, duplicated: 0, spoolFilesLeft: 0 })
  expect(count.report.findings).toEqual([])
  expect(count.memory).toBeLessThan(400)
}, 180_000)
