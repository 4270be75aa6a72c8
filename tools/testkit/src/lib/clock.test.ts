import { expect, test } from 'vitest'

import { fakeClock } from './clock.ts'

test('timers fall due in their order, and only when time moves', async () => {
  const clock = fakeClock(0)
  const seen: string[] = []
  clock.setTimeout(() => seen.push(`late ${clock.now()}`), 20)
  clock.setTimeout(() => seen.push(`early ${clock.now()}`), 10)
  const cancelled = clock.setTimeout(() => seen.push('never'), 5)
  clock.clearTimeout(cancelled)
  await clock.advance(9)
  expect(seen).toEqual([])
  await clock.advance(50)
  expect(seen).toEqual(['early 10', 'late 20'])
  expect(clock.now()).toBe(59)
  expect(clock.pending()).toBe(0)
})

test('a chain of sleeps runs within one advance', async () => {
  const clock = fakeClock(0)
  const job = (async () => {
    for (let i = 0; i < 5; i++) await clock.sleep(10)
    return clock.now()
  })()
  await clock.advance(100)
  expect(await job).toBe(50)
})

test('sleep ends with its signal', async () => {
  const clock = fakeClock()
  const abort = new AbortController()
  const sleeping = clock.sleep(10, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await expect(sleeping).rejects.toThrow('enough')
  expect(clock.pending()).toBe(0)
  await expect(clock.sleep(10, { signal: abort.signal })).rejects.toThrow('enough')
})
