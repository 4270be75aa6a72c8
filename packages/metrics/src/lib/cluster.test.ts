import { type ChildProcess, fork } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'

import fc from 'fast-check'
import { Counter as PromCounter, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { Joined } from './cluster-joined.ts'
import type { Ask, Changed } from './cluster-message.ts'
import { clusterMetrics } from './cluster-primary.ts'
import { Changes, reportToPrimary } from './cluster-worker.ts'
import { counter } from './counter.ts'
import { exposition, expositionText } from './exposition.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'

const NUMBER = String.raw`(?:-?[\d.]+(?:e[+-]\d+)?|NaN|[+-]Inf)`
const LABELS = String.raw`\{(?:,?[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*")+\}`
const LINE = new RegExp(
  String.raw`^(?:|# EOF|# (?:HELP|TYPE) [\w:]+ .*|[a-zA-Z_:][\w:]*(?:${LABELS})? ${NUMBER}(?: # ${LABELS} ${NUMBER} \d+\.\d{3})?)$`,
)

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
      'jobs_total{kind="mail",of="shop"} 13',
      'load 8',
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

  it('takes all but what one worker defines otherwise, and says so at each scrape', async () => {
    await using app = await start()
    for (const to of [0, 1]) await app.say(to, 'work')
    await app.scrape()
    const text = await app.scrape()
    expect(text).toContain('\norders_total{status="paid"} 3\n')
    expect(text).toContain('\nodd_seconds_count 1\n')
    expect(text.match(/^odd_level\{.*$/gm)).toEqual([expect.stringMatching(/^odd_level\{[ab]="1"\} 1$/)])
    for (const metric of ['odd_seconds', 'odd_level'])
      expect(text).toContain(`\nshop_metrics_collector_errors_total{metric="${metric}"} 2\n`)
    const samples = [...text.matchAll(/^([^#\n].*) \S+$/gm)].map(([, sample]) => sample)
    expect(new Set(samples).size).toBe(samples.length)
  })

  it('shows no gauge of the dead, begins anew when it is made anew, and counts nothing twice', async () => {
    await using app = await start()
    for (const to of [0, 1]) await app.say(to, 'work')
    await app.scrape()
    await app.say(0, 'anew')
    for (const to of [0, 1]) await app.say(to, 'again')
    const anew = await app.scrape()
    for (const line of ['orders_total{status="paid"} 3', 'jobs_total{kind="mail",of="shop"} 13', 'hottest_celsius 20'])
      expect(anew).toContain(`\n${line}\n`)
    expect(await app.say(0, 'other')).toBe('ERR_SHOP_METRICS_CLUSTER')
    for (const to of [0, 1]) await app.say(to, 'die')
    const after = await app.scrape()
    for (const line of ['orders_total{status="paid"} 3', 'jobs_total{kind="mail",of="shop"} 13', 'load 5'])
      expect(after).toContain(`\n${line}\n`)
    expect(after).not.toMatch(/^(hottest_celsius|queue_length|old_load|odd_level)/m)
  })

  it('stands, and is well scraped, whatever a worker says', async () => {
    const honest = new Registry()
    counter({ name: 'honest_total', help: 'Honest', register: honest }).inc(7)
    const liar = new Registry()
    const lies = [
      counter({ name: 'lies_total', help: 'Lies', labelNames: ['x'], register: liar }).bind({ x: 'a' }),
      gauge({ name: 'size', help: 'Size', labelNames: ['x'], register: liar }).bind({ x: 'a' }),
      new PromCounter({ name: 'old_total', help: 'Old', labelNames: ['x'], registers: [liar] }).labels({ x: 'a' }),
    ]
    const wait = histogram({ name: 'wait_seconds', help: 'Waits', native: true, exemplars: true, register: liar })
    const changes = new Changes(liar)
    const told: Changed[] = []
    for (let i = 0; i < 3; i++) {
      for (const one of lies) one.inc(1)
      wait.observe(1, { traceId: '1'.repeat(32), spanId: '1'.repeat(16), sampled: true })
      told.push(await changes.since())
    }
    const lie = fc.record({
      at: fc.nat(1e6),
      instead: fc.oneof(
        fc.anything({ withBigInt: true, withMap: true, withSparseArray: true, withTypedArray: true }),
        fc.constantFrom(Number.NaN, Infinity, -1, -2, 0.5, 1e9, 2 ** 53, 1e308, null, '', '"\n', 'length', '__proto__'),
      ),
    })
    let id = 1000
    await fc.assert(
      fc.asyncProperty(fc.array(lie, { minLength: 1, maxLength: 4 }), async (changed) => {
        using metrics = clusterMetrics({ timeout: 20 })
        const answers = [[await new Changes(honest).since()], lying(told, changed)]
        const thrown: unknown[] = []
        const workers = answers.map((each) => speaker(++id, [...each], thrown))
        for (const worker of workers) cluster.workers![worker.id] = worker
        try {
          for (let i = 0; i < 4; i++) {
            const text = await expositionText(metrics.register, 'openmetrics')
            expect(text).toContain('\nhonest_total 7\n')
            expect(text.split('\n').filter((line) => !LINE.test(line))).toEqual([])
            for await (const _ of exposition(metrics.register, 'protobuf')) void _
          }
          expect(thrown).toEqual([])
        } finally {
          for (const worker of workers) {
            delete cluster.workers![worker.id]
            cluster.emit('exit', worker)
          }
        }
      }),
      { numRuns: 300 },
    )
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
          joined.take(index, JSON.parse(JSON.stringify(await workers[index]!.changes.since())) as never)
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

  it('adds to what the primary has itself, whatever else that was defined with', async () => {
    const made = (register: Registry): void => {
      counter({ name: 'jobs_total', help: 'Jobs', labelNames: ['kind'], idle: '10m', register }).inc({ kind: 'a' }, 2)
      histogram({ name: 'job_seconds', help: 'Time', buckets: [1, 2], idle: '10m', register }).observe(1.5)
    }
    const [worker, primary] = [new Registry(), new Registry()]
    made(worker)
    made(primary)
    const joined = new Joined(primary)
    joined.take(1, await new Changes(worker).since())
    joined.settle()
    const text = await expositionText(primary)
    expect(text).toContain('jobs_total{kind="a"} 4')
    expect(text).toContain('job_seconds_bucket{le="2.0"} 2')
    expect(text).not.toContain('shop_metrics_collector_errors_total{')
  })

  it('keeps the resolution of a native histogram, from the coarsest to the finest', async () => {
    for (let schema = -4; schema <= 8; schema++) {
      const [register, joinedRegister] = [new Registry(), new Registry()]
      const { native } = histogram({ name: 'size', help: 'Sizes', native: { factor: 2 ** (2 ** -schema) }, register })
      new Joined(joinedRegister).take(1, await new Changes(register).since())
      expect(joinedRegister.getSingleMetric('size')).toMatchObject({ native })
    }
  })

  it('is refused in the wrong kind of process', () => {
    expect(cluster.isPrimary || cluster.isWorker).toBe(true)
    const wrong = cluster.isWorker ? () => clusterMetrics() : () => reportToPrimary()
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_CLUSTER' }))
  })

  it('is joined in one place at a time', () => {
    const first = clusterMetrics()
    expect(() => clusterMetrics()).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_CLUSTER' }))
    first[Symbol.dispose]()
    using second = clusterMetrics()
    first[Symbol.dispose]()
    expect(() => clusterMetrics()).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_CLUSTER' }))
    expect(second.register).not.toBe(first.register)
  })
})

/** What a worker would have told, with other things in some places. */
function lying(
  told: readonly unknown[],
  lies: readonly { readonly at: number; readonly instead: unknown }[],
): unknown[] {
  const answers = structuredClone(told) as unknown[]
  for (const { at, instead } of lies) {
    const places: [Record<string, unknown>, string][] = []
    const walk = (value: unknown): void => {
      for (const key of Object.keys((value ?? {}) as object)) {
        places.push([value as Record<string, unknown>, key])
        if (typeof value === 'object') walk((value as Record<string, unknown>)[key])
      }
    }
    walk(answers)
    const [holder, key] = places[at % places.length]!
    if (!ArrayBuffer.isView(holder) && typeof holder === 'object') holder[key] = instead
  }
  return answers
}

/** A worker that answers each question with the next of its sayings, and keeps what that made the primary throw. */
function speaker(id: number, sayings: unknown[], thrown: unknown[]): Worker {
  const nothing = { families: [], series: [], rows: [], natives: [], exemplars: [] }
  const worker = {
    id,
    isConnected: () => true,
    isDead: () => false,
    send({ session, ask }: Ask) {
      const said = sayings.shift() ?? nothing
      try {
        cluster.emit('message', worker, said)
        cluster.emit('message', worker, { ...(said as object), type: 'shop-metrics:told', session, ask })
      } catch (error) {
        thrown.push(error)
      }
    },
  }
  return worker as unknown as Worker
}

async function start(): Promise<
  { say(to: number, say: string): Promise<unknown>; scrape(accept?: string): Promise<string> } & AsyncDisposable
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
      const [answer] = (await once(child, 'message')) as [unknown]
      return answer
    },
    scrape: async (accept = 'text/plain') =>
      `\n${await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } })).text()}`,
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}
