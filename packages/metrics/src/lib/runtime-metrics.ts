import { readdirSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

import { counter } from './counter.ts'
import { type Gauge, gauge } from './gauge.ts'
import { histogram } from './histogram.ts'
import { onlyKnown } from './options.ts'
import { once, type Register, type RegisteredMetric, registerOf } from './register.ts'

/** What {@link runtimeMetrics} takes. */
export interface RuntimeMetricsOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
}

type Place = { readonly register: Register }

const installed = new WeakMap<Register, Disposable>()

/**
 * Node itself by OpenTelemetry's conventions: event loop delay and utilisation, garbage collection, heap; and the
 * process by Prometheus' own names (`process_cpu_seconds_total`, `process_resident_memory_bytes`, …).
 * @returns what stops the measuring and takes its metrics out of the registry; the same for a second call
 */
export function runtimeMetrics(options: RuntimeMetricsOptions = {}): Disposable {
  onlyKnown('runtimeMetrics()', options, ['register'])
  const register = registerOf('runtimeMetrics()', options.register)
  return once(installed, register, () => {
    const before = new Set(register.getMetricsAsArray())
    const place = { register }
    const stops = [eventLoop(place), garbage(place)]
    heap(place)
    processItself(place)
    const made = register.getMetricsAsArray().filter((metric) => !before.has(metric)) as RegisteredMetric[]
    return () => {
      for (const stop of stops) stop()
      for (const { name } of made) register.removeSingleMetric(name)
    }
  })
}

function eventLoop(place: Place): () => void {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const at = (what: string, help: string, read: () => number) => {
    const name = `nodejs_eventloop_delay_${what}_seconds`
    const made: Gauge = gauge({ ...place, name, help, aggregator: 'max', collect: () => made.set(seconds(read())) })
  }
  at('min', 'Shortest event loop delay since the last scrape', () => delay.min)
  at('mean', 'Mean event loop delay since the last scrape', () => delay.mean)
  at('p50', 'Median event loop delay since the last scrape', () => delay.percentile(50))
  at('p90', '90th percentile of event loop delay since the last scrape', () => delay.percentile(90))
  at('p99', '99th percentile of event loop delay since the last scrape', () => delay.percentile(99))
  at('max', 'Longest event loop delay since the last scrape', () => {
    const longest = delay.max
    delay.reset() // the last one read begins the next interval
    return longest
  })
  let before = performance.eventLoopUtilization()
  const utilization = gauge({
    ...place,
    name: 'nodejs_eventloop_utilization_ratio',
    help: 'Share of time the event loop was busy since the last scrape, 0 to 1',
    aggregator: 'average',
    collect() {
      const now = performance.eventLoopUtilization()
      utilization.set(performance.eventLoopUtilization(now, before).utilization)
      before = now
    },
  })
  return () => delay.disable()
}

// the histogram is empty, or says NaN, until its first tick
function seconds(nanoseconds: number): number {
  return nanoseconds < 1e15 ? nanoseconds / 1e9 : 0
}

const GC_KINDS: Readonly<Record<number, string>> = {
  1: 'minor',
  2: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weakcb',
}

function garbage(place: Place): () => void {
  const duration = histogram({
    ...place,
    name: 'v8js_gc_duration_seconds',
    help: 'Duration of garbage collections, by kind',
    labelNames: ['v8js_gc_type'],
    buckets: [0.001, 0.01, 0.1, 1, 10],
  })
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail
      duration.observe({ v8js_gc_type: GC_KINDS[kind] ?? 'other' }, entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => observer.disconnect()
}

function heap(place: Place): void {
  const shape = { ...place, labelNames: ['v8js_heap_space_name'] } as const
  const limit = gauge({ ...shape, name: 'v8js_memory_heap_limit_bytes', help: 'Memory allocated for a heap space' })
  gauge({
    ...place,
    name: 'nodejs_heap_size_limit_bytes',
    help: 'What the whole heap may grow to before the process dies',
  }).set(getHeapStatistics().heap_size_limit)
  const used = gauge({
    ...shape,
    name: 'v8js_memory_heap_used_bytes',
    help: 'Memory used in a heap space',
    collect() {
      for (const space of getHeapSpaceStatistics()) {
        const label = { v8js_heap_space_name: space.space_name }
        used.set(label, space.space_used_size)
        limit.set(label, space.space_size)
      }
    },
  })
}

function processItself(place: Place): void {
  let before = { user: 0, system: 0 }
  const cpu = counter({
    ...place,
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, user and system',
    collect() {
      const now = process.cpuUsage()
      cpu.inc((now.user - before.user + now.system - before.system) / 1e6)
      before = now
    },
  })
  const reading = (name: string, help: string, read: () => number) => {
    const made: Gauge = gauge({
      ...place,
      name,
      help,
      aggregator: name === 'process_start_time_seconds' ? 'min' : 'sum',
      collect: () => made.set(read()),
    })
  }
  reading('process_resident_memory_bytes', 'Memory of the process in RAM', () => process.memoryUsage.rss())
  reading(
    'process_start_time_seconds',
    'When the process started, in seconds since 1970',
    () => performance.timeOrigin / 1000,
  )
  reading(
    'nodejs_active_resources',
    'Resources that keep the event loop alive',
    () => process.getActiveResourcesInfo().length,
  )
  const version = gauge({
    ...place,
    name: 'nodejs_version_info',
    help: 'Version of Node',
    labelNames: ['version'],
    aggregator: 'first',
  })
  version.set({ version: process.version }, 1)
  if (process.platform !== 'linux') return
  reading('process_open_fds', 'Open file descriptors', () => readdirSync('/proc/self/fd').length - 1)
  reading('process_max_fds', 'Most file descriptors the process may open', () =>
    Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.NaN),
  )
}
