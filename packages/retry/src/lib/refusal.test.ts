import { expect, test } from 'vitest'

import { adaptiveLimit } from './limit.ts'
import { breaker } from './breaker.ts'
import { bulkhead } from './bulkhead.ts'
import { chaos } from './chaos.ts'
import { deadline } from './deadline.ts'
import { RetryConfigError, type RetryErrorCode } from './errors.ts'
import { fallback } from './fallback.ts'
import { hedge } from './hedge.ts'
import { idempotency } from './idempotency/idempotency.ts'
import { memoryStore } from './idempotency/memory-store.ts'
import { pipeline } from './pipeline.ts'
import { retry } from './retry.ts'
import { deadlines } from './server/deadlines.ts'
import { standard } from './standard.ts'
import { throttle } from './throttle.ts'
import { timeout } from './timeout.ts'

const as = <T>(value: unknown): T => value as T

test.each<[string, () => unknown, RetryErrorCode, string]>([
  ['a pipeline without strategies', () => pipeline('p', as(undefined)), 'ERR_SHOP_RETRY_STRATEGY', 'p'],
  ['something that is no strategy', () => pipeline('p', [as({})]), 'ERR_SHOP_RETRY_STRATEGY', 'p'],
  ['a function in the list', () => pipeline('p', [as(retry)]), 'ERR_SHOP_RETRY_STRATEGY', 'p'],
  ['the same kind twice', () => pipeline('p', [retry(), retry()]), 'ERR_SHOP_RETRY_STRATEGY', 'p'],
  ['no name', () => pipeline('', []), 'ERR_SHOP_RETRY_OPTION', 'pipeline.name'],
  [
    'an unknown pipeline option',
    () => pipeline('p', [], as({ clock: 1 })),
    'ERR_SHOP_RETRY_OPTION_UNKNOWN',
    'pipeline.clock',
  ],
  ['breaker outside retry', () => pipeline('p', [breaker(), retry()]), 'ERR_SHOP_RETRY_ORDER', 'p'],
  ['hedge outside retry', () => pipeline('p', [hedge(), retry()]), 'ERR_SHOP_RETRY_ORDER', 'p'],
  ['timeout outside retry', () => pipeline('p', [timeout('1s'), retry()]), 'ERR_SHOP_RETRY_ORDER', 'p'],
  ['deadline inside retry', () => pipeline('p', [retry(), deadline('1s')]), 'ERR_SHOP_RETRY_ORDER', 'p'],
  ['wrap without a function', () => pipeline('p', []).wrap(as<() => void>(5)), 'ERR_SHOP_RETRY_FUNCTION', 'p.wrap'],
  ['an option every object has', () => retry(as({ toString: 1 })), 'ERR_SHOP_RETRY_OPTION_UNKNOWN', 'retry.toString'],
  ['a lone wrap without a function', () => retry().wrap(as<() => void>(5)), 'ERR_SHOP_RETRY_FUNCTION', 'retry.wrap'],
  ['a typo', () => retry(as({ attemps: 3 })), 'ERR_SHOP_RETRY_OPTION_UNKNOWN', 'retry.attemps'],
  ['no attempts', () => retry({ attempts: 0 }), 'ERR_SHOP_RETRY_OPTION', 'retry.attempts'],
  ['half an attempt', () => retry({ attempts: 1.5 }), 'ERR_SHOP_RETRY_OPTION', 'retry.attempts'],
  ['a wordy delay', () => retry({ base: as('soon') }), 'ERR_SHOP_RETRY_OPTION', 'retry.base'],
  ['a negative delay', () => retry({ base: -1 }), 'ERR_SHOP_RETRY_OPTION', 'retry.base'],
  ['an unknown jitter', () => retry({ jitter: as('some') }), 'ERR_SHOP_RETRY_OPTION', 'retry.jitter'],
  ['a predicate that is none', () => retry({ when: as(true) }), 'ERR_SHOP_RETRY_OPTION', 'retry.when'],
  ['a negative budget', () => retry({ budget: { cap: -1 } }), 'ERR_SHOP_RETRY_OPTION', 'budget.cap'],
  ['a budget that is a number', () => retry({ budget: as(5) }), 'ERR_SHOP_RETRY_OPTION', 'retry.budget'],
  ['options that are an array', () => retry(as([])), 'ERR_SHOP_RETRY_OPTION', 'retry'],
  ['a flag that is a word', () => retry({ idempotent: as('yes') }), 'ERR_SHOP_RETRY_OPTION', 'retry.idempotent'],
  ['a rate above one', () => breaker({ failureRate: 2 }), 'ERR_SHOP_RETRY_OPTION', 'breaker.failureRate'],
  ['an unknown mode', () => breaker({ mode: as('shut') }), 'ERR_SHOP_RETRY_OPTION', 'breaker.mode'],
  ['no places', () => bulkhead({ limit: 0 }), 'ERR_SHOP_RETRY_OPTION', 'bulkhead.limit'],
  ['a limit below nothing', () => adaptiveLimit({ initial: 0 }), 'ERR_SHOP_RETRY_OPTION', 'adaptiveLimit.initial'],
  ['a throttle that always sheds', () => throttle({ ratio: 0.5 }), 'ERR_SHOP_RETRY_OPTION', 'throttle.ratio'],
  ['a percentile of one', () => hedge({ percentile: 1 }), 'ERR_SHOP_RETRY_OPTION', 'hedge.percentile'],
  ['a budget that is none', () => hedge({ budget: as({}) }), 'ERR_SHOP_RETRY_OPTION', 'hedge.budget'],
  ['a deadline of nothing', () => deadline(0), 'ERR_SHOP_RETRY_OPTION', 'deadline'],
  ['a timeout without unit', () => timeout(as('500')), 'ERR_SHOP_RETRY_OPTION', 'timeout'],
  ['a fallback that is a value', () => fallback(as('x')), 'ERR_SHOP_RETRY_FUNCTION', 'fallback'],
  ['chaos beyond all', () => chaos({ faults: 1.1 }), 'ERR_SHOP_RETRY_OPTION', 'chaos.faults'],
  ['an unknown standard', () => standard(as({ retries: 3 })), 'ERR_SHOP_RETRY_OPTION_UNKNOWN', 'standard.retries'],
  ['deadlines without workers', () => deadlines({ concurrency: 0 }), 'ERR_SHOP_RETRY_OPTION', 'deadlines.concurrency'],
  [
    'idempotency without a store',
    () => idempotency(as({ principal: () => 'x' })),
    'ERR_SHOP_RETRY_OPTION',
    'idempotency.store',
  ],
  [
    'idempotency without a principal',
    () => idempotency(as({ store: memoryStore() })),
    'ERR_SHOP_RETRY_FUNCTION',
    'idempotency.principal',
  ],
])('%s is refused when it is built', (_what, build, code, option) => {
  let error: unknown
  try {
    build()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(RetryConfigError)
  expect(error).toMatchObject({ name: 'RetryConfigError', code, option })
  expect((error as RetryConfigError).help).toContain(code.toLowerCase())
})

test('the message names the option, the value and the range', () => {
  expect(() => retry({ attempts: 1000 })).toThrow('retry.attempts must be a whole number from 1 to 100, not 1000')
  expect(() => deadline('48h')).toThrow(
    `deadline must be a duration from 1 to 24h ('500ms', '2s', or milliseconds), not "48h"`,
  )
  expect(() => retry({ jitter: as({ secret: 1 }) })).toThrow('not an object')
})

test('a task that is no function is refused by the call', async () => {
  await expect(pipeline('p', []).run(as<() => void>(null))).rejects.toMatchObject({
    code: 'ERR_SHOP_RETRY_FUNCTION',
    option: 'p.run',
  })
})

test('a refusal carries no stack trace, a configuration error does', async () => {
  const result = await breaker({ mode: 'open' }).tryRun(() => 1)
  expect((result as { error: Error }).error.stack).not.toContain('\n    at ')
  expect(() => retry({ attempts: 0 })).toThrow(
    expect.objectContaining({ stack: expect.stringContaining('\n    at ') as string }),
  )
})
