import cluster, { type Worker } from 'node:cluster'
import { randomUUID } from 'node:crypto'

import { Registry } from 'prom-client'

import { CLUSTER_WORKERS, Joined } from './cluster-joined.ts'
import type { Ask, Told } from './cluster-message.ts'
import { type Duration, milliseconds } from './duration.ts'
import { MetricsError } from './errors.ts'
import { gauge } from './gauge.ts'
import { onlyKnown } from './options.ts'
import { type Register, registerOf } from './register.ts'

/** What {@link clusterMetrics} takes. */
export interface ClusterMetricsOptions {
  /** The registry the workers' metrics are joined in. @default a new one */
  readonly register?: Register
  /** How long a scrape waits for workers; below a second. @default '500ms' */
  readonly timeout?: Duration
}

/** The metrics of all workers, joined in the primary. */
export interface ClusterMetrics extends Disposable {
  /** For `metricsEndpoint({ register })`; each scrape of it asks the workers first. */
  readonly register: Register
}

/**
 * In the primary of `node:cluster`: joins the metrics of all workers. Counters and histograms are summed and keep what
 * dead workers counted; gauges are joined by their `aggregator` over the living. A worker that is dead, hung or late
 * never fails a scrape: what it told before stands, and what it tells late is counted then.
 * Disposed and made anew, it begins anew: workers tell everything again, dead ones nothing.
 * @throws ERR_SHOP_METRICS_CLUSTER outside of the primary, or while another one is live
 */
export function clusterMetrics(options: ClusterMetricsOptions = {}): ClusterMetrics {
  onlyKnown('clusterMetrics()', options, ['register', 'timeout'])
  if (!cluster.isPrimary)
    throw new MetricsError('ERR_SHOP_METRICS_CLUSTER', 'clusterMetrics(): this process is a worker of node:cluster')
  if (live !== undefined)
    throw new MetricsError('ERR_SHOP_METRICS_CLUSTER', 'clusterMetrics(): there is one already; use it or dispose it')
  const register = registerOf('clusterMetrics()', options.register ?? new Registry())
  const timeout = milliseconds('clusterMetrics(): timeout', options.timeout, '500ms', 1)
  if (timeout >= 1000)
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `clusterMetrics(): timeout ${timeout} ms is not below 1000`)
  const session = randomUUID()
  const joined = new Joined(register)
  const waiting = new Map<number, Round>()
  let asked = 0
  let running: Promise<void> | undefined
  const workers = gauge({
    register,
    name: CLUSTER_WORKERS,
    help: 'Workers at the last scrape, by whether they answered in time',
    labelNames: ['state'],
    collect: () => (running ??= ask().finally(() => (running = undefined))),
  })

  async function ask(): Promise<void> {
    const message: Ask = { type: 'shop-metrics:ask', session, ask: ++asked }
    const round = new Round(timeout)
    waiting.set(message.ask, round)
    let sent = 0
    for (const worker of Object.values(cluster.workers ?? {})) {
      if (!worker?.isConnected()) continue
      round.expect(worker.id)
      sent++
      worker.send(message, undefined, (error) => error && round.answered(worker.id))
    }
    const late = await round.done()
    waiting.delete(message.ask)
    workers.set({ state: 'answered' }, sent - late)
    workers.set({ state: 'late' }, late)
    joined.settle()
  }

  const onMessage = (worker: Worker, message: Told): void => {
    if (message?.type !== 'shop-metrics:told' || message.session !== session || worker.isDead()) return
    joined.take(worker.id, message)
    waiting.get(message.ask)?.answered(worker.id)
  }
  const onExit = (worker: Worker): void => {
    joined.forget(worker.id)
    for (const round of waiting.values()) round.answered(worker.id)
  }
  cluster.on('message', onMessage)
  cluster.on('exit', onExit)
  live = session
  return {
    register,
    [Symbol.dispose]() {
      if (live !== session) return
      live = undefined
      cluster.off('message', onMessage)
      cluster.off('exit', onExit)
      joined[Symbol.dispose]()
      register.removeSingleMetric(CLUSTER_WORKERS)
    },
  }
}

/** The one session that workers follow: between two they would begin anew at each ask. */
let live: string | undefined

/** One question to all workers, and who has not answered it yet. */
class Round {
  readonly #missing = new Set<number>()
  readonly #ended = Promise.withResolvers<void>()
  readonly #timer: NodeJS.Timeout

  constructor(timeout: number) {
    this.#timer = setTimeout(this.#ended.resolve, timeout)
  }

  expect(worker: number): void {
    this.#missing.add(worker)
  }

  answered(worker: number): void {
    this.#missing.delete(worker)
    if (this.#missing.size === 0) this.#ended.resolve()
  }

  /** How many were too late. */
  async done(): Promise<number> {
    if (this.#missing.size > 0) await this.#ended.promise
    clearTimeout(this.#timer)
    return this.#missing.size
  }
}
