import fc from 'fast-check'
import { expect, it } from 'vitest'

import { loggedOut, shopActions } from './catalogue.ts'
import { prepareEvent, type PreparedEvent } from './prepare.ts'
import { encodeEvent } from './tuple.ts'

const preparation = {
  actions: new Map(shopActions.map((action) => [action.name as string, action])),
  subjectKeys: undefined,
  now: Date.now,
  maxEventBytes: 65_536,
  allowFields: new Set<string>(),
}

it('holds every time the trail takes to the microsecond, and every count of a writer, as 64 bits', () => {
  const times = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  fc.assert(
    fc.property(times, fc.maxSafeNat(), (time, seq) => {
      const event = { ...loggedOut({ type: 'user', id: 'u-1' }), time }
      const prepared = prepareEvent(event, preparation) as PreparedEvent
      const { tuple } = encodeEvent(prepared, { prev: '', seq, writer: 'w' }, undefined)
      expect(tuple.readBigInt64BE(4)).toBe((BigInt(time.getTime()) - 946_684_800_000n) * 1000n)
      expect(tuple.readBigInt64BE(36)).toBe(BigInt(seq))
    }),
  )
})
