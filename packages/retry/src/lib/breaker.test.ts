import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { describe, expect, test } from 'vitest'

import { breaker, type BreakerOptions } from './breaker.ts'
import type { Outcome, Waiter } from './gate.ts'
import { VirtualRuntime } from './simulate/virtual.ts'

function rig(options?: BreakerOptions) {
  const runtime = new VirtualRuntime(3)
  const b = breaker(options)
  b.attach('p', runtime)
  const call = (outcome: Outcome, elapsed = 1): boolean => {
    if (b.enter()) return false
    b.leave(outcome, elapsed, b.era)
    return true
  }
  const calls = (count: number, outcome: Outcome, elapsed?: number): void => {
    for (let i = 0; i < count; i++) call(outcome, elapsed)
  }
  return { b, runtime, call, calls, pass: (ms: number) => runtime.run(runtime.now() + ms) }
}

describe('opens', () => {
  test('when enough of the last calls failed, and not before the minimum', () => {
    const { b, calls } = rig({ calls: 50, minimum: 20, failureRate: 0.5 })
    calls(10, 'ok')
    calls(9, 'failed')
    expect(b.state.kind).toBe('closed')
    calls(1, 'failed')
    expect(b.state).toMatchObject({ kind: 'open', why: '10 of 20 calls failed' })
  })
  test('on failures in a row', () => {
    const { b, calls } = rig({ consecutive: 5 })
    calls(100, 'ok')
    calls(4, 'timeout')
    calls(1, 'ok')
    calls(4, 'failed')
    expect(b.state.kind).toBe('closed')
    calls(1, 'overload')
    expect(b.state).toMatchObject({ kind: 'open', why: '5 failures in a row' })
  })
  test('on slow calls', () => {
    const { b, calls } = rig({ slowerThan: 100, slowRate: 0.5, minimum: 10 })
    calls(9, 'ok', 101)
    expect(b.state.kind).toBe('closed')
    calls(1, 'ok', 101)
    expect(b.state).toMatchObject({ kind: 'open', why: '10 of 10 calls were slow' })
  })
  test('in a window of time, which forgets', async () => {
    const { b, calls, pass } = rig({ window: '1s', minimum: 10, failureRate: 0.5 })
    calls(9, 'failed')
    await pass(1100)
    calls(9, 'failed')
    expect(b.state.kind).toBe('closed')
    calls(1, 'failed')
    expect(b.state.kind).toBe('open')
  })
  test('never on answers that are not the dependency’s fault, nor on calls nobody waited for', () => {
    const { b, calls } = rig({ minimum: 1, failureRate: 0.1 })
    calls(100, 'answered')
    calls(100, 'ignored')
    expect(b.state.kind).toBe('closed')
    expect(b.counts).toEqual({ total: 100, failed: 0, slow: 0 })
  })
})

describe('while open', () => {
  test('refuses without a clock’s worth of work, says when to come again, and stays open longer each time', async () => {
    const { b, call, calls, pass } = rig({ minimum: 1, openFor: 100, growth: 2, maxOpenFor: 1000 })
    const opened: number[] = []
    for (let round = 0; round < 6; round++) {
      calls(1, 'failed')
      const refusal = b.enter()!
      opened.push(refusal.retryAfter!)
      expect(call('ok')).toBe(false)
      await pass(refusal.retryAfter! + 1)
    }
    const spread = (ms: number, want: number): void => {
      expect(ms).toBeGreaterThanOrEqual(want * 0.75)
      expect(ms).toBeLessThanOrEqual(want * 1.25)
    }
    for (const [index, want] of [100, 200, 400, 800, 1000, 1000].entries()) spread(opened[index]!, want)
  })
  test('what was sent before it opened is no probe', async () => {
    const { b, calls, pass } = rig({ minimum: 1, openFor: 100 })
    const before = b.era
    b.enter()
    calls(1, 'failed')
    await pass(200)
    b.enter()
    expect(b.state).toMatchObject({ kind: 'half-open', passed: 0 })
    b.leave('ok', 1, before)
    expect(b.state).toMatchObject({ kind: 'half-open', passed: 0 })
  })
})

describe('half open', () => {
  test('lets one probe through, then a few, and closes when enough succeeded', async () => {
    const { b, calls, pass } = rig({ minimum: 1, probes: 6 })
    calls(1, 'failed')
    await pass(200)
    const admitted = (): number => {
      let count = 0
      while (b.enter() === undefined) count++
      return count
    }
    expect(admitted()).toBe(1)
    b.leave('ok', 1, b.era)
    expect(admitted()).toBe(3)
    for (let i = 0; i < 3; i++) b.leave('ok', 1, b.era)
    expect(b.state).toMatchObject({ kind: 'half-open', passed: 4 })
    expect(admitted()).toBe(2)
    for (let i = 0; i < 2; i++) b.leave('ok', 1, b.era)
    expect(b.state.kind).toBe('closed')
    expect(b.counts.total).toBe(0)
  })
  test('a failed probe opens it again, an abandoned one frees its place', async () => {
    const { b, calls, pass } = rig({ minimum: 1 })
    calls(1, 'failed')
    await pass(200)
    b.enter()
    b.leave('ignored', 1, b.era)
    expect(b.state).toMatchObject({ kind: 'half-open', probing: 0 })
    b.enter()
    b.leave('timeout', 1, b.era)
    expect(b.state.kind).toBe('open')
  })
  test('a few wait for the probe, the others fail at once; those who wait go one by one, not as a herd', async () => {
    const { b, calls, pass } = rig({ minimum: 1, waiters: 3, probes: 10 })
    calls(1, 'failed')
    await pass(200)
    b.enter()
    const log: string[] = []
    const waiter = (name: string): Waiter => ({
      priority: 'normal',
      remaining: () => Infinity,
      granted: () => log.push(`${name} in`),
      refused: () => log.push(`${name} out`),
    })
    expect(['a', 'b', 'c', 'd'].map((name) => b.wait(waiter(name)))).toEqual([true, true, true, false])
    const forgotten = waiter('e')
    b.forget(forgotten)
    b.leave('ok', 1, b.era)
    expect(log).toEqual(['a in', 'b in', 'c in'])
    b.leave('failed', 1, b.era)
    expect(b.state.kind).toBe('open')
  })
  test('when the probe fails, those who wait fail with it', async () => {
    const { b, calls, pass } = rig({ minimum: 1 })
    calls(1, 'failed')
    await pass(200)
    b.enter()
    const log: string[] = []
    b.wait({
      priority: 'normal',
      remaining: () => Infinity,
      granted: () => log.push('in'),
      refused: (refusal) => log.push(refusal.code),
    })
    b.leave('failed', 1, b.era)
    expect(log).toEqual(['ERR_SHOP_RETRY_OPEN'])
  })
})

describe('forced', () => {
  test('open refuses, disabled does nothing, metrics counts and never refuses, auto decides again', () => {
    const { b, call, calls } = rig({ minimum: 1 })
    b.force('open')
    expect(call('ok')).toBe(false)
    b.force('disabled')
    calls(50, 'failed')
    expect(b.counts.total).toBe(0)
    b.force('metrics')
    calls(50, 'failed')
    expect(b.counts).toMatchObject({ total: 50, failed: 50 })
    expect(b.state.kind).toBe('metrics-only')
    b.force('auto')
    expect(b.state.kind).toBe('closed')
    calls(1, 'failed')
    expect(b.state.kind).toBe('open')
  })
})

test('tells of changes, not of calls', () => {
  const heard: unknown[] = []
  const listener = (message: unknown): void => void heard.push(message)
  subscribe('shop:retry:breaker', listener)
  const { b, calls } = rig({ minimum: 1 })
  const changes: string[] = []
  const end = b.onChange(({ from, to }) => changes.push(`${from} > ${to}`))
  calls(1000, 'ok')
  b.open('told')
  end()
  b.force('disabled')
  unsubscribe('shop:retry:breaker', listener)
  expect(changes).toEqual(['closed > open'])
  expect(heard).toEqual([
    { breaker: 'p', from: 'closed', to: 'open', why: 'told' },
    { breaker: 'p', from: 'open', to: 'disabled', why: 'forced' },
  ])
})
