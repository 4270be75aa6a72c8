import type { Scenario, Trigger } from './scenario.ts'
import type { VirtualRuntime } from './virtual.ts'

/** One request as the server sees it. */
export interface Job {
  readonly key: number
  /** When the client will stop waiting, as it said; Infinity when it said nothing. */
  readonly due: number
  readonly answer: (error: Error | undefined) => void
}

/** Where jobs wait for a worker: first in first out, or a policy's queue. */
export interface Line {
  readonly size: number
  push(job: Job, now: number): void
  shift(now: number): Job | undefined
}

/** First in, first out; what its client has long given up is executed all the same. */
export class Fifo implements Line {
  #jobs: Job[] = []
  #head = 0

  get size(): number {
    return this.#jobs.length - this.#head
  }

  push(job: Job): void {
    this.#jobs.push(job)
  }

  shift(): Job | undefined {
    const job = this.#jobs[this.#head]
    if (job) this.#head++
    if (this.#head > 4096) {
      this.#jobs = this.#jobs.slice(this.#head)
      this.#head = 0
    }
    return job
  }
}

const SHARDS = 10

/** A server with a few workers, a queue, and bad times. */
export class Server {
  readonly #runtime: VirtualRuntime
  readonly #scenario: Scenario
  readonly #line: Line
  #workers: number
  #busy = 0
  #trouble: Trigger | undefined
  /** Milliseconds of work done. */
  worked = 0

  constructor(runtime: VirtualRuntime, scenario: Scenario, line: Line) {
    this.#runtime = runtime
    this.#scenario = scenario
    this.#line = line
    this.#workers = scenario.workers ?? 10
  }

  /** The trigger begins, or (undefined) ends. */
  trouble(trigger: Trigger | undefined): void {
    this.#trouble = trigger
    this.#workers = Math.max(1, Math.round((this.#scenario.workers ?? 10) * (trigger?.capacity ?? 1)))
    this.#pull()
  }

  receive(job: Job): void {
    const trouble = this.#trouble
    const fate = trouble?.dead ?? (job.key % SHARDS === 0 ? trouble?.shard : undefined)
    if (fate === 'hang') return
    if (fate === 'refuse') return job.answer(failure('ECONNREFUSED'))
    if (this.#runtime.random() < Math.max(this.#scenario.errors ?? 0, trouble?.errors ?? 0))
      return job.answer(failure(500))
    if (this.#line.size >= (this.#scenario.queueLimit ?? Infinity)) return job.answer(failure(503))
    this.#line.push(job, this.#runtime.now())
    this.#pull()
  }

  #pull(): void {
    while (this.#busy < this.#workers) {
      const job = this.#line.shift(this.#runtime.now())
      if (!job) return
      this.#busy++
      const ms = this.#serviceTime()
      this.worked += ms
      this.#runtime.after(ms, () => {
        this.#busy--
        job.answer(undefined)
        this.#pull()
      })
    }
  }

  #serviceTime(): number {
    const { serviceMs = 10, stragglers = 0, stragglerFactor = 30 } = this.#scenario
    const straggles = stragglers > 0 && this.#runtime.random() < stragglers
    return this.#runtime.exponential(serviceMs) * (this.#trouble?.slower ?? 1) * (straggles ? stragglerFactor : 1)
  }
}

function failure(what: 'ECONNREFUSED' | 500 | 503): Error {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = Object.assign(new Error(String(what)), typeof what === 'number' ? { status: what } : { code: what })
  Error.stackTraceLimit = limit
  return error
}
