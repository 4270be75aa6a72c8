import { breaker, deadline, pipeline, retry } from '../index.ts'
import { idempotency, memoryStore } from '../idempotency.ts'

const p = pipeline('p', [deadline('2s'), retry()])

// @ts-expect-error -- a unit nobody knows
deadline('2 weeks')
// @ts-expect-error -- a typo
retry({ attemps: 3 })
// @ts-expect-error -- a jitter that does not exist
retry({ jitter: 'lots' })
// @ts-expect-error -- the strategy, not the function that makes it
pipeline('p', [retry])
// @ts-expect-error -- a function, not its result
void p.run(42)
// @ts-expect-error -- an unknown priority
void p.run(() => 1, { priority: 'urgent' })
// @ts-expect-error -- immutable
p.name = 'other'
// @ts-expect-error -- the value is a number
export const text: Promise<string> = p.run(() => 1)
// @ts-expect-error -- the wrapped function keeps its arguments
void p.wrap((amount: number) => amount)('5')
// @ts-expect-error -- a failure has no value
export const value: number = (await p.tryRun(() => 1)).value
// @ts-expect-error -- a mode that does not exist
breaker({ mode: 'shut' })
// @ts-expect-error -- without a principal one customer could replay another's response
idempotency({ store: memoryStore() })
