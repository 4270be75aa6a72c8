import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'

import { create__Name__ } from './__name__.ts'

test('it says yes exactly as often as its limit', () => {
  const limit = fc.integer({ min: 1, max: 1000 })
  const more = fc.integer({ min: 1, max: 10 })
  fc.assert(
    fc.property(limit, more, (limit, more) => {
      const { take } = create__Name__({ limit })
      const yes = Array.from({ length: limit + more }, take).filter(Boolean)
      expect(yes).toHaveLength(limit)
    }),
  )
})

test('a refusal is told on its channel', () => {
  const told: unknown[] = []
  const listen = (message: unknown): unknown => told.push(message)
  subscribe('shop:__name__:refused', listen)
  onTestFinished(() => void unsubscribe('shop:__name__:refused', listen))
  const { take } = create__Name__({ limit: 1 })
  take()
  expect(told).toEqual([])
  take()
  expect(told).toEqual([{ limit: 1 }])
})

test.each([{ limit: 0 }, { limit: 1.5 }, { limit: 1e7 }, { limits: 1 }])('%j is refused at construction', (options) => {
  expect(() => create__Name__(options)).toThrow(expect.objectContaining({ code: 'ERR_SHOP___CODE___OPTION' }))
})
