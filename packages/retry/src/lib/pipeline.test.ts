import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'

import { describe, expect, test, vi } from 'vitest'

import { adaptiveLimit } from './limit.ts'
import { breaker } from './breaker.ts'
import { bulkhead } from './bulkhead.ts'
import { deadline } from './deadline.ts'
import { fallback } from './fallback.ts'
import { hedge } from './hedge.ts'
import { pipeline } from './pipeline.ts'
import { retry } from './retry.ts'
import { VirtualRuntime } from './simulate/virtual.ts'
import { throttle } from './throttle.ts'
import { timeout } from './timeout.ts'

const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
const fast = { base: 1, max: 2 } as const

describe('run', () => {
  test('gives the value of a promise, of a thenable, and of a plain return', async () => {
    const p = pipeline('p', [deadline('1s'), retry(), breaker()])
    expect(await p.run(async () => 1)).toBe(1)
    expect(await p.run(() => 2)).toBe(2)
    // oxlint-disable-next-line unicorn/no-thenable -- what the test is about
    const thenable = { then: (done: (value: number) => void) => done(3) } as PromiseLike<number>
    expect(await p.run(() => thenable)).toBe(3)
    expect(
      await p.run(async () => {
        await turn()
        return 4
      }),
    ).toBe(4)
  })
  test('tries again what can be tried again, and gives the last error when it cannot', async () => {
    const p = pipeline('p', [retry(fast)])
    let calls = 0
    expect(
      await p.run(() => {
        if (++calls < 3) throw refused()
        return calls
      }),
    ).toBe(3)
    const error = Object.assign(new Error('gone'), { status: 404 })
    calls = 0
    await expect(
      p.run(async () => {
        calls++
        throw error
      }),
    ).rejects.toBe(error)
    expect(calls).toBe(1)
  })
  test('the listed order of strategies is one that works', async () => {
    const p = pipeline('p', [
      deadline('1s'),
      retry(fast),
      adaptiveLimit(),
      breaker(),
      hedge(),
      bulkhead(),
      fallback(() => 'instead'),
    ])
    expect(await p.run(async () => 'value')).toBe('value')
    expect(
      await p.run(async () => {
        throw refused()
      }),
    ).toBe('instead')
  })
  test('an empty list runs the function', async () => expect(await pipeline('p', []).run(() => 1)).toBe(1))
  test('each strategy works alone', async () => {
    expect(await retry(fast).run(() => 1)).toBe(1)
    expect(await breaker({ mode: 'open' }).tryRun(() => 1)).toMatchObject({ ok: false, reason: 'open' })
    await expect(deadline(20).run(() => new Promise(() => undefined))).rejects.toMatchObject({
      code: 'ERR_SHOP_RETRY_DEADLINE',
    })
    await expect(timeout(20).run(() => new Promise(() => undefined))).rejects.toMatchObject({
      code: 'ERR_SHOP_RETRY_TIMEOUT',
    })
    expect(await throttle().run(() => 1)).toBe(1)
    expect(await bulkhead().wrap((a: number, b: number) => a + b)(1, 2)).toBe(3)
    expect(await fallback(() => 2).run(() => Promise.reject(refused()))).toBe(2)
  })
})

describe('tryRun', () => {
  const never = (): Promise<never> => new Promise(() => undefined)
  test('names why: error, budget, deadline, limit, open, aborted', async () => {
    const fail = async (): Promise<never> => {
      throw refused()
    }
    expect(await pipeline('p', [retry({ ...fast, attempts: 3 })]).tryRun(fail)).toMatchObject({
      ok: false,
      reason: 'error',
      attempts: 3,
    })
    expect(await pipeline('p', [retry({ ...fast, budget: { initial: 1 } })]).tryRun(fail)).toMatchObject({
      reason: 'budget',
      attempts: 2,
    })
    expect(await pipeline('p', [deadline(20)]).tryRun(never)).toMatchObject({ reason: 'deadline', attempts: 1 })
    expect(await pipeline('p', [deadline('1s'), retry({ base: '5s', jitter: 'none' })]).tryRun(fail)).toMatchObject({
      reason: 'deadline',
      attempts: 1,
      error: { code: 'ERR_SHOP_RETRY_DEADLINE', cause: { code: 'ECONNREFUSED' } },
    })
    const full = pipeline('p', [bulkhead({ limit: 1, queue: 0 }), timeout(50)])
    void full.tryRun(never)
    expect(await full.tryRun(never)).toMatchObject({
      reason: 'limit',
      attempts: 0,
      error: { code: 'ERR_SHOP_RETRY_LIMIT' },
    })
    expect(await pipeline('p', [breaker({ mode: 'open' })]).tryRun(fail)).toMatchObject({
      reason: 'open',
      attempts: 0,
      error: { code: 'ERR_SHOP_RETRY_OPEN' },
    })
    const reason = new Error('left')
    expect(await pipeline('p', [retry()]).tryRun(never, { signal: AbortSignal.abort(reason) })).toEqual({
      ok: false,
      reason: 'aborted',
      error: reason,
      attempts: 0,
    })
  })
  test('a success is a value', async () => {
    expect(await pipeline('p', [retry()]).tryRun(() => 5)).toEqual({ ok: true, value: 5 })
  })
  test('a failed result is a result: the caller gets it', async () => {
    let calls = 0
    const p = pipeline('p', [retry({ ...fast, attempts: 2, whenResult: (value) => value === 'bad' })])
    expect(
      await p.tryRun(() => {
        calls++
        return 'bad'
      }),
    ).toEqual({ ok: true, value: 'bad' })
    expect(calls).toBe(2)
  })
})

describe('abort', () => {
  test('during backoff: settles at once, 0 further attempts, no timer and no listener left', async () => {
    const p = pipeline('p', [retry({ base: '1m', jitter: 'none', max: '1m' })])
    // the best of five: a busy machine may hold up any one of them
    const settled: number[] = []
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController()
      const { signal } = controller
      let listeners = 0
      const add = signal.addEventListener.bind(signal)
      const remove = signal.removeEventListener.bind(signal)
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners++
        add(...args)
      }
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners--
        remove(...args)
      }
      await wait(50)
      const before = timers()
      const task = vi.fn<() => Promise<never>>(() => Promise.reject(refused()))
      const running = p.tryRun(task, { signal })
      await wait(20)
      const at = performance.now()
      controller.abort(new Error('left'))
      const result = await running
      settled.push(performance.now() - at)
      expect(result).toMatchObject({ reason: 'aborted', attempts: 1 })
      expect(timers()).toBeLessThanOrEqual(before)
      await wait(30)
      expect(task).toHaveBeenCalledTimes(1)
      expect(listeners).toBe(0)
    }
    expect(Math.min(...settled)).toBeLessThan(2)
  })
  test('reaches the function’s own signal', async () => {
    const controller = new AbortController()
    let seen: unknown
    const running = pipeline('p', [retry()]).run(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            seen = signal.reason
            reject(new Error('stopped'))
          })
        }),
      { signal: controller.signal },
    )
    const reason = new Error('left')
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    expect(seen).toBe(reason)
  })
  test('success aborts nothing', async () => {
    let signal: AbortSignal | undefined
    await pipeline('p', [deadline('1s')]).run(async (context) => {
      signal = context.signal
      await turn()
    })
    expect(signal?.aborted).toBe(false)
  })
  test('one signal serves thousands of calls without a warning', async () => {
    const warned = vi.fn<() => void>()
    process.once('warning', warned)
    const controller = new AbortController()
    const p = pipeline('p', [deadline('1m')])
    await Promise.all(Array.from({ length: 2000 }, () => p.run(() => turn(), { signal: controller.signal })))
    await turn()
    expect(warned).not.toHaveBeenCalled()
  })
})

describe('time', () => {
  test('a timed-out attempt is aborted and tried again when the call is idempotent', async () => {
    const p = pipeline('p', [deadline('2s'), retry(fast), timeout(20)])
    const reasons: unknown[] = []
    let calls = 0
    const task = ({ signal }: { signal: AbortSignal }): Promise<string> => {
      calls++
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      return calls < 3 ? new Promise(() => undefined) : Promise.resolve('third')
    }
    expect(await p.run(task, { idempotent: true })).toBe('third')
    expect(reasons).toMatchObject([{ code: 'ERR_SHOP_RETRY_TIMEOUT' }, { code: 'ERR_SHOP_RETRY_TIMEOUT' }])
    calls = 0
    await expect(p.run(() => task({ signal: new AbortController().signal }))).rejects.toMatchObject({
      code: 'ERR_SHOP_RETRY_TIMEOUT',
    })
    expect(calls).toBe(1)
  })
  test.each([20, 100, 300, 5000])('a deadline of %d ms is not early, and not late by more than a turn', async (ms) => {
    const runtime = new VirtualRuntime(1)
    const p = pipeline('p', [deadline(ms)], { runtime })
    const ended = p.tryRun(() => new Promise(() => undefined)).then(() => runtime.now())
    await runtime.run(10_000)
    expect(await ended).toBeGreaterThanOrEqual(ms)
    expect(await ended).toBeLessThanOrEqual(ms + Math.min(10, Math.max(1, ms / 16)))
  })
  test('remaining tells what is left of the shorter of timeout and deadline', async () => {
    const runtime = new VirtualRuntime(1)
    const p = pipeline('p', [deadline('2s'), retry(fast), timeout('500ms')], { runtime })
    expect(await p.run((context) => context.remaining)).toBe(500)
    const left = p.run(async (context) => {
      await new Promise<void>((resolve) => void runtime.after(60, resolve))
      return context.remaining
    })
    await runtime.run(1000)
    expect(await left).toBe(450)
    expect(await p.run((context) => context.remaining, { deadline: 100 })).toBe(100)
    expect(await pipeline('p', []).run((context) => context.remaining)).toBe(Infinity)
  })
  test('the caller’s shorter deadline holds', async () => {
    const p = pipeline('p', [deadline('10s')])
    expect(await p.tryRun(() => new Promise(() => undefined), { deadline: 30 })).toMatchObject({ reason: 'deadline' })
  })
  test('Retry-After is waited for, and a wait beyond the deadline ends the call', async () => {
    const limited = (ms: string): Error =>
      Object.assign(new Error('429'), { status: 429, headers: { 'retry-after-ms': ms } })
    const p = pipeline('p', [deadline('1s'), retry({ base: 1 })])
    let calls = 0
    const at = performance.now()
    await p.run(() => {
      if (++calls === 1) throw limited('80')
    })
    expect(performance.now() - at).toBeGreaterThanOrEqual(79)
    expect(await p.tryRun(() => Promise.reject(limited('5000')))).toMatchObject({ reason: 'deadline', attempts: 1 })
    const patient = pipeline('p', [retry({ maxRetryAfter: '1s' })])
    expect(await patient.tryRun(() => Promise.reject(limited('2000')))).toMatchObject({ reason: 'error', attempts: 1 })
  })
})

describe('the pipeline itself', () => {
  test('is immutable', () => {
    const p = pipeline('p', [retry()])
    expect(Object.isFrozen(p)).toBe(true)
    expect(Object.isFrozen(p.strategies)).toBe(true)
  })
  test('isolate forces it open while held, by several holders', async () => {
    const p = pipeline('p', [retry()])
    const task = vi.fn<() => number>(() => 1)
    const first = p.isolate()
    {
      using _second = p.isolate()
      expect(await p.tryRun(task)).toMatchObject({ reason: 'open' })
    }
    expect(await p.tryRun(task)).toMatchObject({ reason: 'open', error: { code: 'ERR_SHOP_RETRY_OPEN' } })
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    expect(await p.run(task)).toBe(1)
    expect(task).toHaveBeenCalledTimes(1)
  })
  test('isolation has a fallback too', async () => {
    const p = pipeline('p', [fallback(() => 'instead')])
    using _held = p.isolate()
    expect(await p.run(() => 'value')).toBe('instead')
    expect(await p.tryRun(() => 'value')).toEqual({ ok: true, value: 'instead' })
  })
  test('disposing waits for what runs and refuses what comes', async () => {
    const p = pipeline('p', [retry()])
    let done = false
    const running = p.run(async () => {
      await wait(30)
      done = true
    })
    const disposed = p[Symbol.asyncDispose]()
    expect(await p.tryRun(() => 1)).toMatchObject({ reason: 'aborted', error: { code: 'ERR_SHOP_RETRY_DISPOSED' } })
    await disposed
    expect(done).toBe(true)
    await running
    await p[Symbol.asyncDispose]()
  })
  test('wrap keeps arguments and this', async () => {
    const teller = {
      name: 'x',
      tell: pipeline('p', []).wrap(function tell(this: { name: string }, a: number) {
        return `${this.name}${a}`
      }),
    }
    expect(await teller.tell(1)).toBe('x1')
  })
})

function timers(): number {
  return process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length
}
