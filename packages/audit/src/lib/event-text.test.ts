import fc from 'fast-check'
import { expect, it } from 'vitest'

import { canonicalize } from './canonical.ts'
import type { RecordedEvent } from './event.ts'
import { eventText, joinText } from './event-text.ts'

const text = fc.string({ unit: 'grapheme', minLength: 1 })
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const ref = fc.record({ type: text, id: text })

const events = fc.record({
  action: fc.constantFrom('auth.login', 'order.placed'),
  actor: optional(
    fc.record({
      type: fc.constantFrom('user' as const, 'admin' as const),
      id: text,
      roles: optional(fc.array(text)),
      impersonatedBy: optional(text),
    }),
  ),
  changes: optional(fc.array(fc.record({ field: text, from: fc.double({ noNaN: true, noDefaultInfinity: true }) }))),
  context: optional(fc.record({ requestId: optional(text), traceId: optional(text) })),
  data: optional(fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null)))),
  id: fc.uuid(),
  outcome: fc.constantFrom('success' as const, 'denied' as const),
  pii: optional(fc.record({ subject: text, commitments: fc.dictionary(text, text) })),
  severity: fc.constantFrom('info' as const, 'high' as const),
  targets: optional(fc.array(ref, { minLength: 1 })),
  time: fc.constant('2026-11-24T07:00:00.000Z'),
  version: fc.integer({ min: 1, max: 99 }),
})
const links = optional(fc.record({ prev: fc.base64String(), seq: fc.nat(), writer: fc.uuid() }))

it('is the canonical form (RFC 8785) of the event with its link, written without sorting it again', () => {
  fc.assert(
    fc.property(events, links, (event, link) => {
      const whole = joinText(eventText(event as RecordedEvent), link)
      expect(whole).toBe(canonicalize({ ...event, link }))
    }),
  )
})
