import { type ChildProcess, fork } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'

import fc from 'fast-check'
import { Counter as PromCounter, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { Joined } from './cluster-joined.ts'
import { clusterMetrics } from './cluster-primary.ts'
import { Changes, reportToPrimary } from './cluster-worker.ts'
import { counter } from './counter.ts'
import { expositionText } from './exposition.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'

describe('a cluster', () => {
  it('joins its workers, keeps what dead ones counted, and waits for no hung one', async () => {
    await using app = await start()
    for (const to of [0, 1]) await app.say(to, 'work')
    const text = await app.scrape()
    for (const line of [
      'orders_total{status="paid"} 3',
      'wait_seconds_bucket{le="1.0"} 2',
      'wait_seconds_bucket{le="+Inf"} 4',
      'wait_seconds_sum 5',
      'queue_length{name="mail"} 3',
      'hottest_celsius 20',
      'old_total{x="a"} 3',
      'old_load 1.5',
      'shop_cluster_workers{state="answered"} 2',
    ]) {
      expect(text).toContain(`\n${line}\n`)
    }
    expect(await app.scrape('application/openmetrics-text')).toMatch(
      /wait_seconds_bucket\{le="1.0"\} 2 # \{trace_id="(1|2)+"/,
    )
    await app.say(0, 'work')
    await app.scrape()
    await app.say(0, 'die')
    const after = await app.scrape()
    for (const line of [
      'orders_total{status="paid"} 4',
      'queue_length{name="mail"} 2',
      'old_load 2',
      'shop_cluster_workers{state="answered"} 1',
    ]) {
      expect(after).toContain(`\n${line}\n`)
    }
    await app.say(1, 'hang')
    const started = performance.now()
    const late = await app.scrape()
    expect(performance.now() - started).toBeLessThan(3000)
    expect(late).toContain('\norders_total{status="paid"} 4\n')
    expect(late).toContain('shop_cluster_workers{state="late"} 1')
  })

  it('has as many counts as its workers had, however they are interleaved', async () => {
    const step = fc.record({
      worker: fc.nat(2),
      label: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.integer({ min: 0, max: 99 }),
      tell: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const joinedRegister = new Registry()
        const joined = new Joined(joinedRegister)
        const workers = Array.from({ length: 3 }, () => {
          const register = new Registry()
          const hits = counter({ name: 'hits_total', help: 'Hits', labelNames: ['x'], register, maxSeries: 3 })
          const size = histogram({
            name: 'size_bytes',
            help: 'Sizes',
            buckets: [10, 50],
            native: { maxBuckets: 20 },
            register,
          })
          const now = gauge({ name: 'now', help: 'Now', register })
          const old = new PromCounter({ name: 'old_total', help: 'Old', registers: [register] })
          return { hits, size, now, old, changes: new Changes(register) }
        })
        const tell = async (index: number): Promise<void> => {
          joined.take(index, JSON.parse(JSON.stringify(await workers[index]!.changes.since(0))) as never)
        }
        let total = 0
        for (const { worker, label, value, tell: now } of steps) {
          const at = workers[worker]!
          at.hits.inc({ x: label }, value)
          at.size.observe(value)
          at.now.set(value)
          at.old.inc(value)
          total += value
          if (now) await tell(worker)
        }
        for (const index of [0, 1, 2]) await tell(index)
        joined.settle()
        const text = await expositionText(joinedRegister)
        const value = (pattern: RegExp): number =>
          [...text.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number), 0)
        expect(value(/^hits_total\S* (\S+)$/gm)).toBe(total)
        expect(value(/^old_total (\S+)$/gm)).toBe(total)
        expect(value(/^size_bytes_sum (\S+)$/gm)).toBe(total)
        expect(value(/^size_bytes_count (\S+)$/gm)).toBe(steps.length)
        const size = joinedRegister.getSingleMetric('size_bytes') as unknown as {
          all(): Iterable<{ native: { zero: number; positive: { run(): { counts: number[] } } } }>
        }
        const [series] = size.all()
        expect(series!.native.zero + series!.native.positive.run().counts.reduce((a, b) => a + b, 0)).toBe(steps.length)
      }),
      { numRuns: 60 },
    )
  })

  it('is refused in the wrong kind of process', () => {
    expect(cluster.isPrimary || cluster.isWorker).toBe(true)
    const wrong = cluster.isWorker ? () => clusterMetrics() : () => reportToPrimary()
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_CLUSTER' }))
  })
})

async function start(): Promise<
  { say(to: number, say: string): Promise<void>; scrape(accept?: string): Promise<string> } & AsyncDisposable
> {
  const child: ChildProcess = fork(new URL('../../fixtures/cluster.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return {
    async say(to, say) {
      child.send({ to, say })
      await once(child, 'message')
    },
    scrape: async (accept = 'text/plain') =>
      `\n${await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } })).text()}`,
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}
