import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, test } from 'vitest'

import { bulkhead } from './bulkhead.ts'
import type { Priority } from './gate.ts'
import { adaptiveLimit } from './limit.ts'
import { pipeline } from './pipeline.ts'
import { throttle } from './throttle.ts'
import { VirtualRuntime } from './simulate/virtual.ts'

describe('bulkhead', () => {
  test('never lets more in than it has places, and loses nobody', async () => {
    const b = bulkhead({ limit: 5, queue: 1000, reserve: 0 })
    const p = pipeline('p', [b])
    let running = 0
    let most = 0
    const results = await Promise.all(
      Array.from({ length: 200 }, () =>
        p.tryRun(async () => {
          most = Math.max(most, ++running)
          await wait(1)
          running--
        }),
      ),
    )
    expect(results.every((each) => each.ok)).toBe(true)
    expect(most).toBe(5)
    expect([b.running, b.waiting]).toEqual([0, 0])
  })
  test('checkout is shed last: who matters less makes room, and who matters most finds a reserved place', async () => {
    const p = pipeline('p', [bulkhead({ limit: 4, queue: 2, reserve: 0.25 })])
    const order: string[] = []
    const call = (name: string, priority: Priority) =>
      p.tryRun(
        async () => {
          order.push(name)
          await wait(20)
        },
        { priority },
      )
    const calls = [
      call('n1', 'normal'),
      call('n2', 'normal'),
      call('n3', 'normal'),
      call('n4', 'normal'),
      call('b1', 'background'),
    ]
    const checkout = call('checkout', 'critical')
    calls.push(call('n5', 'normal'))
    const shed = await Promise.all([call('b2', 'background'), ...calls])
    await checkout
    expect(order.slice(0, 4)).toEqual(['n1', 'n2', 'n3', 'checkout'])
    expect(order).toContain('n4')
    expect(order).toContain('n5')
    expect(shed.filter((each) => !each.ok)).toHaveLength(2)
    expect(order).not.toContain('b1')
    expect(order).not.toContain('b2')
  })
  test('who is aborted while waiting leaves the queue', async () => {
    const b = bulkhead({ limit: 1, queue: 5 })
    const p = pipeline('p', [b])
    const first = p.run(() => wait(30))
    const controller = new AbortController()
    const second = p.tryRun(() => 1, { signal: controller.signal })
    expect(b.waiting).toBe(1)
    controller.abort()
    expect(await second).toMatchObject({ reason: 'aborted', attempts: 0 })
    expect(b.waiting).toBe(0)
    await first
    expect(await p.run(() => 2)).toBe(2)
  })
})

describe('adaptive limit', () => {
  const rig = (options?: Parameters<typeof adaptiveLimit>[0]) => {
    const runtime = new VirtualRuntime(5)
    const limit = adaptiveLimit(options)
    limit.attach('p', runtime)
    const fill = (): number => {
      let count = 0
      while (!limit.enter('normal')) count++
      return count
    }
    return { runtime, limit, fill }
  }
  test('grows while it is reached and answers come in time, and not when it is idle', () => {
    const { limit, fill } = rig({ initial: 10 })
    for (let round = 0; round < 3; round++) for (let n = fill(); n > 0; n--) limit.leave('ok', 10)
    expect(limit.limit).toBeGreaterThan(10)
    const now = limit.limit
    for (let i = 0; i < 100; i++) {
      limit.enter('normal')
      limit.leave('ok', 10)
    }
    expect(limit.limit).toBe(now)
  })
  test.each(['timeout', 'overload'] as const)('shrinks when calls end in %s', (outcome) => {
    const { limit, fill } = rig({ initial: 20 })
    for (let n = fill(); n > 0; n--) limit.leave('ok', 10)
    const before = limit.limit
    for (let n = fill(); n > 0; n--) limit.leave(outcome, 500)
    expect(limit.limit).toBeLessThan(before * 0.75)
  })
  test('shrinks when calls take far longer than they used to', () => {
    const { limit, fill } = rig({ initial: 20 })
    for (let n = fill(); n > 0; n--) limit.leave('ok', 10)
    const before = limit.limit
    for (let n = fill(); n > 0; n--) limit.leave('ok', 100)
    expect(limit.limit).toBeLessThan(before)
  })
  test('does not shrink when one call in ten hangs', () => {
    const { limit, fill } = rig({ initial: 20 })
    for (let round = 0; round < 50; round++) {
      for (let n = fill(); n > 0; n--) limit.leave(n % 10 === 0 ? 'timeout' : 'ok', n % 10 === 0 ? 500 : 10)
    }
    expect(limit.limit).toBeGreaterThanOrEqual(20)
  })
  test('plain failures say nothing about load', () => {
    const { limit, fill } = rig({ initial: 10 })
    for (let round = 0; round < 10; round++) for (let n = fill(); n > 0; n--) limit.leave('failed', 1)
    expect(limit.limit).toBe(10)
  })
  test('below one call at a time there is a pause between two', async () => {
    const { runtime, limit, fill } = rig({ initial: 1, min: 0.25 })
    for (let round = 0; round < 40; round++) {
      for (let n = fill(); n > 0; n--) limit.leave('timeout', 100)
      await runtime.run(runtime.now() + 1000)
    }
    expect(limit.enter('normal')).toBeUndefined()
    limit.leave('timeout', 100)
    expect(limit.enter('normal')).toBeDefined()
    await runtime.run(runtime.now() + 301)
    expect(limit.enter('normal')).toBeUndefined()
  })
})

describe('throttle', () => {
  test('sheds nothing while half of the requests are accepted, nearly everything when none is, and probes all the same', async () => {
    const runtime = new VirtualRuntime(5)
    const t = throttle({ window: '2s', probeEvery: '500ms' })
    t.attach('p', runtime)
    let sent = 0
    const offer = async (accepted: (n: number) => boolean): Promise<number> => {
      sent = 0
      for (let i = 0; i < 400; i++) {
        if (!t.enter()) {
          sent++
          t.leave(accepted(i) ? 'ok' : 'failed')
        }
        await runtime.run(runtime.now() + 10)
      }
      return sent
    }
    expect(await offer((n) => n % 2 === 0)).toBe(400)
    await offer(() => false)
    const dead = await offer(() => false)
    expect(dead).toBeLessThan(30)
    // four seconds, a probe every half second
    expect(dead).toBeGreaterThanOrEqual(8)
    await offer(() => true)
    expect(await offer(() => true)).toBe(400)
    expect(t.shedding).toBe(0)
  })
})
