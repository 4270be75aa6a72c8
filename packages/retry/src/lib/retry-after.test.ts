import fc from 'fast-check'
import { expect, test } from 'vitest'

import { retryAfter } from './retry-after.ts'

const NOW = Date.parse('Tue, 24 Nov 2026 07:00:00 GMT')
const asked = (headers: Record<string, string>) => retryAfter(new Response(null, { headers }), NOW)

test.each([
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': 'Tue, 24 Nov 2026 07:00:05 GMT' }, 5000],
  [{ 'retry-after': 'Tue, 24 Nov 2026 06:00:00 GMT' }, 0],
  [{ 'retry-after-ms': '250' }, 250],
  [{ 'retry-after-ms': '250', 'retry-after': '1' }, 1000],
  [{ 'x-ratelimit-reset': '7' }, 7000],
  [{ 'x-ratelimit-reset': String(NOW / 1000 + 4) }, 4000],
  [{ 'x-ratelimit-reset': String(NOW + 1500) }, 1500],
  [{ 'x-ratelimit-reset': '7', 'x-ratelimit-remaining': '12' }, undefined],
  [{ 'x-ratelimit-reset': '7', 'x-ratelimit-remaining': '0' }, 7000],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': '2026' + '-11-24' }, undefined],
  [{}, undefined],
] as const)('%o asks for %s ms', (headers, ms) => expect(asked(headers as Record<string, string>)).toBe(ms))

test('errors that carry headers are read like responses', () => {
  expect(retryAfter({ headers: { 'retry-after': '2' } })).toBe(2000)
  expect(retryAfter({ response: { headers: { 'retry-after': '2' } } })).toBe(2000)
  expect(retryAfter({ retryAfter: 120 })).toBe(120)
})

test('no header makes it throw or give something that is no duration', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const ms = retryAfter({ headers: { 'retry-after': a, 'x-ratelimit-reset': b } })
      expect(ms === undefined || (ms >= 0 && Number.isFinite(ms))).toBe(true)
    }),
  )
})
