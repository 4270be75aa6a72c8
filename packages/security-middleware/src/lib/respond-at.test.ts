import { setTimeout as sleep } from 'node:timers/promises'

import { view } from '@shop/testkit/view'
import type { ReplyView } from '@shop/middleware'
import { describe, expect, test } from 'vitest'

import { deadlineOverflow, type DeadlineOverflow } from './events.ts'
import { respondAt } from './respond-at.ts'
import { longestSpin, waitUntil } from './wait-until.ts'

const reply: ReplyView = { status: 200, header: () => undefined, set() {}, append() {}, remove() {} }

async function held(deadline: number, work: number): Promise<number> {
  const policy = respondAt(deadline)
  const request = view()
  const start = performance.now()
  void policy.evaluate!(request)
  if (work > 0) await sleep(work)
  await policy.respond!(request, reply)
  return performance.now() - start
}

describe('respondAt()', () => {
  test('holds a response until its deadline, however soon it was ready', async () => {
    for (const work of [0, 5, 12]) {
      // a busy machine may hold up any one of them
      const took = [await held(25, work), await held(25, work), await held(25, work)]
      expect(Math.min(...took)).toBeGreaterThanOrEqual(25)
      expect(Math.min(...took)).toBeLessThan(60)
    }
  })

  test('one that is late waits for the next multiple, and is counted', async () => {
    const heard: DeadlineOverflow[] = []
    const hear = (event: DeadlineOverflow): void => void heard.push(event)
    deadlineOverflow.subscribe(hear as never)
    const took = await held(20, 25)
    deadlineOverflow.unsubscribe(hear as never)
    expect(took).toBeGreaterThanOrEqual(40)
    expect(heard).toEqual([{ deadline: 20, took: expect.any(Number) as number }])
    expect(heard[0]!.took).toBeGreaterThan(20)
  })

  test('holds only the routes it is told to', () => {
    const policy = respondAt('1s', { routes: ['POST /login', '/reset/:token'] })
    const isHeld = (method: string, url: string): boolean => {
      const request = view({ method, url })
      void policy.evaluate!(request)
      return policy.respond!(request, reply) !== undefined
    }
    expect([isHeld('POST', '/login'), isHeld('GET', '/login'), isHeld('GET', '/reset/x'), isHeld('GET', '/')]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  test('stops waiting when the client is gone', async () => {
    const gone = new AbortController()
    const request = { ...view(), signal: gone.signal }
    const policy = respondAt('30s')
    void policy.evaluate!(request)
    const waiting = policy.respond!(request, reply)
    gone.abort()
    await waiting
  })

  test.each([
    ['soon', {}, 'ERR_SHOP_SECURITY_DURATION'],
    [0, {}, 'ERR_SHOP_SECURITY_OPTION'],
    ['2m', {}, 'ERR_SHOP_SECURITY_DURATION'],
    ['1s', { routes: ['login'] }, 'ERR_SHOP_SECURITY_PATTERN'],
    ['1s', { paths: [] }, 'ERR_SHOP_SECURITY_UNKNOWN_OPTION'],
  ])('refuses respondAt(%j, %j) when built', (deadline, options, code) => {
    expect(() => respondAt(deadline as never, options as never)).toThrow(expect.objectContaining({ code }))
  })
})

describe('waitUntil()', () => {
  test('does not end early, and its spin is short', async () => {
    for (let i = 0; i < 20; i++) {
      const instant = performance.now() + 3 + Math.random() * 3
      await waitUntil(instant)
      expect(performance.now()).toBeGreaterThanOrEqual(instant - longestSpin)
    }
  })

  test('lets others be served while it waits', async () => {
    let turns = 0
    let waiting = true
    const others = (async () => {
      while (waiting) {
        turns++
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    await waitUntil(performance.now() + 10)
    waiting = false
    await others
    expect(turns).toBeGreaterThan(10)
  })

  test('returns at once for an instant that has passed', async () => {
    const took: number[] = []
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      await waitUntil(start - 5)
      took.push(performance.now() - start)
    }
    expect(Math.min(...took)).toBeLessThan(5)
  })
})
