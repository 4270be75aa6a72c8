import fc from 'fast-check'
import { expect, test } from 'vitest'

import { DeadlineQueue } from './deadline-queue.ts'

const rig = (shape = { limit: 100, target: 100, interval: 100 }) => {
  const dropped: [string, string][] = []
  const queue = new DeadlineQueue<string>(shape, (item, why) => dropped.push([item, why]))
  return { queue, dropped }
}

test('first in first out while the wait is short', () => {
  const { queue } = rig()
  for (const item of ['a', 'b', 'c']) queue.push(item, 1000, 0)
  expect([queue.shift(10), queue.shift(10), queue.shift(10), queue.shift(10)]).toEqual(['a', 'b', 'c', undefined])
})

test('newest first in overload, and the oldest is dropped, faster the longer it lasts', () => {
  const { queue, dropped } = rig()
  for (let i = 0; i < 20; i++) queue.push(`${i}`, 10_000, i)
  expect(queue.shift(150)).toBe('0')
  expect(queue.overloaded(260)).toBe(true)
  expect(queue.shift(260)).toBe('19')
  expect(dropped).toEqual([['1', 'overload']])
  queue.shift(360)
  queue.shift(600)
  expect(dropped.length).toBeGreaterThan(4)
  for (const [index, [item]] of dropped.entries()) expect(item).toBe(`${index + 1}`)
})

test('what is past its time is dropped in either order', () => {
  const { queue, dropped } = rig()
  queue.push('late', 50, 0)
  queue.push('soon', 500, 0)
  expect(queue.shift(60)).toBe('soon')
  expect(dropped).toEqual([['late', 'late']])
})

test('a full queue lets the oldest go', () => {
  const { queue, dropped } = rig({ limit: 2, target: 100, interval: 100 })
  for (const item of ['a', 'b', 'c']) queue.push(item, 1000, 0)
  expect(dropped).toEqual([['a', 'overload']])
  expect(queue.size).toBe(2)
})

test('nothing is lost and nothing served twice or late, whatever happens', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ wait: fc.nat(300), take: fc.boolean(), gap: fc.nat(80), leave: fc.boolean() }), {
        maxLength: 200,
      }),
      (steps) => {
        const { queue, dropped } = rig({ limit: 20, target: 50, interval: 50 })
        let now = 0
        let removed = 0
        const served: string[] = []
        const due = new Map<string, number>()
        for (const [index, step] of steps.entries()) {
          now += step.gap
          queue.push(`${index}`, now + step.wait, now)
          due.set(`${index}`, now + step.wait)
          if (step.leave && queue.remove(`${index}`)) removed++
          const item = step.take ? queue.shift(now) : undefined
          if (item === undefined) continue
          expect(due.get(item)).toBeGreaterThan(now)
          served.push(item)
        }
        expect(new Set([...served, ...dropped.map(([item]) => item)]).size).toBe(served.length + dropped.length)
        expect(served.length + dropped.length + removed + queue.size).toBe(steps.length)
      },
    ),
  )
})
