export { adaptiveLimit, type AdaptiveLimit, type AdaptiveLimitOptions } from './lib/limit.ts'
export type { Jitter } from './lib/backoff.ts'
export {
  breaker,
  type Breaker,
  type BreakerChange,
  type BreakerMode,
  type BreakerOptions,
  type BreakerState,
} from './lib/breaker.ts'
export { type BudgetOptions, retryBudget, type RetryBudget } from './lib/budget.ts'
export { bulkhead, type Bulkhead, type BulkheadOptions } from './lib/bulkhead.ts'
export { classify, classifyResult } from './lib/classify.ts'
export { type ClusterLink, clusterLink, type ClusterLinkOptions } from './lib/cluster/link.ts'
export type { Transport } from './lib/cluster/transport.ts'
export type { Context, RunOptions, Task } from './lib/context.ts'
export { deadline, type Deadline } from './lib/deadline.ts'
export type { Duration } from './lib/duration.ts'
export { isRetryError, RETRY_ERRORS, RetryConfigError, RetryError, type RetryErrorCode } from './lib/errors.ts'
export { retryEvents } from './lib/events.ts'
export { fallback, type Fallback, type FallbackContext, type FallbackOptions } from './lib/fallback.ts'
export type { Priority } from './lib/gate.ts'
export { hedge, type Hedge, type HedgeOptions } from './lib/hedge.ts'
export { NETWORK } from './lib/network.ts'
export { pipeline, type Pipeline, type PipelineOptions } from './lib/pipeline.ts'
export type { Failed } from './lib/plan.ts'
export { DEADLINE_HEADER } from './lib/replaying-fetch.ts'
export type { Failure, Reason, Result, Success } from './lib/result.ts'
export { retry, type Retry, type RetryOptions } from './lib/retry.ts'
export { retryAfter } from './lib/retry-after.ts'
export { type Runtime, systemRuntime } from './lib/runtime.ts'
export { SQLSTATE } from './lib/sqlstate.ts'
export { standard, type StandardOptions } from './lib/standard.ts'
export { HTTP_STATUS } from './lib/status.ts'
export { Strategy } from './lib/strategy.ts'
export { STRIPE } from './lib/stripe.ts'
export { throttle, type Throttle, type ThrottleOptions } from './lib/throttle.ts'
export { timeout, type Timeout } from './lib/timeout.ts'
export {
  retryTransaction,
  type TransactionClient,
  type TransactionOptions,
  type TransactionPool,
} from './lib/transaction.ts'
export type { Retryable, Row, Verdict } from './lib/verdict.ts'
