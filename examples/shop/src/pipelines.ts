import { breaker, bulkhead, deadline, pipeline, retry, timeout, type Pipeline } from '@shop/retry'

/** One way to each thing the shop depends on: bounded in time, tried again where that is harmless, left alone when down. */
export interface Pipelines extends AsyncDisposable {
  readonly database: Pipeline
  readonly payments: Pipeline
  readonly mail: Pipeline
}

export function createPipelines(): Pipelines {
  const database = pipeline('postgres', [
    deadline('15s'),
    // only what was certainly not done: a deadlock, a serialization failure, a connection that never was
    retry({ attempts: 3, base: '20ms', unknown: 'fail' }),
    breaker({ calls: 50, failureRate: 0.6 }),
  ])
  const payments = pipeline('payments', [
    deadline('8s'),
    retry({ attempts: 4, base: '100ms' }),
    bulkhead({ limit: 20 }),
    breaker(),
    timeout('3s'),
  ])
  const mail = pipeline('mail', [
    deadline('1m'),
    retry({ attempts: 5, base: '500ms' }),
    bulkhead({ limit: 5, queue: 1_000 }),
    breaker(),
  ])
  return {
    database,
    payments,
    mail,
    async [Symbol.asyncDispose]() {
      await Promise.all([mail, payments, database].map((one) => one[Symbol.asyncDispose]()))
    },
  }
}
